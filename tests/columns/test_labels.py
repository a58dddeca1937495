"""Labels as files write them: classes by the names of their columns, and two values of any kind."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

import lossctl
from support import write_parquet

LEFT, RIGHT = [2.0, -1.0, 0.5], [0.0, 1.0, 1.5]
NAMES = [
    ("prob_c0", "prob_c1", "c0", "c1"),  # a number after the same letters
    ("class_1", "class_2", "class_1", "class_2"),  # the columns' own names
    ("c0", "c1", "c0", "c1"),
    ("prob_new_york", "prob_new_jersey", "new_york", "new_jersey"),
    ("prob_new_york", "prob_new_jersey", "york", "jersey"),
    ("old_york_prob", "new_york_prob", "old_york", "new_york"),
]


@pytest.mark.parametrize(("left", "right", "first", "second"), NAMES)
def test_a_class_is_matched_to_the_column_named_after_it(left: str, right: str, first: str, second: str) -> None:
    expected = lossctl.compute("cross_entropy", {"target": [1, 0, 1], "logit_0": LEFT, "logit_1": RIGHT})
    data: Mapping[str, object] = {"target": [second, first, second], left: LEFT, right: RIGHT}
    found = lossctl.compute("cross_entropy", data, pred=f"{left},{right}")
    assert found.value == expected.value
    weighted = lossctl.compute("cross_entropy", data, pred=f"{left},{right}", class_weight=f"{second}=3,{first}=1")
    numbers = lossctl.compute("cross_entropy", data, pred=f"{left},{right}", class_weight=[1.0, 3.0])
    assert weighted.value == numbers.value


def test_class_indexes_still_match_columns_that_end_in_them() -> None:
    data = {"target": [1, 0, 1], "c1": RIGHT, "c0": LEFT}
    expected = lossctl.compute("cross_entropy", {"target": [1, 0, 1], "logit_0": LEFT, "logit_1": RIGHT})
    assert_allclose(lossctl.compute("cross_entropy", data, pred="c1,c0").value, expected.value, rtol=1e-15)


MASKS = [
    "dice", "generalized_dice", "jaccard", "tversky", "focal_tversky", "mcc_loss", "lovasz_hinge", "lovasz_softmax"
]  # fmt: skip


@pytest.mark.parametrize("loss", MASKS)
@pytest.mark.parametrize("labels", [("bg", "fg"), (1, 2), (False, True), (-1, 1)])
def test_masks_are_written_in_any_two_values(loss: str, labels: tuple[object, object], tmp_path: Path) -> None:
    scores, mask = [0.9, 0.2, 0.4, 0.7, 0.3], [1, 0, 1, 1, 0]
    said = [labels[truth] for truth in mask]
    positive = {} if labels[0] in (False, -1) else {"positive_label": str(labels[1])}
    expected = lossctl.compute(loss, {"target": mask, "pred": scores}, pred="pred")
    found = lossctl.compute(loss, {"target": said, "pred": scores}, pred="pred", **positive)  # type: ignore[arg-type]
    assert found.value == expected.value
    nested = write_parquet(tmp_path / "masks.parquet", {"target": [said, said[:2]], "pred": [scores, scores[:2]]})
    report = lossctl.compute(loss, nested, reduction="none", pred="pred", **positive)  # type: ignore[arg-type]
    values = report.results[0].values
    assert values is not None
    assert_allclose(values[0], expected.value, rtol=1e-15)


def test_a_positive_label_beside_classes_is_refused() -> None:
    data = {"target": ["a", "b"], "prob_a": [0.5, 0.1], "prob_b": [0.5, 0.9]}
    with pytest.raises(lossctl.LossctlError, match="leave --positive-label out"):
        lossctl.compute("dice", data, positive_label="a")
