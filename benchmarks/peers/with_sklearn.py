"""The works that scikit-learn has a metric for, on columns read by pandas.

python benchmarks/peers/with_sklearn.py WORK FILE
"""

import sys

import pandas as pd
from sklearn.metrics import log_loss, mean_squared_error


def mse(file: str) -> float:
    columns = ["y_true", "y_pred"]
    if file.endswith(".csv"):
        frame = pd.read_csv(file, usecols=columns, engine="pyarrow")
    else:
        frame = pd.read_parquet(file, columns=columns)
    return float(mean_squared_error(frame["y_true"].to_numpy(), frame["y_pred"].to_numpy()))


def cross_entropy(file: str) -> float:
    from scipy.special import softmax

    frame = pd.read_parquet(file)
    target = frame.pop("y_true").to_numpy()
    return float(log_loss(target, softmax(frame.to_numpy(), axis=1), labels=range(frame.shape[1])))


WORKS = {"mse": mse, "mse_csv": mse, "cross_entropy": cross_entropy}

if __name__ == "__main__":
    print(repr(WORKS[sys.argv[1]](sys.argv[2])))
