"""`leadsman package` as its users run it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import pytest
import yaml
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from sklearn.linear_model import LogisticRegression

from leadsman.cli import needed
from leadsman.cli.main import main
from leadsman_package.canonical import read_manifest
from leadsman_package.schema import schema
from packages.authoring.estimators import DECIDING_AT_A_BOUND, fit, on_columns
from packages.authoring.frames import mixed, three_classes

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with model.joblib, sample.csv (and its labels), and one that differs, bound.joblib and bound.csv."""
    directory = tmp_path_factory.mktemp("inputs")
    model, frame = fit(on_columns(LogisticRegression()), three_classes, mixed)
    joblib.dump(model, directory / "model.joblib")
    frame.assign(risk=three_classes(frame)).to_csv(directory / "sample.csv", index=False)
    model, frame = DECIDING_AT_A_BOUND["scaled, then XGBoost"]()
    joblib.dump(model, directory / "bound.joblib")
    frame.to_csv(directory / "bound.csv", index=False)
    return directory


def run(inputs: Path, output: Path, *words: str, model: str = "model", sample: str = "sample.csv") -> Result:
    options = ["--sample", str(inputs / sample), "--name", "risk", "--version", "2026.11.20", "-o", str(output)]
    return CliRunner().invoke(main, ["package", str(inputs / f"{model}.joblib"), *options, *words])


def test_what_the_author_says_is_in_the_manifest(inputs: Path, tmp_path: Path) -> None:
    said = {
        "owner": "Somebody else",
        "evaluation": {"dataset": {"name": "holdout.csv", "rows": 1000}, "metrics": {"brier": 0.1}},
        "training": {"sourceCommit": "8f3c1d2"},
        "signature": {"inputs": [{"name": "amount", "unit": "EUR", "range": {"min": 0, "max": 10000}}]},
    }
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(said))
    (tmp_path / "train.csv").write_text("a\n1\n")
    result = run(
        *(
            inputs,
            tmp_path / "out",
            "--target",
            "risk",
            "--owner",
            "Payments",
            "--description",
            "Says how risky it is.",
        ),
        *("--licence", "Apache-2.0", "--intended-use", "Payments in euros.", "--metric", "roc_auc=0.93"),
        *(
            "--task",
            "risk-classes",
            "--dataset",
            str(tmp_path / "train.csv"),
            "--manifest",
            str(tmp_path / "more.yaml"),
        ),
        *("--absolute-tolerance", "0.001", "--golden", "5"),
    )
    assert result.exit_code == 0, result.output
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.name, manifest.version, manifest.task) == ("risk", "2026.11.20", "risk-classes")
    assert (manifest.owner, manifest.licence, manifest.intended_use) == ("Payments", "Apache-2.0", "Payments in euros.")
    assert manifest.evaluation is not None
    assert manifest.evaluation.metrics == {"brier": 0.1, "roc_auc": 0.93}
    assert manifest.evaluation.dataset is not None
    assert manifest.training is not None
    assert manifest.training.source_commit == "8f3c1d2"
    assert manifest.training.dataset is not None
    assert manifest.training.dataset.name == "train.csv"
    assert manifest.training.dataset.digest is not None
    assert manifest.training.estimator == "Pipeline(ColumnTransformer, LogisticRegression)"
    amount = manifest.signature.inputs[0]
    assert (amount.unit, amount.datatype) == ("EUR", "FP32")
    assert amount.range is not None
    assert (amount.range.min, amount.range.max) == (0, 10000)
    assert manifest.golden is not None
    assert manifest.golden.tolerance.absolute == 0.001
    assert len(manifest.golden.requests) == 6


def test_the_report_says_what_was_made(inputs: Path, tmp_path: Path) -> None:
    result = run(inputs, tmp_path / "out", "--target", "risk")
    assert result.exit_code == 0, result.output
    assert "executes code in it" in result.stderr
    assert "All 400 rows are answered as by the original" in result.stdout
    assert "sha256:" in result.stdout
    assert "amount FP32 [-1, 1]" in result.stdout


def test_rows_that_differ_are_listed_and_nothing_is_made(inputs: Path, tmp_path: Path) -> None:
    differing = tmp_path / "rows.jsonl"
    result = run(inputs, tmp_path / "out", "--differences", str(differing), model="bound", sample="bound.csv")
    assert result.exit_code == 1
    rows = [json.loads(line) for line in differing.read_text().splitlines()]
    assert f"{len(rows)} of 400 rows are answered otherwise than by the original" in result.stdout
    assert f"row {rows[0]['row']}: input=[" in result.stdout
    assert rows[0].keys() == {"row", "inputs", "original", "onnx"}
    assert "No package was made." in result.stdout
    assert "try --numbers FP64" in result.stdout
    assert {each.name for each in tmp_path.iterdir()} == {"rows.jsonl"}


def test_they_can_be_allowed_or_avoided(inputs: Path, tmp_path: Path) -> None:
    allowed = run(inputs, tmp_path / "a", "--allow-differences", model="bound", sample="bound.csv")
    avoided = run(inputs, tmp_path / "b", "--numbers", "FP64", model="bound", sample="bound.csv")
    assert (allowed.exit_code, avoided.exit_code) == (0, 0)
    parity = [read_manifest(tmp_path / name).parity for name in ("a", "b")]
    assert parity[0] is not None
    assert parity[1] is not None
    assert parity[0].differing > 0 == parity[1].differing


MISTAKES: dict[str, tuple[list[str], str]] = {
    "a column of labels that is not there": (
        ["--target", "label"],
        "has no column 'label', the target; it has 'amount'",
    ),
    "a metric without a number": (["--metric", "auc"], "'auc' is no metric; expected NAME=VALUE"),
    "a metric that is no number": (["--metric", "auc=nan"], "evaluation.metrics.auc is NaN; expected a finite number"),
    "a data set that is not there": (["--dataset", "nowhere.csv"], "the data set nowhere.csv cannot be read"),
    "a manifest that is not there": (["--manifest", "nowhere.yaml"], "nowhere.yaml cannot be read"),
    "a name for nothing": (["--name", "Risk!"], 'name is "Risk!"; expected'),
    "a version with blanks": (["--version", "next one"], 'version is "next one"; expected'),
    "a licence that is a text": (["--licence", "x" * 200], "licence is"),
    "a tolerance that is no number": (["--absolute-tolerance", "nan"], "nan is no number"),
    "a tolerance without end": (["--relative-tolerance", "inf"], "inf is not in the range"),
    "no run of MLflow": (
        ["--mlflow-run", "runs:/abc"],
        "'runs:/abc' is no run of MLflow; expected the server and the run",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_before_the_work_and_nothing_is_made(mistake: str, inputs: Path, tmp_path: Path) -> None:
    words, sentence = MISTAKES[mistake]
    result = run(inputs, tmp_path / "out", *words)
    assert result.exit_code in (1, 2)
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert not any(tmp_path.iterdir())


FILES: dict[str, tuple[str, str]] = {
    "no mapping": ("[1]", "is no mapping; expected fields of the manifest, as `owner: Payments`"),
    "an unknown field": ("ownr: me", "ownr is no field of a manifest; did you mean 'owner'?"),
    "parity, which was not seen": ("parity: {rows: 1}", "parity is found out by `leadsman package`"),
    "files": ("files: []", "files is found out by `leadsman package`"),
    "an input that there is not": (
        "signature: {inputs: [{name: color, unit: EUR}]}",
        "signature.inputs[7].datatype is missing",
    ),
    "a range that contradicts the datatype": (
        "signature: {inputs: [{name: country, range: {min: 1}}]}",
        "the server would refuse the package",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_fields_is_held_to_the_manifest(case: str, inputs: Path, tmp_path: Path) -> None:
    text, sentence = FILES[case]
    (tmp_path / "more.yaml").write_text(text)
    result = run(inputs, tmp_path / "out", "--manifest", str(tmp_path / "more.yaml"), "--target", "risk")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("more")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("full", "file", "link"):
        result = run(inputs, tmp_path / name)
        assert result.exit_code == 1
        assert "exists, and is not an empty directory" in result.stderr
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"
    assert len([*tmp_path.iterdir()]) == 3


def test_an_empty_directory_is_filled(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert run(inputs, Path(), "--target", "risk").exit_code == 0
    assert (tmp_path / "empty" / "model.yaml").exists()


def test_a_place_that_cannot_be_written_is_named(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    below = run(inputs, tmp_path / "file" / "out", "--target", "risk")
    assert (below.exit_code, "no directory can be made at" in below.stderr) == (1, True)
    nowhere = str(tmp_path / "nowhere" / "rows")
    unwritten = run(inputs, tmp_path / "out", "--differences", nowhere, model="bound", sample="bound.csv")
    assert (unwritten.exit_code, "cannot be written: No such file" in unwritten.stderr) == (1, True)


def test_a_tracking_server_that_does_not_answer_may_answer_later(inputs: Path, tmp_path: Path) -> None:
    result = run(inputs, tmp_path / "out", "--mlflow-run", "http://127.0.0.1:1/abc")
    assert (result.exit_code, "cannot be reached" in result.stderr) == (75, True)


def test_an_object_of_a_module_in_the_working_directory(tmp_path: Path) -> None:
    code = (
        "import pandas as pd\nfrom sklearn.linear_model import LinearRegression\n"
        "frame = pd.DataFrame({'a': [1.0, 2, 3], 'b': [2.0, 1, 5]})\n"
        "class Models:\n    best = LinearRegression().fit(frame, [1.0, 2, 3])\n"
        "frame.to_csv('sample.csv', index=False)\n"
    )
    (tmp_path / "training.py").write_text(code)
    subprocess.run([sys.executable, "training.py"], cwd=tmp_path, check=True, timeout=60)
    words = ["package", "training:Models.best", "--sample", "sample.csv", "--name", "m", "--version", "1", "-o", "out"]
    leadsman = Path(sys.executable).with_name("leadsman")
    done = subprocess.run([leadsman, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Importing training executes code in it." in done.stderr
    assert read_manifest(tmp_path / "out").task == "regression"


def test_what_is_not_installed_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(needed, "find_spec", lambda name: None if name == "skl2onnx" else object())
    result = run(tmp_path, tmp_path / "out")
    assert result.exit_code == 2
    assert (
        "package needs skl2onnx, which is not installed; get it with: pip install 'leadsman[package]'" in result.stderr
    )


# --- the published schema ---


def test_a_package_is_as_the_published_schema_says(inputs: Path, tmp_path: Path) -> None:
    run(inputs, tmp_path / "out", "--target", "risk")
    published: dict[str, Any] = json.loads((ROOT / "docs" / "model-package.schema.json").read_text())
    Draft202012Validator.check_schema(published)
    validator = Draft202012Validator(published)
    document = yaml.safe_load((tmp_path / "out" / "model.yaml").read_text())
    assert [*validator.iter_errors(document)] == []
    assert [*validator.iter_errors({**document, "version": "not one"})] != []
    assert [*validator.iter_errors({**document, "surprise": 1})] != []


def test_the_schema_is_written_and_checked(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    path = tmp_path / "docs" / "model-package.schema.json"
    runner = CliRunner()
    missing = runner.invoke(main, ["package-schema", "--root", str(tmp_path)])
    assert missing.exit_code == 1
    assert "out of date" in missing.stderr
    assert runner.invoke(main, ["package-schema", "--write", "--root", str(tmp_path)]).exit_code == 0
    assert path.read_text() == schema()
    assert runner.invoke(main, ["package-schema", "--root", str(tmp_path)]).exit_code == 0
    assert runner.invoke(main, ["package-schema", "--root", str(ROOT)]).exit_code == 0
