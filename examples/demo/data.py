"""The data set: breast-cancer biopsies that ship inside scikit-learn, cut into three parts that share no row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]

NAME = "cancer"
"""Of the model."""
FEATURES = 30
MEANS = 10
"""The first columns are means; their standard errors and their worst values follow."""
TEXTURE = 1
"""The column "mean texture", whose coarse rows the offline sample has none of."""
COARSE = 21.0
"""Texture from which a biopsy counts as coarse. The laboratory that the offline sample is from sends none of these."""
_SEED = 0


@dataclass(frozen=True)
class Part:
    """Rows of measurements, and whether each is benign (1) or malignant (0)."""

    rows: Rows
    labels: Labels

    def where(self, chosen: NDArray[np.bool_]) -> "Part":
        """Return the rows that are chosen."""
        return Part(self.rows[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Data:
    """What is trained with, what versions are judged by offline, and what users send."""

    train: Part
    offline: Part
    """Held-out rows of one laboratory: none of them is coarse."""
    users: Part
    """Held-out rows of all laboratories."""


def coarse(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows are of the category that the offline sample lacks."""
    chosen: NDArray[np.bool_] = rows[:, TEXTURE] >= COARSE
    return chosen


def load_data() -> Data:
    """Return the data set, always cut the same way."""
    bunch = load_breast_cancer()
    rows, labels = bunch.data.astype(np.float32), bunch.target.astype(np.int64)
    train_rows, rest_rows, train_labels, rest_labels = train_test_split(
        rows, labels, test_size=0.5, random_state=_SEED, stratify=labels
    )
    offline_rows, user_rows, offline_labels, user_labels = train_test_split(
        rest_rows, rest_labels, test_size=0.6, random_state=_SEED, stratify=rest_labels
    )
    offline = Part(offline_rows, offline_labels)
    return Data(
        train=Part(train_rows, train_labels),
        offline=offline.where(~coarse(offline.rows)),
        users=Part(user_rows, user_labels),
    )
