"""Train a pipeline over columns of several types, and write it and a sample of its rows: what `leadsman package` takes.

python examples/churn/train.py DIRECTORY
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CUSTOMERS = 400


def customers() -> pd.DataFrame:
    """Return made-up customers, and whether they left."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "plan": draw.choice(["free", "basic", "pro"], CUSTOMERS, p=[0.5, 0.35, 0.15]),
            "months": draw.integers(1, 60, CUSTOMERS),
            "spend": np.round(draw.gamma(2.0, 30.0, CUSTOMERS), 2),
        }
    )
    frame.loc[draw.choice(CUSTOMERS, 20, replace=False), "spend"] = np.nan
    leaning = 1.5 * (frame["plan"] == "free") - 0.05 * frame["months"] - 0.005 * frame["spend"].fillna(60)
    frame["churned"] = (leaning + draw.logistic(size=CUSTOMERS) > 0).astype(int)
    return frame


def main(directory: Path) -> None:
    """Write churn.joblib and customers.csv."""
    frame = customers()
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["months", "spend"]),
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame.drop(columns="churned"), frame["churned"])
    directory.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, directory / "churn.joblib")
    frame.to_csv(directory / "customers.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
