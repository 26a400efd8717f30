"""Data of the tests: what a bank might know of its payments, the same every time."""

import numpy as np
import pandas as pd

ROWS = 400


def numbers(*, missing: bool = False) -> pd.DataFrame:
    """Four columns of numbers, of which one may have missing values and one is whole."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, ROWS),
            "age": rng.integers(18, 90, ROWS),
            "balance": rng.normal(0, 1000, ROWS),
            "visits": rng.poisson(3, ROWS).astype(float),
        }
    )
    if missing:
        frame.loc[::9, "amount"] = np.nan
    return frame


def mixed(*, missing: bool = True) -> pd.DataFrame:
    """The numbers, two columns of strings and one of truth values."""
    frame = numbers(missing=missing)
    rng = np.random.default_rng(8)
    frame["country"] = rng.choice(["DE", "FR", "PL", "IT"], ROWS, p=[0.5, 0.3, 0.15, 0.05])
    frame["channel"] = rng.choice(["app", "web"], ROWS)
    frame["vip"] = rng.random(ROWS) < 0.2
    if missing:
        frame.loc[::11, "country"] = np.nan
    return frame


def texts() -> pd.DataFrame:
    """Complaints, with what makes it hard to tell words: accents, hyphens, apostrophes, single letters."""
    rng = np.random.default_rng(1)
    words = [
        "refund",
        "late",
        "broken",
        "thanks",
        "Great",
        "naïve",
        "DHL",
        "don't",
        "a-b",
        "3.50",
        "ÄRGER",
        "снег",
        "x",
    ]
    ends = ["!", " ?", "", "…"]
    lines = [" ".join(rng.choice(words, 6)) + ends[at % 4] for at in range(ROWS)]
    return pd.DataFrame({"text": lines})


def two_classes(frame: pd.DataFrame) -> pd.Series:
    return (score(frame) > 0).astype(int)


def three_classes(frame: pd.DataFrame) -> pd.Series:
    return pd.cut(score(frame), [-99, -0.7, 0.7, 99], labels=["low", "mid", "high"]).astype(str)


def score(frame: pd.DataFrame) -> pd.Series:
    noise = np.random.default_rng(9).normal(0, 0.3, ROWS)
    return frame["balance"] / 1000 + (frame["age"] - 50) / 30 + noise


def moods(frame: pd.DataFrame) -> list[str]:
    return ["bad" if "refund" in text or "broken" in text else "good" for text in frame["text"]]
