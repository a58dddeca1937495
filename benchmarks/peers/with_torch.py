"""The works in torch on the CPU, float64, on columns read by pyarrow without a copy where there is one chunk.

python benchmarks/peers/with_torch.py WORK FILE
"""

import sys
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn import functional as F  # noqa: N812

CLASSES, SMOOTH = range(10), 1e-6


class Columns:
    """The columns of a file as tensors."""

    def __init__(self, file: str, *names: str) -> None:
        self.table = pq.read_table(file, columns=list(names))

    def whole(self, name: str) -> pa.Array:
        chunks = self.table.column(name)
        return chunks.chunk(0) if chunks.num_chunks == 1 else pa.concat_arrays(chunks.chunks)

    def __getitem__(self, name: str) -> torch.Tensor:
        return torch.from_dlpack(self.whole(name))

    def matrix(self, name: str) -> torch.Tensor:
        """A list column of equal lengths, a row per row."""
        return torch.from_dlpack(self.whole(name).flatten()).reshape(self.table.num_rows, -1)

    def stack(self, names: list[str]) -> torch.Tensor:
        return torch.stack([self[name] for name in names], dim=1)

    def lengths(self, name: str) -> torch.Tensor:
        offsets = torch.from_dlpack(self.whole(name).offsets)
        return (offsets[1:] - offsets[:-1]).long()


def bce_with_logits(file: str) -> torch.Tensor:
    data = Columns(file, "y_true", "logit")
    return F.binary_cross_entropy_with_logits(data["logit"], data["y_true"].double())


def cross_entropy(file: str) -> torch.Tensor:
    names = [f"logit_{at}" for at in CLASSES]
    data = Columns(file, "y_true", *names)
    return F.cross_entropy(data.stack(names), data["y_true"])


def cross_entropy_list(file: str) -> torch.Tensor:
    data = Columns(file, "y_true", "logits")
    return F.cross_entropy(data.matrix("logits"), data["y_true"])


def kl_divergence(file: str) -> torch.Tensor:
    target, pred = [f"p_{at}" for at in CLASSES], [f"q_{at}" for at in CLASSES]
    data = Columns(file, *target, *pred)
    return F.kl_div(data.stack(pred).log(), data.stack(target), reduction="batchmean")


def _dice(overlap: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    return (1 - (2 * overlap + SMOOTH) / (sizes + SMOOTH)).mean()


def dice(file: str) -> torch.Tensor:
    data = Columns(file, "image", "y_true", "prob")
    image, target, prob = data["image"], data["y_true"], data["prob"]
    return _dice(torch.bincount(image, prob * target), torch.bincount(image, prob + target))


def dice_nested(file: str) -> torch.Tensor:
    data = Columns(file, "y_true", "prob")
    target, prob = data.matrix("y_true"), data.matrix("prob")
    return _dice((prob * target).sum(dim=1), prob.sum(dim=1) + target.sum(dim=1))


def triplet(file: str) -> torch.Tensor:
    names = "anchor", "positive", "negative"
    data = Columns(file, *names)
    return F.triplet_margin_loss(*(data.matrix(name) for name in names), margin=1.0, eps=0.0)


def ctc(file: str) -> torch.Tensor:
    data = Columns(file, "logits", "classes")
    rows, steps, sizes = data.whole("logits").flatten(), data.lengths("logits"), data.lengths("classes")
    scores = torch.from_dlpack(rows.flatten()).reshape(len(rows), -1)
    padded = torch.nn.utils.rnn.pad_sequence(torch.split(F.log_softmax(scores, dim=1), steps.tolist()))
    target = torch.from_dlpack(data.whole("classes").flatten())
    return F.ctc_loss(padded, target, steps, sizes, blank=0, reduction="none").mean()


def nt_xent(file: str) -> torch.Tensor:
    """Two views per label, side by side: each row has one positive, so the other views are its negatives."""
    data = Columns(file, "batch", "label", "embedding")
    embedding = F.normalize(data.matrix("embedding"), dim=1)
    sizes = torch.unique_consecutive(data["batch"], return_counts=True)[1].tolist()
    total = torch.zeros((), dtype=torch.float64)
    for views in torch.split(embedding, sizes):
        scores = (views @ views.T / 0.5).fill_diagonal_(-torch.inf)
        total += F.cross_entropy(scores, torch.arange(len(views)) ^ 1, reduction="sum")
    return total / len(embedding)


WORKS: dict[str, Callable[[str], torch.Tensor]] = {
    "bce_with_logits": bce_with_logits,
    "cross_entropy": cross_entropy,
    "cross_entropy_list": cross_entropy_list,
    "kl_divergence": kl_divergence,
    "dice": dice,
    "dice_nested": dice_nested,
    "triplet": triplet,
    "ctc": ctc,
    "nt_xent": nt_xent,
}

if __name__ == "__main__":
    print(repr(WORKS[sys.argv[1]](sys.argv[2]).item()))
