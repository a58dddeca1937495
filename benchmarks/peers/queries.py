"""The works as SQL, for DuckDB's Python package and its command line; `{file}` is the file.

Each is the quickest form we found that gives the value on this data. Logarithms of sums are taken without the shift
that keeps them finite beyond 709: lossctl shifts, and the peers are quicker without.
"""

CLASSES = range(10)
LOGIT_SUM = " + ".join(f"exp(logit_{at})" for at in CLASSES)
LOGIT_TRUE = "case y_true " + " ".join(f"when {at} then logit_{at}" for at in CLASSES) + " end"
KL_ROW = " + ".join(f"p_{at} * ln(p_{at} / q_{at})" for at in CLASSES)
DICE = "avg(1 - (2 * overlap + 1e-6) / (total + 1e-6))"
SQUARE = "(y_pred - y_true) * (y_pred - y_true)"

NT_XENT = """
with pair as (
    select a.row, a.label = b.label as same, 2 * list_cosine_similarity(a.embedding, b.embedding) as s
    from {file} a join {file} b on a.batch = b.batch and a.row <> b.row
), others as (select row, sum(exp(s)) filter (not same) as total from pair group by row)
select avg(ln(exp(s) + total) - s) from pair join others using (row) where same
"""

SQL = {
    "mse": f"select avg({SQUARE}) from {{file}}",
    "huber": (
        "select avg(case when e <= 1 then 0.5 * e * e else e - 0.5 end)"
        " from (select abs(y_pred - y_true) as e from {file})"
    ),
    "bce_with_logits": "select avg(ln(1 + exp(logit)) - y_true * logit) from {file}",
    "cross_entropy": f"select avg(ln({LOGIT_SUM}) - {LOGIT_TRUE}) from {{file}}",
    "cross_entropy_list": (
        "select avg(ln(list_sum(list_transform(logits, lambda x: exp(x)))) - logits[y_true + 1]) from {file}"
    ),
    "mse_csv": f"select avg({SQUARE}) from {{file}}",
    "mse_by": f"select avg({SQUARE}) from {{file}} group by grouping sets ((), (region)) order by region nulls first",
    "mse_where": f"select avg({SQUARE}) from {{file}} where step = 0",
    "kl_divergence": f"select avg({KL_ROW}) from {{file}}",
    "dice": (
        f"select {DICE} from (select sum(prob * y_true) as overlap, sum(prob) + sum(y_true) as total"
        " from {file} group by image)"
    ),
    "dice_nested": (
        f"select {DICE} from (select list_dot_product(prob, y_true) as overlap,"
        " list_sum(prob) + list_sum(y_true) as total from {file})"
    ),
    "triplet": (
        "select avg(greatest(0, list_distance(anchor, positive) - list_distance(anchor, negative) + 1)) from {file}"
    ),
    "nt_xent": NT_XENT,
}


def query(work: str, file: str) -> str:
    """The SQL of a work on a file."""
    return SQL[work].format(file="'" + file.replace("'", "''") + "'")
