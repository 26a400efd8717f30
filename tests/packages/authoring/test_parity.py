"""The model in ONNX answers as the estimator does, on every row; where it does not, no package is made."""

from pathlib import Path

import pytest
from sklearn.svm import SVC

from leadsman_package import layout
from packages.authoring.estimators import DECIDING_AT_A_BOUND, ESTIMATORS, fit, scaled
from packages.authoring.frames import ROWS
from packages.authoring.making import make


@pytest.mark.parametrize("case", ESTIMATORS)
def test_answers_are_the_same(case: str, tmp_path: Path) -> None:
    model, frame = ESTIMATORS[case]()
    made = make(tmp_path, model, frame)
    assert made.comparison is not None
    assert made.comparison.differences == ()
    assert made.unproven == ()
    assert made.comparison.parity.rows == ROWS
    assert made.digest == layout.digest(tmp_path / "package")
    assert layout.verify(tmp_path / "package") == made.manifest


@pytest.mark.parametrize("case", DECIDING_AT_A_BOUND)
def test_what_decides_at_a_bound_differs_in_fp32_and_not_in_fp64(case: str, tmp_path: Path) -> None:
    model, frame = DECIDING_AT_A_BOUND[case]()
    rounded = make(tmp_path, model, frame)
    assert rounded.comparison is not None
    assert rounded.comparison.differences
    assert rounded.manifest is None
    assert not (tmp_path / "package").exists()
    exact = make(tmp_path, model, frame, numbers="FP64")
    assert exact.comparison is not None
    assert exact.comparison.differences == ()


def test_a_row_that_differs_is_reported_with_its_inputs_and_both_answers(tmp_path: Path) -> None:
    model, frame = DECIDING_AT_A_BOUND["scaled, then XGBoost"]()
    made = make(tmp_path, model, frame)
    assert made.comparison is not None
    first = made.comparison.differences[0]
    assert first.inputs["input"] == pytest.approx(frame.iloc[first.row].tolist())
    assert first.expected["label"] == model.predict(frame)[first.row]
    assert first.expected["probabilities"] == pytest.approx(model.predict_proba(frame)[first.row].tolist())
    assert first.found["probabilities"] != pytest.approx(first.expected["probabilities"], rel=1e-4)


def test_differences_that_are_allowed_are_written_into_the_manifest(tmp_path: Path) -> None:
    model, frame = DECIDING_AT_A_BOUND["scaled, then XGBoost"]()
    made = make(tmp_path, model, frame, allow_differences=True)
    assert made.manifest is not None
    assert made.comparison is not None
    assert made.manifest.parity == made.comparison.parity
    assert made.manifest.parity.differing == len(made.comparison.differences) > 0


def test_an_output_that_the_original_has_nothing_like_is_left_out(tmp_path: Path) -> None:
    """Of two classes, a support vector machine has one score, its conversion two."""
    made = make(tmp_path, *fit(scaled(SVC())))
    assert made.unproven == ("probabilities",)
    assert made.manifest is not None
    assert [each.name for each in made.manifest.signature.outputs] == ["label"]
