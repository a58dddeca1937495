"""Bad inputs: files, columns and values that no loss can be computed of, and what the message must say of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from support.files import Content


@dataclass(frozen=True, slots=True)
class Bad:
    """What is written to disk, the command line after `lossctl`, and what the message names: the place, the way out.

    Text and bytes are written as they are; columns as the file's suffix says.
    """

    title: str
    files: Mapping[str, Content]
    command: str
    place: tuple[str, ...]
    remedy: tuple[str, ...]


NAN = float("nan")
Y = {"y_true": [1.0, 2.0, 3.0], "y_pred": [1.5, 2.5, 2.0]}
HEAD = "y_true,y_pred\n"
PROBS = {"label": [0, 1, 2], "prob_0": [0.7, 0.2, 0.1], "prob_1": [0.2, 0.5, 0.1], "prob_2": [0.1, 0.3, 0.8]}
LOGITS = {"label": [0, 1, 2], "logit_0": [3.0, -1.0, 0.5], "logit_1": [0.1, 2.0, 0.0], "logit_2": [0.0, 0.3, 4.0]}

FILES = (
    Bad(
        "a file that is not there",
        {"preds.csv": Y},
        "compute mae pred.csv",
        ("pred.csv",),
        ("Did you mean 'preds.csv'",),
    ),
    Bad(
        "a file named as a folder",
        {"a.csv": Y},
        "compute mae a.csv/",
        ("a.csv/", "a file, not a folder"),
        ("without the slash: a.csv",),
    ),
    Bad("a path inside a file", {"a.csv": Y}, "compute mae a.csv/b.csv", ("a.csv/b.csv",), ("a.csv is a file",)),
    Bad("a folder that is not there", {"preds/a.csv": Y}, "compute mae pred/", ("pred/",), ("Did you mean 'preds'",)),
    Bad("an empty file", {"a.csv": ""}, "compute mae a.csv", ("a.csv",), ("empty",)),
    Bad("a file of blank lines", {"a.csv": "\n\n\n"}, "compute mae a.csv", ("a.csv",), ("rows are needed",)),
    Bad("an empty JSON Lines file", {"a.jsonl": ""}, "compute mae a.jsonl", ("a.jsonl",), ("empty",)),
    Bad("a folder without data", {"data/notes.md": "hello"}, "compute mae data", ("data",), (".parquet",)),
    Bad("a glob that matches nothing", {"a.csv": Y}, "compute mae 'b*.csv'", ("b*.csv",), ("no file",)),
    Bad(
        "a file named twice",
        {"a.csv": Y, "b.csv": Y},
        "compute mae '*.csv' ./b.csv",
        ("b.csv and ./b.csv are the same file", "count more than once"),
        ("Name each file once",),
    ),
    Bad("a suffix that is no format", {"a.xlsx": b"PK"}, "compute mae a.xlsx", ("a.xlsx",), (".parquet", ".csv")),
    Bad(
        "Parquet bytes named CSV",
        {"a.csv": b"PAR1\x15\x04\x15\x10\x00\x00PAR1"},
        "compute mae a.csv",
        ("a.csv",),
        ("arquet",),
    ),
    Bad(
        "text named Parquet",
        {"a.parquet": "y_true,y_pred\n1,2\n"},
        "compute mae a.parquet",
        ("a.parquet",),
        ("Parquet",),
    ),
    Bad("text named gzip", {"a.csv.gz": "y_true,y_pred\n1,2\n"}, "compute mae a.csv.gz", ("a.csv.gz",), ("gz",)),
    Bad(
        "bytes that are no UTF-8",
        {"a.csv": b"y_true,y_pred,n\xe4me\n1,2,\xff\n"},
        "compute mae a.csv",
        ("a.csv",),
        ("UTF-8",),
    ),
    Bad(
        "a row with a cell too many", {"a.csv": HEAD + "1,2\n1,2,3\n"}, "compute mae a.csv", ("a.csv", "line 3"), ("2",)
    ),
    Bad("a row with a cell too few", {"a.csv": HEAD + "1,2\n1\n"}, "compute mae a.csv", ("a.csv", "line 3"), ("2",)),
    Bad(
        "a column that stands twice",
        {"a.csv": "y_true,y_pred,y_pred\n1,2,3\n"},
        "compute mae a.csv",
        ("a.csv", "'y_pred'"),
        ("--no-header",),
    ),
    Bad(
        "a quote that never closes",
        {"a.csv": 'y_true,y_pred,note\n1,2,"oops\n3,4,x\n'},
        "compute mae a.csv",
        ("a.csv",),
        ("quote",),
    ),
    Bad(
        "a line that is no JSON",
        {"a.jsonl": '{"y_true": 1, "y_pred": 2}\n{"y_true": 1, \n'},
        "compute mae a.jsonl",
        ("a.jsonl", "line 2"),
        ("JSON",),
    ),
    Bad(
        "a line that is no object",
        {"a.jsonl": '{"y_true": 1, "y_pred": 2}\n[1, 2]\n'},
        "compute mae a.jsonl",
        ("a.jsonl", "line 2"),
        ("object",),
    ),
    Bad(
        "two files with other columns",
        {"a.csv": Y, "b.csv": {"y_true": [1.0], "score": [2.0]}},
        "compute mae a.csv b.csv",
        ("b.csv", "'y_pred'"),
        ("same columns",),
    ),
    Bad(
        "two files with other types",
        {"a.parquet": Y, "b.parquet": {"y_true": [1.0], "y_pred": ["x"]}},
        "compute mae a.parquet b.parquet",
        ("b.parquet", "'y_pred'", "string"),
        ("same types",),
    ),
    Bad("a header without rows", {"a.csv": HEAD}, "compute mae a.csv", ("a.csv",), ("no rows",)),
    Bad(
        "a header without rows, for a row file",
        {"a.csv": HEAD},
        "compute mae a.csv --per-row rows.csv",
        ("a.csv",),
        ("no rows",),
    ),
    Bad(
        "a Parquet file without rows",
        {"a.parquet": {"y_true": [], "y_pred": []}},
        "compute rmse a.parquet",
        ("a.parquet",),
        ("no rows",),
    ),
    Bad(
        "a zip with two members",
        {"a.zip": {"x.csv": "y_true,y_pred\n1,2\n", "y.csv": "y_true,y_pred\n1,2\n"}},
        "compute mae a.zip",
        ("a.zip",),
        ("one",),
    ),
)

COLUMNS = (
    Bad(
        "a column that is not there",
        {"a.csv": Y},
        "compute mae a.csv --pred y_prde",
        ("'y_prde'", "a.csv"),
        ("Did you mean 'y_pred'", "--pred"),
    ),
    Bad(
        "no column of a usual name",
        {"a.csv": {"a": [1.0], "b": [2.0]}},
        "compute mae a.csv",
        ("a.csv", "target"),
        ("--target",),
    ),
    Bad(
        "two columns of one rank",
        {"a.csv": {**Y, "target": [1.0, 2.0, 3.0]}},
        "compute mae a.csv",
        ("'y_true'", "'target'"),
        ("--target",),
    ),
    Bad(
        "text where numbers are due",
        {"a.parquet": {**Y, "y_pred": ["a", "b", "c"]}},
        "compute mae a.parquet",
        ("'y_pred'", "a.parquet", "string"),
        ("--pred",),
    ),
    Bad(
        "dates where numbers are due",
        {"a.csv": "y_true,y_pred\n1,2024-01-01\n2,2024-01-02\n"},
        "compute mae a.csv",
        ("'y_pred'", "a.csv"),
        ("another column",),
    ),
    Bad(
        "a list where a number is due",
        {"a.parquet": {"y_true": [1.0], "lower": [[0.0, 1.0]], "upper": [2.0]}},
        "compute interval_score a.parquet --alpha 0.1",
        ("'lower'",),
        ("--lower",),
    ),
    Bad(
        "several columns where a number is due",
        {"a.csv": {**PROBS}},
        "compute hinge a.csv --target label --pred 'prob_*'",
        ("3 columns",),
        ("--",),
    ),
    Bad(
        "more predicted than target columns",
        {"a.csv": {**Y, "z": [1.0, 2.0, 3.0]}},
        "compute mse a.csv --pred y_pred,z",
        ("pred has 2", "target has 1"),
        ("as many columns",),
    ),
    Bad("a column named twice", {"a.csv": Y}, "compute mae a.csv --pred y_pred,y_pred", ("--pred",), ("twice",)),
    Bad(
        "a pattern that matches nothing",
        {"a.csv": Y},
        "compute mae a.csv --pred 'z_*'",
        ("'z_*'", "a.csv"),
        ("y_pred",),
    ),
    Bad(
        "a list among plain columns",
        {"a.parquet": {"y_true": [1.0], "e": [[0.0, 1.0]], "f": [2.0]}},
        "compute mse a.parquet --pred e,f",
        ("'e'",),
        ("alone",),
    ),
    Bad("an empty name", {"a.csv": Y}, "compute mae a.csv --pred ''", ("--pred",), ("y_pred",)),
    Bad(
        "classes by name beside scores in lists",
        {"a.parquet": {"label": ["cat", "dog"], "score": [[0.5, 0.6]] * 2}},
        "compute cross_entropy a.parquet --pred score",
        ("'label'", "'cat' in row 1"),
        ("--classes",),
    ),
    Bad(
        "a score column alone",
        {"a.csv": {"label": [0, 1], "logit_0": [0.5, 0.6]}},
        "compute cross_entropy a.csv",
        ("a.csv",),
        ("--pred",),
    ),
    Bad(
        "a weight that is not there",
        {"a.csv": {**Y, "weight": [1.0, 1.0, 1.0]}},
        "compute mae a.csv --weight wieght",
        ("'wieght'",),
        ("Did you mean 'weight'", "--weight"),
    ),
    Bad(
        "a slice that is not there",
        {"a.csv": {**Y, "region": ["a", "b", "c"]}},
        "compute mae a.csv --by regoin",
        ("'regoin'",),
        ("Did you mean 'region'", "--by"),
    ),
    Bad(
        "an id that is not there",
        {"a.csv": Y},
        "compute mae a.csv --id name --per-row rows.csv",
        ("'name'",),
        ("--id",),
    ),
    Bad(
        "a slice of lists",
        {"a.parquet": {**Y, "e": [[1.0], [2.0], [3.0]]}},
        "compute mae a.parquet --by e",
        ("'e'",),
        ("--by",),
    ),
    Bad(
        "a group of lists",
        {"a.parquet": {**Y, "e": [[1.0], [2.0], [3.0]]}},
        "compute rmse a.parquet --group e",
        ("'e'",),
        ("--group",),
    ),
    Bad(
        "a weight of text",
        {"a.parquet": {**Y, "w": ["a", "b", "c"]}},
        "compute mae a.parquet --weight w",
        ("'w'",),
        ("needs a weight >= 0",),
    ),
    Bad(
        "a weight of lists",
        {"a.parquet": {**Y, "w": [[1.0], [2.0], [3.0]]}},
        "compute mae a.parquet --weight w",
        ("'w'",),
        ("number",),
    ),
    Bad(
        "structures where numbers are due",
        {"a.parquet": {**Y, "y_pred": [{"a": 1}, {"a": 2}, {"a": 3}]}},
        "compute mae a.parquet",
        ("'y_pred'", "struct"),
        ("--pred",),
    ),
)
