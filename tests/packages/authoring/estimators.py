"""Estimators that packages are made from, by what they are, each with the data it was fitted on."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier, XGBRegressor

from packages.authoring.frames import mixed, moods, numbers, score, texts, three_classes, two_classes

Fitted = tuple[Any, pd.DataFrame]
Labels = Callable[[pd.DataFrame], Any]


def fit(model: Any, labels: Labels = two_classes, frame: Callable[[], pd.DataFrame] = numbers) -> Fitted:
    data = frame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what was not yet learnt in so few rounds
        return model.fit(data, labels(data)), data


def scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def on_columns(model: Any, encoder: Any = None) -> Any:
    """A pipeline over a frame of mixed types, as most are."""
    figures = make_pipeline(SimpleImputer(), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder or OneHotEncoder(handle_unknown="ignore"))
    columns = ColumnTransformer(
        [
            ("figures", figures, ["amount", "age", "balance", "visits"]),
            ("words", words, ["country", "channel"]),
            ("rest", "passthrough", ["vip"]),
        ]
    )
    return Pipeline([("columns", columns), ("model", model)])


def encoded(encoder: Any, column: str) -> Any:
    """A pipeline over one column of strings and one of whole numbers."""
    columns = ColumnTransformer([("words", encoder, [column]), ("figures", SimpleImputer(), ["age"])])
    return make_pipeline(columns, StandardScaler(with_mean=False), LogisticRegression())


def by_type() -> Any:
    numeric, words = make_column_selector(dtype_include=float), make_column_selector(dtype_include=["str", "object"])
    columns = ColumnTransformer([("figures", StandardScaler(), numeric), ("words", OneHotEncoder(), words)])
    return make_pipeline(columns, LogisticRegression())


complete = partial(mixed, missing=False)
with_missing = partial(numbers, missing=True)


def on_texts(vectorizer: Any) -> Fitted:
    data = texts()
    return make_pipeline(vectorizer, LogisticRegression()).fit(data["text"].tolist(), moods(data)), data


def boosted(kind: Any) -> Any:
    return kind(n_estimators=20, random_state=0, n_jobs=1, **({"verbose": -1} if kind.__name__[0] == "L" else {}))


ESTIMATORS: dict[str, Callable[[], Fitted]] = {
    "logistic regression": lambda: fit(scaled(LogisticRegression()), three_classes),
    "linear regression": lambda: fit(LinearRegression(), score),
    "ridge": lambda: fit(Ridge(), score),
    "lasso": lambda: fit(Lasso(0.01), score),
    "Poisson regression": lambda: fit(scaled(PoissonRegressor()), two_classes),
    "a linear classifier by gradient descent, of the best features": lambda: fit(
        make_pipeline(SelectKBest(k=2), StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)), three_classes
    ),
    "a decision tree": lambda: fit(DecisionTreeClassifier(max_depth=6, random_state=0), three_classes),
    "a random forest": lambda: fit(RandomForestClassifier(30, random_state=0), three_classes),
    "extra trees": lambda: fit(ExtraTreesClassifier(20, random_state=0)),
    "gradient boosting": lambda: fit(GradientBoostingClassifier(n_estimators=30, random_state=0), three_classes),
    "hist gradient boosting with missing values": lambda: fit(
        HistGradientBoostingClassifier(max_iter=20, random_state=0), frame=with_missing
    ),
    "hist gradient boosting, a regressor": lambda: fit(
        HistGradientBoostingRegressor(max_iter=20, random_state=0), score, with_missing
    ),
    "AdaBoost": lambda: fit(AdaBoostClassifier(n_estimators=10, random_state=0), three_classes),
    "XGBoost, a classifier with missing values": lambda: fit(boosted(XGBClassifier), frame=with_missing),
    "XGBoost, a regressor": lambda: fit(boosted(XGBRegressor), score, with_missing),
    "LightGBM, a classifier with missing values": lambda: fit(boosted(LGBMClassifier), three_classes, with_missing),
    "LightGBM, a classifier of two classes": lambda: fit(boosted(LGBMClassifier)),
    "LightGBM, a regressor": lambda: fit(boosted(LGBMRegressor), score, with_missing),
    "a support vector machine": lambda: fit(scaled(SVC()), three_classes),
    "a support vector machine with probabilities": lambda: fit(
        scaled(SVC(probability=True, random_state=0)), three_classes
    ),
    "a linear support vector machine": lambda: fit(scaled(LinearSVC()), three_classes),
    "support vector regression": lambda: fit(scaled(SVR()), score),
    "nearest neighbours": lambda: fit(scaled(KNeighborsClassifier()), three_classes),
    "a neural network": lambda: fit(scaled(MLPClassifier((16,), max_iter=30, random_state=0)), three_classes),
    "naive Bayes": lambda: fit(GaussianNB(), three_classes),
    "discriminant analysis": lambda: fit(LinearDiscriminantAnalysis(), three_classes),
    "an isolation forest": lambda: fit(IsolationForest(n_estimators=20, random_state=0)),
    "k-means": lambda: fit(scaled(KMeans(3, n_init=1, random_state=0))),
    "principal components, then a classifier": lambda: fit(
        make_pipeline(StandardScaler(), PCA(2), LogisticRegression())
    ),
    "polynomial features": lambda: fit(make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()), score),
    "a union of features": lambda: fit(
        make_pipeline(StandardScaler(), make_union(StandardScaler(), PCA(2)), LogisticRegression())
    ),
    "a calibrated classifier": lambda: fit(scaled(CalibratedClassifierCV(LogisticRegression(), cv=3))),
    "voting": lambda: fit(
        scaled(VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft")), three_classes
    ),
    "stacking": lambda: fit(
        scaled(StackingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))])),
        three_classes,
    ),
    "a search over a grid": lambda: fit(
        GridSearchCV(scaled(LogisticRegression()), {"logisticregression__C": [0.1, 1]}), three_classes
    ),
    "only a transformer": lambda: fit(StandardScaler()),
    "mixed columns: imputed, one-hot, scaled, passed through": lambda: fit(
        on_columns(LogisticRegression()), three_classes, mixed
    ),
    "strings with a missing one as a category, whole numbers imputed": lambda: fit(
        encoded(OneHotEncoder(), "country"), frame=mixed
    ),
    "strings where a constant stands for a missing one": lambda: fit(
        encoded(make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder()), "country"),
        frame=mixed,
    ),
    "strings without the first category": lambda: fit(encoded(OneHotEncoder(drop="first"), "channel"), frame=mixed),
    "columns chosen by their types": lambda: fit(by_type(), frame=complete),
    "columns of pandas' categories": lambda: fit(
        encoded(OneHotEncoder(), "channel"), frame=lambda: mixed().astype({"channel": "category"})
    ),
    "XGBoost of three classes": lambda: fit(boosted(XGBClassifier), lambda frame: three_classes(frame).str.len() % 3),
    "labels that are truth values": lambda: fit(scaled(LogisticRegression()), lambda frame: two_classes(frame) == 1),
    "two answers for each row": lambda: fit(LinearRegression(), lambda frame: frame[["visits", "age"]]),
    "mixed columns, then LightGBM, a regressor": lambda: fit(on_columns(boosted(LGBMRegressor)), score, mixed),
    "texts by TF-IDF": lambda: on_texts(TfidfVectorizer()),
    "texts by TF-IDF of word pairs": lambda: on_texts(TfidfVectorizer(ngram_range=(1, 2))),
    "texts by counts of words": lambda: on_texts(CountVectorizer()),
}
"""Those that answer in FP32 as they do in Python."""

DECIDING_AT_A_BOUND: dict[str, Callable[[], Fitted]] = {
    "scaled, then XGBoost": lambda: fit(scaled(boosted(XGBClassifier))),
    "mixed columns, then XGBoost": lambda: fit(on_columns(boosted(XGBClassifier)), two_classes, mixed),
    "mixed columns, then LightGBM": lambda: fit(on_columns(boosted(LGBMClassifier)), three_classes, mixed),
    "mixed columns, ordinal, then a random forest": lambda: fit(
        on_columns(RandomForestClassifier(30, random_state=0), OrdinalEncoder()), two_classes, mixed
    ),
    "a Gaussian process": lambda: fit(scaled(GaussianProcessRegressor(alpha=1.0)), score),
}
"""Those that need FP64 for it."""
