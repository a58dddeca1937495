"""Bad joins, labels and classes."""

from bad_inputs import LOGITS, Bad, Y

A = {"a.csv": Y}
LABELS = {"label": ["cat", "dog", "cat"], "prob_cat": [0.7, 0.2, 0.6], "prob_dog": [0.3, 0.8, 0.4]}
NAMED = {"label": ["cat", "dog"], "logit_cat": [0.7, 0.2], "logit_dog": [0.3, 0.8]}
PAIRS = {"decision": ["Yes", "No", "Yes"], "distance": [0.1, 0.9, 0.3]}
IDS = {"id": ["a", "b", "c"], "y_pred": [1.0, 2.0, 3.0]}

JOINS = (
    Bad(
        "a truth that is not there", {"p.csv": IDS}, "compute mae p.csv --truth t.csv --on id", ("t.csv",), ("no file",)
    ),
    Bad(
        "a key that the truth has not",
        {"p.csv": IDS, "t.csv": {"name": ["a"], "y_true": [1.0]}},
        "compute mae p.csv --truth t.csv --on id",
        ("'id'", "t.csv"),
        ("--on",),
    ),
    Bad(
        "a key that the predictions have not",
        {"p.csv": IDS, "t.csv": {"name": ["a"], "y_true": [1.0]}},
        "compute mae p.csv --truth t.csv --on name",
        ("'name'", "p.csv"),
        ("--on",),
    ),
    Bad(
        "keys without truth",
        {"p.csv": IDS, "t.csv": {"id": ["a", "b"], "y_true": [1.0, 2.0]}},
        "compute mae p.csv --truth t.csv --on id",
        ("p.csv", "t.csv", "c in row 3"),
        ("--join inner",),
    ),
    Bad(
        "truth without predictions",
        {"p.csv": IDS, "t.csv": {"id": ["a", "b", "c", "d"], "y_true": [1.0] * 4}},
        "compute mae p.csv --truth t.csv --on id",
        ("t.csv", "id=d"),
        ("--join inner",),
    ),
    Bad(
        "a truth key that stands twice",
        {"p.csv": IDS, "t.csv": {"id": ["a", "b", "b"], "y_true": [1.0] * 3}},
        "compute mae p.csv --truth t.csv --on id",
        ("t.csv", "id=b", "rows 2 and 3"),
        ("--on",),
    ),
    Bad(
        "a prediction key that stands twice",
        {"p.csv": {"id": ["a", "b", "b"], "y_pred": [1.0] * 3}, "t.csv": {"id": ["a", "b"], "y_true": [1.0] * 2}},
        "compute mae p.csv --truth t.csv --on id",
        ("p.csv", "id=b"),
        ("--many-to-one",),
    ),
    Bad(
        "keys of which none meet",
        {"p.csv": IDS, "t.csv": {"id": ["x", "y"], "y_true": [1.0] * 2}},
        "compute mae p.csv --truth t.csv --on id --join inner",
        ("p.csv",),
        ("no rows",),
    ),
    Bad(
        "rows by position that are not as many",
        {"p.csv": IDS, "t.csv": {"y_true": [1.0] * 4}},
        "compute mae p.csv --truth t.csv",
        ("t.csv",),
        ("--on",),
    ),
    Bad(
        "a truth of fewer rows by position",
        {"p.csv": IDS, "t.csv": {"y_true": [1.0] * 2}},
        "compute mae p.csv --truth t.csv",
        ("t.csv",),
        ("--on",),
    ),
    Bad(
        "keys without a truth file",
        {"p.csv": {**IDS, "y_true": [1.0] * 3}},
        "compute mae p.csv --on id",
        ("--on",),
        ("--truth",),
    ),
    Bad(
        "a truth without rows",
        {"p.csv": IDS, "t.csv": "id,y_true\n"},
        "compute mae p.csv --truth t.csv --on id",
        ("t.csv",),
        ("no rows",),
    ),
    Bad(
        "a missing key in the truth",
        {"p.csv": IDS, "t.csv": "id,y_true\na,1\n,2\nc,3\n"},
        "compute mae p.csv --truth t.csv --on id",
        ("t.csv", "'id'", "row 2"),
        ("fill",),
    ),
    Bad(
        "a missing key in the predictions",
        {"p.csv": "id,y_pred\na,1\n,2\n", "t.csv": {"id": ["a", "b"], "y_true": [1.0] * 2}},
        "compute mae p.csv --truth t.csv --on id",
        ("p.csv", "row 2"),
        ("--join inner",),
    ),
    Bad(
        "a target that both files have",
        {"p.csv": {**IDS, "y_true": [1.0] * 3}, "t.csv": {"id": ["a", "b", "c"], "y_true": [1.0] * 3}},
        "compute mae p.csv --truth t.csv --on id",
        ("truth:y_true",),
        ("--target",),
    ),
    Bad(
        "a missing truth",
        {"p.csv": IDS, "t.csv": "id,y_true\na,1\nb,NA\nc,3\n"},
        "compute mae p.csv --truth t.csv --on id",
        ("'y_true of t.csv'", "row 2"),
        ("--missing skip",),
    ),
    Bad(
        "a key of lists",
        {"p.parquet": {"id": [[1], [2]], "y_pred": [1.0, 2.0]}, "t.parquet": {"id": [[1], [2]], "y_true": [1.0, 2.0]}},
        "compute mae p.parquet --truth t.parquet --on id",
        ("'id'",),
        ("--on",),
    ),
    Bad("an empty key", {"p.csv": IDS, "t.csv": IDS}, "compute mae p.csv --truth t.csv --on ''", ("--on",), ("id",)),
)

LABELLED = (
    Bad(
        "two words without a positive one",
        {"a.csv": PAIRS},
        "compute contrastive_distance a.csv --target decision",
        ("'decision'", "'Yes' in row 1"),
        ("--positive-label",),
    ),
    Bad(
        "a positive label that no row has",
        {"a.csv": PAIRS},
        "compute contrastive_distance a.csv --target decision --positive-label yse",
        ("'decision'", "'yse'"),
        ("'Yes'",),
    ),
    Bad(
        "a positive label of three labels",
        {"a.csv": {"decision": ["Yes", "No", "Maybe"], "distance": [0.1, 0.9, 0.3]}},
        "compute contrastive_distance a.csv --target decision --positive-label Yes",
        ("'decision'", "'Maybe'"),
        ("two values",),
    ),
    Bad(
        "labels 0, -1 and 1",
        {"a.csv": {"label": [0, -1, 1], "score": [0.1, 0.2, 0.3]}},
        "compute hinge a.csv",
        ("'label'",),
        ("Use one of them",),
    ),
    Bad(
        "labels outside 0 and 1",
        {"a.csv": {"label": [0, 2, 1], "p": [0.1, 0.2, 0.3]}},
        "compute bce a.csv",
        ("'label'", "2.0 in row 2"),
        ("--positive-label",),
    ),
    Bad(
        "a positive label where none is due", A, "compute mae a.csv --positive-label 1", ("--positive-label",), ("mae",)
    ),
    Bad("classes where none are due", A, "compute mae a.csv --classes a,b", ("--classes",), ("mae",)),
    Bad(
        "a class without a column",
        {"a.csv": {**LABELS, "label": ["cat", "fish", "dog"]}},
        "compute categorical_cross_entropy a.csv",
        ("'label'", "'fish' in row 2"),
        ("cat, dog", "--classes"),
    ),
    Bad(
        "a class index without a column",
        {"a.csv": {**LOGITS, "label": [0, 3, 1]}},
        "compute cross_entropy a.csv",
        ("'label'", "'3' in row 2"),
        ("0, 1, 2", "--classes"),
    ),
    Bad(
        "a negative class",
        {"a.csv": {**LOGITS, "label": [0, -1, 1]}},
        "compute cross_entropy a.csv",
        ("'label'", "'-1' in row 2"),
        ("0, 1, 2",),
    ),
    Bad(
        "a class that is no whole number",
        {"a.csv": {**LOGITS, "label": [0, 1.5, 1]}},
        "compute cross_entropy a.csv",
        ("'label'", "'1.5' in row 2"),
        ("0, 1, 2",),
    ),
    Bad(
        "an infinite class",
        {"a.parquet": {**LOGITS, "label": [0.0, float("inf"), 1.0]}},
        "compute cross_entropy a.parquet",
        ("'label'", "inf in row 2"),
        ("0, 1, 2",),
    ),
    Bad(
        "class names for too few columns",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --classes a,b",
        ("--classes",),
        ("3",),
    ),
    Bad(
        "a class name twice",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --classes a,b,a",
        ("--classes",),
        ("twice",),
    ),
    Bad(
        "names of classes against a list column",
        {"a.parquet": {"label": ["cat", "dog"], "logits": [[0.1, 0.2], [0.3, 0.4]]}},
        "compute cross_entropy a.parquet",
        ("'label'", "'cat' in row 1"),
        ("--classes",),
    ),
    Bad(
        "class weights that are too few",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --class-weight 1,2",
        ("--class-weight",),
        ("3",),
    ),
    Bad(
        "class weights for a class that there is not",
        {"a.csv": NAMED},
        "compute cross_entropy a.csv --class-weight cat=1,fish=2",
        ("--class-weight", "fish"),
        ("cat, dog",),
    ),
    Bad(
        "class weights of some classes",
        {"a.csv": NAMED},
        "compute cross_entropy a.csv --class-weight cat=1",
        ("--class-weight",),
        ("dog",),
    ),
    Bad(
        "class weights below 0",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --class-weight=-1,2,3",
        ("--class-weight",),
        (">= 0",),
    ),
    Bad(
        "class weights in a word that there is not",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --class-weight blanced",
        ("--class-weight",),
        ("Did you mean 'balanced'",),
    ),
    Bad(
        "a file of class weights that is not there",
        {"a.csv": LOGITS},
        "compute cross_entropy a.csv --class-weight file:w.csv",
        ("w.csv",),
        ("--class-weight",),
    ),
    Bad(
        "a file of class weights of words",
        {"a.csv": LOGITS, "w.csv": "a\nb\nc\n"},
        "compute cross_entropy a.csv --class-weight file:w.csv",
        ("w.csv",),
        ("number",),
    ),
    Bad(
        "as many labels as scores are not",
        {"a.csv": {"label_0": [0, 1], "label_1": [1, 0], "p_0": [0.1, 0.9], "p_1": [0.1, 0.9], "p_2": [0.1, 0.9]}},
        "compute bce a.csv --target 'label_*' --pred 'p_*'",
        ("pred has 3", "target has 2"),
        ("as many columns",),
    ),
    Bad(
        "two distributions of other sizes",
        {"a.csv": {"p_0": [0.7], "p_1": [0.3], "q_0": [0.5], "q_1": [0.3], "q_2": [0.2]}},
        "compute kl_divergence a.csv --target 'p_*' --pred 'q_*'",
        ("target has 2", "pred has 3"),
        ("a.csv",),
    ),
)
