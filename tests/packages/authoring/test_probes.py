"""Missing values and zeros that the sample lacks are tried, too: what differs on them is no silent surprise."""

from collections.abc import Callable
from math import isnan, nan
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from leadsman.cli.main import main
from leadsman_package.authoring.probing import choose
from leadsman_package.canonical import read_manifest
from leadsman_package.errors import PackageError
from leadsman_serving.session import load
from packages.authoring.estimators import Labels, boosted, complete, fit, on_columns, with_missing
from packages.authoring.frames import numbers, score, three_classes, two_classes
from packages.authoring.making import make

LEARNT: dict[str, tuple[Callable[[], Any], Labels]] = {
    "a decision tree": (lambda: DecisionTreeClassifier(max_depth=6, random_state=0), three_classes),
    "a random forest": (lambda: RandomForestClassifier(5, random_state=0), two_classes),
    "a random forest, a regressor": (lambda: RandomForestRegressor(5, random_state=0), score),
    "extra trees, a regressor": (lambda: ExtraTreesRegressor(5, random_state=0), score),
    "bagged trees": (lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=4), 5, random_state=0), two_classes),
    "an isolation forest": (lambda: IsolationForest(n_estimators=5, random_state=0), two_classes),
    "hist gradient boosting": (lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0), two_classes),
    "XGBoost": (lambda: boosted(XGBClassifier), two_classes),
    "LightGBM": (lambda: boosted(LGBMClassifier), two_classes),
}


@pytest.mark.parametrize("frame", [with_missing, numbers], ids=["with missing values", "without"])
@pytest.mark.parametrize("case", LEARNT)
def test_what_was_learnt_of_missing_values_is_in_the_package_without_one_in_the_sample(
    case: str, frame: Callable[[], pd.DataFrame], tmp_path: Path
) -> None:
    build, labels = LEARNT[case]
    model, _ = fit(build(), labels, frame)
    made = make(tmp_path, model, numbers())
    assert made.probed is not None
    assert (made.probed.rows, made.probed.differing) == (600, 0)
    asked = numbers().assign(amount=nan, age=nan)
    served = load(tmp_path / "package", 1, ("cpu",))
    names = served.signature.output_names
    found = served.run({"input": asked.to_numpy(np.float32)}, names)[-1]
    method = getattr(model, "predict_proba", None) or getattr(model, "decision_function", None) or model.predict
    expected = np.asarray(method(asked))
    assert found == pytest.approx(expected.reshape(found.shape), rel=1e-3, abs=1e-5)


def test_they_leave_no_trace_in_ranges_and_requests(tmp_path: Path) -> None:
    made = make(tmp_path, *fit(boosted(LGBMClassifier)))
    assert made.manifest is not None
    (matrix,) = made.manifest.signature.inputs
    assert {each.missing for each in matrix.features or ()} == {"refused"}
    assert [each.range.min for each in matrix.features or () if each.range][1] == numbers()["age"].min() > 0
    assert not any("null" in path.read_text() for path in (tmp_path / "package" / "samples").iterdir())
    assert made.manifest.parity is not None
    assert (made.manifest.parity.probe_rows, made.manifest.parity.probes_differing) == (600, 0)


def test_only_what_the_original_takes_is_asked(tmp_path: Path) -> None:
    """Here a missing value in one of three columns; the others are of those that the regression refuses."""
    columns = make_column_transformer((SimpleImputer(), ["amount"]), ("passthrough", ["age", "balance", "visits"]))
    probed = make(tmp_path, *fit(make_pipeline(columns, StandardScaler(), LogisticRegression()))).probed
    assert probed is not None
    assert (probed.rows, probed.differing) == (100, 0)


def test_strings_truth_values_and_whole_numbers_stay_what_they_are(tmp_path: Path) -> None:
    model, frame = fit(on_columns(RandomForestClassifier(5, random_state=0)), frame=complete)
    probed = make(tmp_path, model, frame, numbers="FP64").probed
    assert probed is not None
    assert (probed.rows, probed.sentences) == (600, ())


def without_zeros() -> pd.DataFrame:
    return numbers().assign(visits=numbers()["visits"] + 1)


def zero_as_missing() -> tuple[Any, pd.DataFrame]:
    trained = without_zeros()
    trained.loc[::4, "balance"] = 0.0
    model = LGBMClassifier(n_estimators=5, verbose=-1, zero_as_missing=True, n_jobs=1)
    return model.fit(trained, two_classes(numbers())), without_zeros()


def imputed_by_neighbours() -> tuple[Any, pd.DataFrame]:
    """In FP32, other neighbours are the nearest for a few rows."""
    return fit(make_pipeline(KNNImputer(), LogisticRegression()))


DIFFERING: dict[str, tuple[Callable[[], tuple[Any, pd.DataFrame]], list[str]]] = {
    "zeros that stood for missing values": (
        zero_as_missing,
        [
            "of 300 probe rows, the sample's with 0 put in, are",
            "with 0 in '",
            "zero_as_missing=False",
        ],
    ),
    "missing values": (
        imputed_by_neighbours,
        [
            "of 300 probe rows, the sample's with a missing value put in, are",
            "try --numbers FP64; impute in a step before (as SimpleImp",
        ],
    ),
}


@pytest.mark.parametrize("case", DIFFERING)
def test_what_differs_on_them_is_refused_with_an_example_and_advice(case: str, tmp_path: Path) -> None:
    prepare, parts = DIFFERING[case]
    model, frame = prepare()
    with pytest.raises(PackageError) as caught:
        make(tmp_path, model, frame)
    for part in [*parts, "answered otherwise in ONNX than by the original: row ", "--allow-differences makes"]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.joblib", "sample.parquet"]


def test_when_it_is_allowed_the_report_and_the_manifest_tell(tmp_path: Path) -> None:
    model, frame = zero_as_missing()
    joblib.dump(model, tmp_path / "m.joblib")
    frame.to_csv(tmp_path / "s.csv", index=False)
    words = ["--sample", str(tmp_path / "s.csv"), "--name", "m", "--version", "1", "-o", str(tmp_path / "out")]
    refused = CliRunner().invoke(main, ["package", str(tmp_path / "m.joblib"), *words])
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1].startswith("Error: "), refused.output
    allowed = CliRunner().invoke(main, ["package", str(tmp_path / "m.joblib"), *words, "--allow-differences"])
    assert allowed.exit_code == 0, allowed.output
    assert "All 400 rows are answered as by the original" in allowed.stdout
    parity = read_manifest(tmp_path / "out").parity
    assert parity is not None
    assert parity.differing == 0 < (parity.probes_differing or 0)
    assert f"{parity.probes_differing} of 300 probe rows, the sample's with 0 put in, are answered" in allowed.stdout
    shown = CliRunner().invoke(main, ["inspect", str(tmp_path / "out")])
    assert f"{parity.probes_differing} of 600 with missing values or zeros put in are not" in shown.stdout


@given(columns=st.integers(0, 2000), rows=st.integers(1, 100_000), value=st.sampled_from([nan, 0.0]))
def test_there_are_some_hundreds_of_them_and_each_column_has_its_turn(columns: int, rows: int, value: float) -> None:
    names = [f"c{at}" for at in range(columns)]
    probes = choose(names, rows, value)
    assert sum(len(each.rows) for each in probes) <= 300
    assert sorted(name for each in probes for name in each.columns) == sorted(names)
    for each in probes:
        assert each.rows
        assert len({*each.rows}) == len(each.rows)
        assert 0 <= min(each.rows) <= max(each.rows) < rows
        assert isnan(each.value) == isnan(value)
