"""Re-create every data file of this folder: predictions of real models on the datasets that come with scikit-learn.

    python sample_data/make.py [FOLDER]

Needs scikit-learn, which lossctl itself does not need. Nothing is downloaded. Every prediction is out of fold: the
model that made it had not seen the row. README.md says what each file holds.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import BayesianRidge, LogisticRegression, PoissonRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Floats: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = dict[str, NDArray[Any]]
Forecaster: TypeAlias = Callable[[Floats, Floats, Floats], Floats]

SEED = 0
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FORECAST = ("y_pred", "std", *(f"q_{level}" for level in LEVELS))
INK_SATURATED = 16


def tables() -> dict[str, Columns]:
    """Every table of the folder by the name of its file, without the suffix."""
    wine_predictions, wine_truth = wine()
    return {
        "preds": nuclei(),
        "diabetes_ridge": diabetes(ridge_forecast),
        "diabetes_forest": diabetes(forest_forecast),
        "baseline": diabetes_boosted(trees=20),
        "candidate": diabetes_boosted(trees=80),
        "cancer": cancer(),
        "digits": digits(),
        "iris": iris(),
        "ink_counts": ink_counts(),
        "wine": wine_predictions,
        "wine_truth": wine_truth,
    }


FORMATS = {"preds": ("parquet", "csv"), "iris": ("csv",), "wine": ("csv",), "wine_truth": ("csv",)}


# Regression with a predicted distribution


def nuclei() -> Columns:
    """Largest radius of a tumour's cell nuclei, from the means and standard errors of its ten measurements."""
    data = load_breast_cancer(as_frame=True)
    measurements = data.data.filter(regex="^mean | error$").to_numpy()
    largest_radius = data.data["worst radius"].to_numpy()
    diagnosis = data.target_names[data.target]
    return {
        **regression(largest_radius, out_of_fold(forest_forecast, measurements, largest_radius)),
        "diagnosis": diagnosis,
        "weight": balancing_weights(diagnosis),
    }


def diabetes(forecaster: Forecaster) -> Columns:
    """Progression of diabetes after one year, from ten measurements at the start."""
    data = load_diabetes(scaled=False)
    age_group = age_groups(data.data[:, 0])
    return {
        **regression(data.target, out_of_fold(forecaster, data.data, data.target)),
        "sex": data.data[:, 1].astype(np.int64),
        "age_group": age_group,
        "weight": balancing_weights(age_group),
    }


def regression(truth: Floats, forecast: Floats) -> Columns:
    return {"id": row_numbers(truth), "y_true": truth, **dict(zip(FORECAST, forecast.T, strict=True))}


def out_of_fold(forecaster: Forecaster, features: Floats, truth: Floats) -> Floats:
    forecast = np.empty((len(truth), len(FORECAST)))
    for train, test in KFold(5, shuffle=True, random_state=SEED).split(features):
        forecast[test] = forecaster(features[train], truth[train], features[test])
    return forecast


def ridge_forecast(features: Floats, truth: Floats, new: Floats) -> Floats:
    """Bayesian ridge: its penalty follows from the evidence, and it predicts a normal law for every row."""
    mean, std = scaled(BayesianRidge()).fit(features, truth).predict(new, return_std=True)
    quantiles = [mean + std * NormalDist().inv_cdf(level) for level in LEVELS]
    return np.column_stack([mean, std, *quantiles])


def forest_forecast(features: Floats, truth: Floats, new: Floats) -> Floats:
    """Quantile regression forest (Meinshausen 2006): a law over the training targets, not the spread between trees.

    The spread between trees measures how unsure the mean is and leaves out the noise of a single row.
    """
    forest = RandomForestRegressor(300, min_samples_leaf=5, max_features=0.4, random_state=SEED)
    forest.fit(features, truth)
    together = forest.apply(new)[:, None, :] == forest.apply(features)[None, :, :]
    weights = (together / together.sum(axis=1, keepdims=True)).mean(axis=2)
    mean = weights @ truth
    variance = (weights * (truth - mean[:, None]) ** 2).sum(axis=1)
    order = np.argsort(truth, kind="stable")
    cumulated = weights[:, order].cumsum(axis=1)
    quantiles = [truth[order][(cumulated < level).sum(axis=1)] for level in LEVELS]
    return np.column_stack([mean, np.sqrt(variance), *quantiles])


def age_groups(age: Floats) -> NDArray[np.str_]:
    return np.array(["19-39", "40-59", "60-79"])[np.digitize(age, [40, 60])]


def balancing_weights(groups: NDArray[Any]) -> Floats:
    """Weights of mean 1 that give every group the same total."""
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    return len(groups) / (len(size) * size[group])


# Regression, the prediction alone


def diabetes_boosted(trees: int) -> Columns:
    """The same data for both generations of the model: only the number of trees differs."""
    data = load_diabetes(scaled=False)
    model = GradientBoostingRegressor(n_estimators=trees, learning_rate=0.05, subsample=0.7, random_state=SEED)
    return {
        "id": row_numbers(data.target),
        "y_true": data.target,
        "y_pred": predict(model, data.data, data.target),
        "age_group": age_groups(data.data[:, 0]),
    }


def ink_counts() -> Columns:
    """Fully inked pixels in the lower half of a digit, from the ink in the rows and columns of the upper half."""
    data = load_digits()
    upper, lower = data.images[:, :4], data.images[:, 4:]
    count = (lower == INK_SATURATED).sum(axis=(1, 2))
    ink = np.hstack([upper.sum(axis=1), upper.sum(axis=2)])
    rate = predict(scaled(PoissonRegressor(alpha=0.001, max_iter=1000)), ink, count)
    return {"id": row_numbers(count), "y_true": count, "y_pred": rate, "digit": data.target}


def wine() -> tuple[Columns, Columns]:
    """Alcohol by volume from the other twelve measurements: the predictions in an order of their own, and the truth."""
    data = load_wine()
    alcohol, others = data.data[:, 0], data.data[:, 1:]
    prediction = predict(scaled(BayesianRidge()), others, alcohol)
    ids = np.array([f"wine-{number:03}" for number in row_numbers(alcohol)])
    shuffled = np.random.default_rng(SEED).permutation(len(ids))
    return {"id": ids[shuffled], "y_pred": prediction[shuffled]}, {"id": ids, "y_true": alcohol}


# Classification


def cancer() -> Columns:
    """Malignant (1) or benign (0) from thirty measurements."""
    data = load_breast_cancer()
    malignant = (data.target_names[data.target] == "malignant").astype(np.int64)
    # A weaker penalty fits better, but a probability that close to 1 has lost the last digits of its logit.
    logit = decide(LogisticRegression(C=0.02), data.data, malignant)
    texture = data.data[:, 1]
    thirds = np.digitize(texture, np.quantile(texture, [1 / 3, 2 / 3]))
    return {
        "id": row_numbers(malignant),
        "y_true": malignant,
        "prob": 1 / (1 + np.exp(-logit)),
        "logit": logit,
        "texture": np.array(["smooth", "medium", "rough"])[thirds],
    }


def digits() -> Columns:
    """Which of the ten digits, as one logit per class."""
    data = load_digits()
    logits = decide(LogisticRegression(C=0.05), data.data, data.target)
    wide = {f"logit_{digit}": logits[:, digit] for digit in data.target_names}
    return {"id": row_numbers(data.target), "label": data.target, **wide}


def iris() -> Columns:
    """Which of three species, by name, as one probability per class."""
    data = load_iris()
    probabilities = decide(LogisticRegression(), data.data, data.target, method="predict_proba")
    wide = {f"prob_{name}": probabilities[:, index] for index, name in enumerate(data.target_names)}
    return {"id": row_numbers(data.target), "label": data.target_names[data.target], **wide}


# Models


def scaled(model: Any) -> Pipeline:
    return make_pipeline(StandardScaler(), model)


def predict(model: Any, features: Floats, truth: NDArray[Any]) -> Floats:
    folds = KFold(5, shuffle=True, random_state=SEED)
    prediction: Floats = cross_val_predict(model, features, truth, cv=folds)
    return prediction


def decide(model: Any, features: Floats, label: NDArray[Any], method: str = "decision_function") -> Floats:
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    decision: Floats = cross_val_predict(scaled(model), features, label, cv=folds, method=method)
    return decision


def row_numbers(rows: NDArray[Any]) -> NDArray[np.int64]:
    return np.arange(len(rows), dtype=np.int64)


# Files


def write_parquet(table: pa.Table, path: Path) -> None:
    # Almost every float is unique, so that a dictionary would only add to it; the texts and integers repeat.
    repeating = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(table, path, compression="zstd", use_dictionary=repeating, store_schema=False)


def write_csv(table: pa.Table, path: Path) -> None:
    """The csv module writes a float by its `repr`, the shortest text that reads back as the same float64."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(zip(*table.to_pydict().values(), strict=True))


WRITERS = {"parquet": write_parquet, "csv": write_csv}


def main(folder: Path) -> None:
    # The number of threads decides the order of the sums in BLAS, hence the last digits.
    with threadpool_limits(limits=1):
        made = tables()
    for name, columns in made.items():
        for suffix in FORMATS.get(name, ("parquet",)):
            WRITERS[suffix](pa.table(columns), folder / f"{name}.{suffix}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
