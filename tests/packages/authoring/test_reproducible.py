"""The same estimator, sample and words give the same bytes, whenever, wherever and in whatever process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import joblib
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from xgboost import XGBClassifier

from leadsman_package import layout
from packages.authoring.estimators import Fitted, boosted, fit, on_columns, on_texts
from packages.authoring.frames import mixed, two_classes

COMMAND = Path(sys.executable).with_name("leadsman")
KINDS: dict[str, Callable[[], Fitted]] = {
    "mixed columns and a forest": lambda: fit(
        on_columns(RandomForestClassifier(10, random_state=0)), two_classes, mixed
    ),
    "mixed columns and XGBoost": lambda: fit(on_columns(boosted(XGBClassifier)), two_classes, mixed),
    "texts without some words": lambda: on_texts(
        TfidfVectorizer(stop_words=["late", "dhl", "broken", "thanks", "great"])
    ),
}


def run(estimator: Path, sample: Path, directory: Path, seed: str) -> None:
    words = [COMMAND, "package", estimator, "--sample", sample, "--name", "m", "--version", "1", "-o", directory]
    subprocess.run(
        [*words, "--numbers", "FP64", "--metric", "auc=0.9"],
        env={**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC+{seed}"},
        check=True,
        capture_output=True,
        timeout=120,
    )


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_give_the_same_bytes(kind: str, tmp_path: Path) -> None:
    model, frame = KINDS[kind]()
    joblib.dump(model, tmp_path / "model.joblib")
    frame.to_parquet(tmp_path / "sample.parquet")
    run(tmp_path / "model.joblib", tmp_path / "sample.parquet", tmp_path / "one", "1")
    (tmp_path / "elsewhere").mkdir()
    for name in ("model.joblib", "sample.parquet"):
        moved = shutil.move(tmp_path / name, tmp_path / "elsewhere" / f"other-{name}")
        os.utime(moved, (0, 0))
    elsewhere = tmp_path / "elsewhere"
    run(elsewhere / "other-model.joblib", elsewhere / "other-sample.parquet", elsewhere / "deep" / "two", "2")
    one, two = contents(tmp_path / "one"), contents(elsewhere / "deep" / "two")
    assert {name for name in one if one[name] != two.get(name)} == set()
    assert one.keys() == two.keys()
    assert layout.digest(tmp_path / "one") == layout.digest(elsewhere / "deep" / "two")
