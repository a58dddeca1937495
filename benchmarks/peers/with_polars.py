"""The works in Polars: one lazy query each, run by the streaming engine.

python benchmarks/peers/with_polars.py WORK FILE
"""

import sys
from collections.abc import Callable

import polars as pl

Query = Callable[[pl.LazyFrame], pl.LazyFrame]

CLASSES = range(10)
LOGITS = [pl.col(f"logit_{at}") for at in CLASSES]
TRUE, PRED, PROB, SCORES = pl.col("y_true"), pl.col("y_pred"), pl.col("prob"), pl.col("logits")
SMOOTH = 1e-6


def total(parts: list[pl.Expr]) -> pl.Expr:
    return sum(parts[1:], start=parts[0])


def mse(data: pl.LazyFrame) -> pl.LazyFrame:
    return data.select(((PRED - TRUE) * (PRED - TRUE)).mean())


def huber(data: pl.LazyFrame) -> pl.LazyFrame:
    e = pl.col("e")
    return data.select(e=(PRED - TRUE).abs()).select(pl.when(e <= 1).then(0.5 * e * e).otherwise(e - 0.5).mean())


def bce_with_logits(data: pl.LazyFrame) -> pl.LazyFrame:
    logit = pl.col("logit")
    return data.select(((logit.exp() + 1).log() - TRUE * logit).mean())


def cross_entropy(data: pl.LazyFrame) -> pl.LazyFrame:
    normalizer = total([logit.exp() for logit in LOGITS]).log().mean()
    true = total([pl.when(TRUE.eq(at)).then(LOGITS[at]).otherwise(0.0).sum() for at in CLASSES])
    return data.select(normalizer - true / pl.len())


def cross_entropy_list(data: pl.LazyFrame) -> pl.LazyFrame:
    sums = SCORES.list.eval(pl.element().exp().sum()).list.first()
    return data.select((sums.log() - SCORES.list.get(TRUE)).mean())


def mse_by(data: pl.LazyFrame) -> pl.LazyFrame:
    squares, rows = pl.col("squares"), pl.col("rows")
    slices = data.group_by("region").agg(squares=((PRED - TRUE) * (PRED - TRUE)).sum(), rows=pl.len())
    whole = slices.select(squares.sum() / rows.sum())
    return pl.concat([whole, slices.sort("region").select(squares / rows)])


def mse_where(data: pl.LazyFrame) -> pl.LazyFrame:
    return mse(data.filter(pl.col("step").eq(0)))


def kl_divergence(data: pl.LazyFrame) -> pl.LazyFrame:
    terms = [pl.col(f"p_{at}") * (pl.col(f"p_{at}") / pl.col(f"q_{at}")).log() for at in CLASSES]
    return data.select(total(terms).mean())


def _dice(sums: pl.LazyFrame) -> pl.LazyFrame:
    overlap, sizes = pl.col("overlap"), pl.col("sizes")
    return sums.select((1 - (2 * overlap + SMOOTH) / (sizes + SMOOTH)).mean())


def dice(data: pl.LazyFrame) -> pl.LazyFrame:
    return _dice(data.group_by("image").agg(overlap=(PROB * TRUE).sum(), sizes=PROB.sum() + TRUE.sum()))


def dice_nested(data: pl.LazyFrame) -> pl.LazyFrame:
    return _dice(data.select(overlap=(PROB * TRUE).list.sum(), sizes=PROB.list.sum() + TRUE.list.sum()))


def triplet(data: pl.LazyFrame) -> pl.LazyFrame:
    def distance(other: str) -> pl.Expr:
        difference = pl.col("anchor") - pl.col(other)
        return (difference * difference).list.sum().sqrt()

    return data.select((distance("positive") - distance("negative") + 1).clip(0).mean())


WORKS: dict[str, Query] = {
    "mse": mse,
    "mse_csv": mse,
    "huber": huber,
    "bce_with_logits": bce_with_logits,
    "cross_entropy": cross_entropy,
    "cross_entropy_list": cross_entropy_list,
    "mse_by": mse_by,
    "mse_where": mse_where,
    "kl_divergence": kl_divergence,
    "dice": dice,
    "dice_nested": dice_nested,
    "triplet": triplet,
}


def main(work: str, file: str) -> None:
    scan = pl.scan_csv if file.endswith(".csv") else pl.scan_parquet
    found = WORKS[work](scan(file)).collect(engine="streaming")
    print(*(repr(value) for (value,) in found.rows()), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
