"""Labels as files write them: classes by the names of their columns, and two values of any kind."""

from collections.abc import Mapping

import pytest
from numpy.testing import assert_allclose

import lossctl

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
