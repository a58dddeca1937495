"""Pitfalls with stable codes: what is seen, why it usually happens, what to do."""

from typing import Literal, NamedTuple


class Pitfall(NamedTuple):
    """One kind of finding, as `lossctl info CODE` explains it."""

    code: str
    severity: Literal["info", "warning", "error"]
    title: str  # behind a number of them
    single: str  # behind 1
    cause: str
    remedy: str


PITFALLS = {
    pitfall.code: pitfall
    for pitfall in (
        Pitfall(
            "LC101",
            "info",
            "rows were left out because a value is missing",
            "row was left out because a value is missing",
            "Null or NaN cells, and --missing skip.",
            "Fill the values in if they matter.",
        ),
        Pitfall(
            "LC102",
            "warning",
            "units do not count because their value is undefined",
            "unit does not count because its value is undefined",
            "A unit too small, or constant where a spread is divided by.",
            "Look at such units with --per-row; drop or merge them.",
        ),
        Pitfall(
            "LC103",
            "warning",
            "rows were paired with the truth by position",
            "row was paired with the truth by position",
            "--truth without --on.",
            "If the files' rows could be in another order, join them on keys with --on.",
        ),
        Pitfall(
            "LC104",
            "info",
            "rows are units of their own, whatever their --group",
            "row is a unit of its own, whatever its --group",
            "List columns of masks, images or lists of relevances: each row holds a whole unit.",
            "Leave --group out; where several rows make up a unit, write its items as rows.",
        ),
        Pitfall(
            "LC201",
            "warning",
            "probabilities were clipped",
            "probability was clipped",
            "A probability of 0 or 1 (or nearer than eps) has an infinite logarithm; the clip decides what it costs.",
            "Use the logits, or look at such rows with --per-row; --eps 0 gives infinity instead.",
        ),
        Pitfall(
            "LC211",
            "warning",
            "rows predict 0 where the truth does not",
            "row predicts 0 where the truth does not",
            "Q is 0 where P is not: the divergence is infinite.",
            "Predict logits, smooth Q, or use js_divergence, which stays finite.",
        ),
        Pitfall(
            "LC301",
            "warning",
            "targets at or near 0 decide a relative error",
            "target at or near 0 decides a relative error",
            "The error is divided by the size of the target.",
            "Use wape, smape or mase, or evaluate such rows apart with --by.",
        ),
        Pitfall(
            "LC311",
            "warning",
            "counts are not whole numbers",
            "count is not a whole number",
            "The target is an average or a rate, or has been scaled.",
            "Use the raw counts, or a deviance, which does not need them whole.",
        ),
        Pitfall(
            "LC312",
            "warning",
            "predicted variances below eps were raised to it",
            "predicted variance below eps was raised to it",
            "The model is over-confident, or the column holds something else than a variance.",
            "Check the column; --eps sets the least variance.",
        ),
        Pitfall(
            "LC321",
            "warning",
            "rows have predicted quantiles that cross",
            "row has predicted quantiles that cross",
            "Each level was fitted alone, or --levels stand in another order than the columns.",
            "Compare --levels with the columns; sort each row's quantiles, which never makes the score worse.",
        ),
        Pitfall(
            "LC303",
            "info",
            "rows have no pair of a true and a false label",
            "row has no pair of a true and a false label",
            "All labels of the row are true, or all are false: nothing can be ordered wrongly, and the row is worth 0.",
            "Leave such rows out with --where if they should not count.",
        ),
        Pitfall(
            "LC331",
            "warning",
            "targets are longer than their steps allow",
            "target is longer than its steps allow",
            "A target needs a step per label and one between repeated labels: no alignment fits, the loss is infinite.",
            "Check the lengths; --zero-infinity makes such rows worth 0.",
        ),
        Pitfall(
            "LC341",
            "warning",
            "units owe more than a tenth of their denominator to smoothing",
            "unit owes more than a tenth of its denominator to smoothing",
            "Their sums are hardly larger than --smooth: a few pixels, tiny probabilities or weights, or shares of 1.",
            "Set a smaller --smooth (0 leaves it out), or join such units by a coarser --group.",
        ),
        Pitfall(
            "LC342",
            "warning",
            "units have no positive in their target",
            "unit has no positive in its target",
            "Images without the object, a --group that is too fine, or a target that is not the mask.",
            "Such units are worth 0 where nothing is predicted and nearly 1 otherwise: "
            "evaluate them apart with --by, leave them out with --where, or add cross_entropy.",
        ),
        Pitfall(
            "LC511",
            "warning",
            "rows without a positive do not count",
            "row without a positive does not count",
            "No other row of the unit has their label.",
            "Check --group and the label column; larger batches, or views of each sample, give every row a positive.",
        ),
    )
}
