"""What a package says of a model: its signature, its golden requests, its baseline and how it was made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from leadsman_package.authoring.packaging import Made
from leadsman_package.baseline import Baseline, parse_baseline, to_json
from leadsman_package.errors import PackageError
from leadsman_package.manifest import Input, Manifest, Range
from packages.authoring.estimators import boosted, fit, on_columns, scaled
from packages.authoring.frames import ROWS, mixed, numbers, score, three_classes, two_classes
from packages.authoring.making import make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    """A package of a pipeline over mixed columns with missing values."""
    directory = tmp_path_factory.mktemp("mixed")
    return make(directory, *fit(on_columns(LogisticRegression()), three_classes, mixed)), directory / "package"


@pytest.fixture(scope="module")
def manifest(made: tuple[Made, Path]) -> Manifest:
    assert made[0].manifest is not None
    return made[0].manifest


@pytest.fixture(scope="module")
def baseline(made: tuple[Made, Path]) -> Baseline:
    return parse_baseline((made[1] / "baseline.json").read_bytes())


def test_each_column_is_an_input_with_what_the_sample_tells_of_it(manifest: Manifest) -> None:
    inputs = {each.name: each for each in manifest.signature.inputs}
    frame = mixed()
    assert [*inputs] == [*frame.columns]
    age, amount, country, vip = (inputs[name] for name in ("age", "amount", "country", "vip"))
    assert (age.datatype, age.range, age.missing) == ("INT64", Range(min=int(frame["age"].min()), max=89), None)
    assert (amount.datatype, amount.missing) == ("FP32", "allowed")
    assert (country.datatype, country.missing) == ("BYTES", "allowed")
    assert country.categories == ("DE", "FR", "IT", "PL")
    assert inputs["channel"].missing == "refused"
    assert (vip.datatype, vip.range, vip.categories) == ("BOOL", None, None)


def test_probabilities_say_what_their_places_stand_for(manifest: Manifest) -> None:
    outputs = {each.name: each for each in manifest.signature.outputs}
    assert outputs["probabilities"].labels == ("high", "low", "mid")
    assert outputs["label"].datatype == "BYTES"


def test_no_row_of_the_sample_breaks_the_rules_that_were_found(manifest: Manifest) -> None:
    """Ranges are of the numbers as the model gets them, rounded to FP32, and written with all the digits it takes."""
    frame = mixed()
    for name in ("amount", "balance"):
        (found,) = (each for each in manifest.signature.inputs if each.name == name)
        assert found.range is not None
        values = frame[name].dropna().to_numpy(np.float32)
        assert np.float32(found.range.min) == values.min()
        assert np.float32(found.range.max) == values.max()


def test_a_matrix_has_its_columns_as_features(tmp_path: Path) -> None:
    made = make(tmp_path, *fit(scaled(LogisticRegression())))
    assert made.manifest is not None
    (matrix,) = made.manifest.signature.inputs
    assert (matrix.name, matrix.datatype, matrix.shape) == ("input", "FP32", (-1, 4))
    assert matrix.features is not None
    assert [each.name for each in matrix.features] == ["amount", "age", "balance", "visits"]
    assert all(each.range is not None and each.missing == "refused" for each in matrix.features)


NAMES = {"age": "petal length (cm)", "amount": "a/b", "channel": "größe", "vip": "label", "country": "a_b"}


def test_inputs_have_the_names_of_the_columns_whatever_these_are(tmp_path: Path) -> None:
    frame = mixed(missing=False).rename(columns=NAMES)
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["petal length (cm)", "a/b"]), ("w", OneHotEncoder(), ["größe", "a_b"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, two_classes(mixed()))
    with pytest.raises(PackageError, match="column 'label' has a name that the converter uses itself; rename"):
        make(tmp_path, model, frame)
    frame = frame.rename(columns={"label": "vip"})
    made = make(tmp_path, model.fit(frame, two_classes(mixed())), frame)
    assert made.manifest is not None
    assert [each.name for each in made.manifest.signature.inputs] == [*frame.columns]


def test_how_it_was_made_is_found_out(manifest: Manifest) -> None:
    assert manifest.task == "classification"
    assert manifest.training is not None
    assert manifest.training.framework == "scikit-learn"
    assert manifest.training.estimator == "Pipeline(ColumnTransformer, LogisticRegression)"
    assert manifest.training.packages is not None
    assert {"scikit-learn", "skl2onnx", "onnx"} <= {*manifest.training.packages}


def test_the_framework_is_that_of_the_last_step(tmp_path: Path) -> None:
    from lightgbm import LGBMRegressor  # noqa: PLC0415

    made = make(tmp_path, *fit(scaled(boosted(LGBMRegressor)), score), allow_differences=True)
    assert made.manifest is not None
    assert made.manifest.training is not None
    assert (made.manifest.task, made.manifest.training.framework) == ("regression", "lightgbm")
    assert {"lightgbm", "scikit-learn"} <= {*(made.manifest.training.packages or {})}


# --- golden requests ---


def values(path: Path, key: str) -> dict[str, list[Any]]:
    return {each["name"]: each["data"] for each in json.loads(path.read_bytes())[key]}


def test_golden_requests_hold_the_edges_of_the_data(made: tuple[Made, Path], manifest: Manifest) -> None:
    frame = mixed()
    assert manifest.golden is not None
    rows = [
        values(made[1] / each.request, "inputs") for each in manifest.golden.requests if "batch" not in each.request
    ]
    assert len(rows) == 20

    def seen(name: str) -> list[Any]:
        return [row[name][0] for row in rows]

    assert None in seen("amount")
    assert "" in seen("country")
    assert "IT" in seen("country")
    assert {int(frame["age"].min()), int(frame["age"].max())} <= {*seen("age")}
    assert pytest.approx(float(np.float32(frame["balance"].max()))) in seen("balance")
    assert frame["age"][0] in seen("age")


def test_one_golden_request_is_of_several_rows(made: tuple[Made, Path]) -> None:
    asked, answered = (
        values(made[1] / part / "batch.json", key) for part, key in (("samples", "inputs"), ("golden", "outputs"))
    )
    assert len(asked["age"]) == len(answered["label"]) == 8
    assert len(answered["probabilities"]) == 24


def test_the_names_of_golden_requests_say_what_they_show(manifest: Manifest) -> None:
    assert manifest.golden is not None
    names = [each.name for each in manifest.golden.requests]
    assert any("rarest country" in name for name in names)
    assert any("least balance" in name for name in names)
    assert "8 rows at once" in names


def test_fewer_can_be_asked_for_and_a_sample_may_have_fewer(tmp_path: Path) -> None:
    model, frame = fit(scaled(LogisticRegression()))
    few = make(tmp_path / "few", model, frame, golden=3)
    one = make(tmp_path / "one", model, frame.iloc[:1], golden=20)
    assert few.manifest is not None
    assert few.manifest.golden is not None
    assert len(few.manifest.golden.requests) == 4
    assert one.manifest is not None
    assert one.manifest.golden is not None
    assert [each.request for each in one.manifest.golden.requests] == ["samples/row-0.json"]


# --- the baseline ---


def test_the_baseline_counts_every_value(baseline: Baseline) -> None:
    frame = mixed()
    assert baseline.rows == ROWS
    for column in baseline.inputs:
        assert column.values == ROWS
        assert column.missing == int(frame[column.tensor].isna().sum())
        counts = [*column.histogram.counts] if column.histogram else [*(column.categories or {}).values()]
        assert sum(counts) + (column.other or 0) == ROWS - column.missing


def test_the_baseline_has_the_shape_of_the_numbers(baseline: Baseline) -> None:
    (balance,) = (each for each in baseline.inputs if each.tensor == "balance")
    values = mixed()["balance"].to_numpy(np.float32)
    assert balance.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-6)
    assert balance.quantiles is not None
    assert balance.quantiles["0.5"] == pytest.approx(np.median(values), rel=1e-6)
    assert balance.histogram is not None
    assert len(balance.histogram.counts) == 20
    assert balance.histogram.edges[0] == values.min()
    assert balance.histogram.edges[-1] == values.max()


def test_the_baseline_has_the_models_own_answers_by_class(baseline: Baseline) -> None:
    outputs = {(each.tensor, each.feature): each for each in baseline.outputs}
    assert [*outputs] == [("label", None), *(("probabilities", label) for label in ("high", "low", "mid"))]
    assert sum((outputs["label", None].categories or {}).values()) == ROWS


def test_a_baseline_comes_back_as_it_was_and_anything_else_is_refused(baseline: Baseline) -> None:
    assert parse_baseline(to_json(baseline)) == baseline
    for text in (b"", b"{}", b'{"rows": 0}', b"[1]", b"\xff"):
        with pytest.raises(PackageError, match=r"^baseline.json: "):
            parse_baseline(text)


@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists).map(orjson.dumps)
)
def test_any_bytes_are_no_baseline(text: bytes) -> None:
    with pytest.raises(PackageError):
        parse_baseline(text)


# --- models that are in ONNX already ---


def test_external_data_comes_along_under_its_own_name(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.ones((4, 300), np.float32), "w")
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 300])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [taken], [given], [weights])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)], producer_name="torch")
    (tmp_path / "m").mkdir()
    onnx.save(model, tmp_path / "m" / "net.onnx", save_as_external_data=True, location="net.onnx.data")
    made = make(tmp_path, tmp_path / "m" / "net.onnx", numbers())
    assert made.manifest is not None
    assert {"model.onnx", "net.onnx.data"} <= {file.path for file in made.manifest.files}
    assert made.comparison is made.manifest.parity is None
    assert made.manifest.training is not None
    assert made.manifest.training.framework == "torch"
    (taken_in,) = made.manifest.signature.inputs
    assert [each.name for each in taken_in.features or ()] == ["amount", "age", "balance", "visits"]


def two_inputs(rows: int | None = None) -> Any:
    """An image and a word, as exported elsewhere."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [rows, 3, 4, 4])
    word = helper.make_tensor_value_info("word", TensorProto.STRING, [rows])
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [rows])
    echo = helper.make_tensor_value_info("echo", TensorProto.STRING, [rows])
    axes = numpy_helper.from_array(np.array([1, 2, 3]), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Identity", ["word"], ["echo"]),
    ]
    graph = helper.make_graph(nodes, "g", [image, word], [mean, echo], [axes])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


@pytest.mark.parametrize("rows", [None, 1])
def test_several_inputs_of_any_rank_come_from_an_npz_by_their_names(rows: int | None, tmp_path: Path) -> None:
    onnx.save(two_inputs(rows), tmp_path / "net.onnx")
    images = np.random.default_rng(0).random((30, 3, 4, 4))
    words = np.array(["left", "right", "up"] * 10)
    made = make(tmp_path, tmp_path / "net.onnx", {"image": images, "word": words, "y": np.zeros(30)}, target="y")
    assert made.manifest is not None
    image, word = made.manifest.signature.inputs
    assert isinstance(image, Input)
    assert image.shape == (rows or -1, 3, 4, 4)
    assert image.range is not None
    assert word.categories == ("left", "right", "up")
    assert made.manifest.golden is not None
    batch = [each for each in made.manifest.golden.requests if "batch" in each.request]
    assert len(batch) == (1 if rows is None else 0)
