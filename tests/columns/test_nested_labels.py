"""Labels in lists, of units or of one row: text means what numbers mean, in every format that holds lists of it."""

import json
from itertools import accumulate, chain
from pathlib import Path

import pyarrow as pa
import pytest

import lossctl
from lossctl.declare import registry
from lossctl.declare.declaration import Loss
from lossctl.errors import LossctlError
from support import write_parquet

CLASSES = ("cat", "dog", "emu")
INDEXES = [[0, 2], [1, 1, 0], [2, 0]]
SCORES = [
    [[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]],
    [[0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]],
    [[0.1, 0.2, 0.7]] * 2,
]
NAMES = [[CLASSES[index] for index in row] for row in INDEXES]
BITS = [[1, 0], [0, 1, 1], [1, 0]]
WORDS = [["yes" if bit else "no" for bit in row] for row in BITS]
FIRST = [[0.9, 0.2], [0.3, 0.6, 0.8], [0.4, 0.1]]


def kinds(loss: Loss) -> set[str]:
    """What the target of a loss over units may hold, with a number per item and with several."""
    if loss.scope == "row" or any(parameter.required for parameter in loss.params.values()):
        return set()
    choices = [loss.roles_for(loss.resolve_params({}), loss.kernel, vectors) for vectors in (frozenset(), ALL)]
    return {role.role.kind for roles in choices for role in roles if role.name == "target"}


ALL = frozenset({"pred"})
OF_CLASSES = [loss.name for loss in registry.every() if kinds(loss) & {"class", "class or vector"}]
OF_BITS = [loss.name for loss in registry.every() if "binary" in kinds(loss)]
OF_ROWS = [
    loss.name
    for loss in registry.every()
    if loss.scope == "row"
    for role in loss.roles
    if role.name == "target" and role.role.kind == "binary" and role.role.shape in ("vector", "either")
]
OF_LABELS = [loss.name for loss in registry.every() if "label" in {role.role.kind for role in loss.roles}]
OF_LABELS = [name for name in OF_LABELS if registry.get(name).scope == "group"]


def coded(rows: list[list[str]]) -> pa.Array:
    """Lists of dictionary-encoded text, as data frames of categories bring them."""
    offsets = pa.array([0, *accumulate(map(len, rows))], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(list(chain(*rows))).dictionary_encode())


def test_the_lists_of_losses_hold_those_that_are_meant() -> None:
    assert {"dice", "jaccard", "lovasz_softmax", "expected_calibration_error"} <= set(OF_CLASSES)
    assert {"dice", "lovasz_hinge", "expected_calibration_error"} <= set(OF_BITS)
    assert {"nt_xent", "supcon"} <= set(OF_LABELS)


@pytest.mark.parametrize("loss", OF_CLASSES)
def test_names_of_classes_in_lists_are_their_indexes(loss: str) -> None:
    expected = lossctl.compute(loss, {"target": INDEXES, "pred": SCORES}).value
    for names in (NAMES, coded(NAMES)):
        assert lossctl.compute(loss, {"target": names, "pred": SCORES}, classes=CLASSES).value == expected
    other = [[str(10 * index) for index in row] for row in INDEXES]
    assert lossctl.compute(loss, {"target": other, "pred": SCORES}, classes=("0", "10", "20")).value == expected


@pytest.mark.parametrize("loss", OF_BITS)
def test_two_words_in_lists_are_labels(loss: str) -> None:
    expected = lossctl.compute(loss, {"target": BITS, "pred": FIRST}).value
    for words in (WORDS, coded(WORDS)):
        assert lossctl.compute(loss, {"target": words, "pred": FIRST}, positive_label="yes").value == expected
    for say in ({0: "false", 1: "true"}, {0: "0", 1: "1"}, {0: False, 1: True}, {0: -1, 1: 1}):
        target = [[say[bit] for bit in row] for row in BITS]
        assert lossctl.compute(loss, {"target": target, "pred": FIRST}).value == expected


@pytest.mark.parametrize("loss", OF_ROWS)
def test_labels_of_a_row_are_the_same_in_a_list_as_in_columns(loss: str) -> None:
    bits, pred = [[0, 1, 1], [1, 0, 0]], [[0, 1, 0], [1, 0, 1]]
    wide = {f"{name}_{at}": [row[at] for row in rows] for name, rows in (("t", bits), ("p", pred)) for at in range(3)}
    expected = lossctl.compute(loss, wide, target="t_*", pred="p_*").value
    assert lossctl.compute(loss, {"target": bits, "pred": pred}).value == expected
    for say in ({0: False, 1: True}, {0: "false", 1: "true"}, {0: -1, 1: 1}):
        target = [[say[bit] for bit in row] for row in bits]
        assert lossctl.compute(loss, {"target": target, "pred": pred}).value == expected
        with_gap = {"target": [None, *target, [None, *target[0][1:]]], "pred": [pred[0], *pred, pred[0]]}
        found = lossctl.compute(loss, with_gap, missing="skip")
        assert (found.value, found.results[0].skipped) == (expected, 2)


@pytest.mark.parametrize("loss", sorted({*OF_ROWS} - {"hamming"}))
def test_words_in_the_list_of_a_row_are_labels(loss: str) -> None:
    pred = [[0.3, 0.4, 0.5]] * 2
    expected = lossctl.compute(loss, {"target": [[0, 1, 1], [1, 0, 0]], "pred": pred}).value
    words = [["n", "y", "y"], ["y", "n", "n"]]
    assert lossctl.compute(loss, {"target": words, "pred": pred}, positive_label="y").value == expected


@pytest.mark.parametrize("loss", OF_ROWS)
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            [[0, 1, 2], [1, 0, 0], [3, 4, 5]],
            r"a label 0 or 1 is needed, and 2 rows hold something else: 2.0 in row 1, 3.0",
        ),
        ([[0, 1, -1], [1, 0, 0], [1, 0, 0]], "both 0 and -1 stand for the negative label"),
        ([["y", "n", "n"]] * 3, r"a label 0 or 1 is needed, and 3 rows .*'y' in row 1\."),
    ],
)
def test_lists_of_no_labels_are_refused(loss: str, target: object, said: str) -> None:
    with pytest.raises(LossctlError, match=said):
        lossctl.compute(loss, {"target": target, "pred": [[0, 1, 1]] * 3})


@pytest.mark.parametrize("loss", OF_LABELS)
def test_words_in_lists_are_labels_of_any_kind(loss: str) -> None:
    vectors = [[[1.0, 0.0], [0.9, 0.1]], [[0.0, 1.0], [0.5, 0.5], [0.1, 0.9]], [[1.0, 0.0], [0.8, 0.3]]]
    numbers, words = [[0, 0], [1, 0, 1], [2, 2]], [["a", "a"], ["b", "a", "b"], ["c", "c"]]
    expected = lossctl.compute(loss, {"label": numbers, "embedding": vectors}).value
    assert lossctl.compute(loss, {"label": words, "embedding": vectors}).value == expected


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_text_in_lists_is_read_from_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    columns = {"names": NAMES, "words": WORDS, "scores": SCORES, "first": FIRST}
    if suffix == "parquet":
        write_parquet(path, columns)
    else:
        rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    named = lossctl.compute("dice", path, target="names", pred="scores", classes=CLASSES).value
    assert named == lossctl.compute("dice", {"target": INDEXES, "pred": SCORES}).value
    worded = lossctl.compute("dice", path, target="words", pred="first", positive_label="yes").value
    assert worded == lossctl.compute("dice", {"target": BITS, "pred": FIRST}).value


def test_masks_of_lines_may_hold_text() -> None:
    scores = [[[[0.7, 0.1, 0.2], [0.2, 0.3, 0.5]], [[0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]]]
    expected = lossctl.compute("dice", {"target": [[[0, 2], [1, 1]]], "pred": scores}).value
    names = [[["cat", "emu"], ["dog", "dog"]]]
    assert lossctl.compute("dice", {"target": names, "pred": scores}, classes=CLASSES).value == expected


@pytest.mark.parametrize(
    ("target", "pred", "said", "options"),
    [
        ([["cat", "cow"]], SCORES[:1], r"'cow' in row 1", {"classes": CLASSES}),
        (NAMES, SCORES, r"'cat' in row 1.*\n.*--classes", {}),
        (WORDS, FIRST, r"'yes' in row 1.*\n.*--positive-label", {}),
        (WORDS, FIRST, r"no row holds the positive label 'maybe', but 'no' and 'yes'", {"positive_label": "maybe"}),
        ([["yes", "no"], ["maybe"]], [[0.1, 0.2], [0.3]], r"there are more", {"positive_label": "yes"}),
        ([["cat", None]], SCORES[:1], r"missing in 1 row \(first: row 1\)", {"classes": CLASSES}),
    ],
)
def test_words_that_mean_nothing_are_refused(
    target: object, pred: object, said: str, options: dict[str, object]
) -> None:
    with pytest.raises(LossctlError, match=said):
        lossctl.compute("dice", {"target": target, "pred": pred}, **options)


def test_a_unit_with_a_missing_name_is_skipped() -> None:
    data = {"target": [["cat", None], *NAMES[1:]], "pred": SCORES}
    found = lossctl.compute("dice", data, classes=CLASSES, missing="skip")
    assert found.value == lossctl.compute("dice", {"target": INDEXES[1:], "pred": SCORES[1:]}).value
    assert found.results[0].skipped == 1
