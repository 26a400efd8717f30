"""What cannot be packaged is refused in one sentence, with its place, and leaves nothing behind."""

import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVR

from leadsman_package.authoring.packaging import Order, package
from leadsman_package.errors import PackageError
from packages.authoring.estimators import encoded, fit, on_columns, scaled
from packages.authoring.frames import mixed, moods, numbers, score, texts, two_classes
from packages.authoring.making import Silent, make

Case = Callable[[], tuple[Any, pd.DataFrame]]


class Doubling(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A step that somebody wrote for a project."""

    def fit(self, data: Any, labels: Any = None) -> "Doubling":
        self.fitted_ = True
        return self

    def transform(self, data: Any) -> Any:
        return np.asarray(data) * 2


class Leaving(LogisticRegression):  # type: ignore[misc]
    """An estimator that ends the program of whoever asks it."""

    ends: type[BaseException] = SystemExit

    def predict(self, data: Any) -> Any:
        raise self.ends


class Interrupted(Leaving):
    """One that the user stops by Ctrl-C."""

    ends = KeyboardInterrupt


def clipped() -> tuple[Any, pd.DataFrame]:
    return fit(Pipeline([("clip", FunctionTransformer(np.abs)), ("model", LogisticRegression())]))


def deep() -> tuple[Any, pd.DataFrame]:
    columns = ColumnTransformer([("figures", make_pipeline(StandardScaler(), Doubling()), ["amount", "age"])])
    return fit(Pipeline([("columns", columns), ("model", LogisticRegression())]))


def with_tokenizer() -> tuple[Any, pd.DataFrame]:
    data = texts()
    model = make_pipeline(TfidfVectorizer(tokenizer=str.split, token_pattern=None), LogisticRegression())
    return model.fit(data["text"], moods(data)), data


def renamed() -> tuple[Any, pd.DataFrame]:
    model, data = fit(on_columns(LogisticRegression()), two_classes, mixed)
    return model, data.rename(columns={"country": "land", "vip": "star"})


def dated() -> tuple[Any, pd.DataFrame]:
    model, data = fit(Ridge(), score)
    return model, data.assign(age=pd.Timestamp("2026-01-01"))


def odd_strings() -> tuple[Any, pd.DataFrame]:
    model, data = fit(on_columns(LogisticRegression()), two_classes, mixed)
    return model, data.assign(age=[*data["age"].astype(str)[:-1], "unknown"])


REFUSED: dict[str, tuple[Case, str]] = {
    "a function among the steps": (clipped, "step 'clip' of the pipeline, FunctionTransformer, cannot be converted:"),
    "a class of somebody's own, deep inside": (
        deep,
        "step 'doubling' of the pipeline of transformer 'figures' of the columns of step 'columns' of the pipeline, "
        "Doubling, cannot be converted: there is no converter for it",
    ),
    "a function that finds words": (with_tokenizer, "step 'tfidfvectorizer' of the pipeline, TfidfVectorizer, cannot"),
    "rare strings as one category": (
        lambda: fit(encoded(OneHotEncoder(min_frequency=50), "country"), frame=mixed),
        "transformer 'words' of the columns of step 'columntransformer' of the pipeline, OneHotEncoder, cannot",
    ),
    "an estimator without a converter": (
        lambda: fit(TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), two_classes),
        "TransformedTargetRegressor cannot be converted: there is no converter for it",
    ),
    "an estimator that is not fitted": (
        lambda: (LogisticRegression(), numbers()),
        "model.joblib, LogisticRegression, is not fitted; expected a fitted one",
    ),
    "a class": (lambda: (LogisticRegression, numbers()), "is a class LogisticRegression; expected a fitted estimator"),
    "no estimator at all": (lambda: ({"a": 1}, numbers()), "is a builtins dict; expected a fitted estimator"),
    "a sample without some columns": (
        renamed,
        "lacks the columns 'country', 'vip', which the estimator was fitted on; it has 'amount', 'age'",
    ),
    "a sample with the labels in it": (
        lambda: (LogisticRegression().fit(numbers().to_numpy(), two_classes(numbers())), numbers().assign(fraud=1)),
        "has 5 columns, 'amount', 'age', 'balance', 'visits', 'fraud', but the estimator was fitted on 4; "
        "expected these (name the column of labels by --target)",
    ),
    "a sample with dates": (dated, "column 'age' of"),
    "an estimator that ends the program": (
        lambda: fit(Leaving()),
        "Leaving.predict fails on the sample: SystemExit; expected rows that it can answer",
    ),
    "a sample that the estimator itself fails on": (odd_strings, "Pipeline.predict fails on the sample: ValueError"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_with_the_place(case: str, tmp_path: Path) -> None:
    prepare, sentence = REFUSED[case]
    model, frame = prepare()
    with pytest.raises(PackageError) as caught:
        make(tmp_path, model, frame)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.joblib", "sample.parquet"]


def test_whoever_interrupts_is_obeyed(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, *fit(Interrupted()))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.joblib", "sample.parquet"]


def test_what_has_no_operators_in_fp64_is_told_to_do_without(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"cannot load model\.onnx: .*; .* in FP32 only: leave out --numbers FP64"):
        make(tmp_path, *fit(scaled(SVR()), score), numbers="FP64")


# --- files that are no estimators ---


class Exiting:
    def __reduce__(self) -> Any:
        return sys.exit, (0,)


class Raising:
    def __reduce__(self) -> Any:
        return os.stat, ("/nowhere/at/all",)


class Recursing:
    def __reduce__(self) -> Any:
        return eval, ("(lambda f: f(f))(lambda f: f(f))",)


PICKLES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "cannot be loaded: EOFError"),
    "no pickle": (b"<html>", "cannot be loaded: "),
    "half of one": (pickle.dumps(LogisticRegression())[:-20], "cannot be loaded: "),
    "one that ends the program": (pickle.dumps(Exiting()), "cannot be loaded: SystemExit: 0"),
    "one that fails": (pickle.dumps(Raising()), "cannot be loaded: FileNotFoundError"),
    "one without end": (pickle.dumps(Recursing()), "cannot be loaded: RecursionError"),
    "one of a package that is not here": (b"cnowhere_to_be_found\nModel\n.", "needs the package 'nowhere_to_be_found'"),
    "one of a class that is gone": (b"csklearn.linear_model\nGone\n.", "cannot be loaded: AttributeError"),
    "what joblib has compressed, cut off": (b"\x78\x9c\x4b\x04", "cannot be loaded: "),
}


@pytest.mark.parametrize("case", PICKLES)
@pytest.mark.parametrize("suffix", ["joblib", "pkl"])
def test_a_pickle_that_does_not_load_is_one_sentence(case: str, suffix: str, tmp_path: Path) -> None:
    content, sentence = PICKLES[case]
    path = tmp_path / f"model.{suffix}"
    path.write_bytes(content)
    with pytest.raises(PackageError) as caught:
        make(tmp_path, path, numbers())
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_loading_is_said_aloud_before_it_happens(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Exiting()))
    numbers().to_csv(tmp_path / "s.csv")
    silent = Silent()
    with pytest.raises(PackageError):
        package(Order(str(path), tmp_path / "s.csv", tmp_path / "p", {"name": "m", "version": "1"}), silent)
    assert any(f"Loading {path} executes code in it" in sentence for sentence in silent.told)


REFERENCES = {
    "nowhere.joblib": "there is no file nowhere.joblib; expected a file .joblib, .pkl, .pickle or .onnx, or module:",
    "nowhere.onnx": "there is no file nowhere.onnx",
    "model.h5": "model.h5 is no estimator that is known; expected a file .joblib",
    "no_such_module:model": "no_such_module:model cannot be imported: it needs the package 'no_such_module'",
    "os:nothing": "os:nothing: there is no 'nothing' in it; expected a fitted estimator",
}


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_names_no_estimator_is_refused(reference: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError) as caught:
        make(tmp_path, reference, numbers())
    assert REFERENCES[reference] in str(caught.value)


# --- samples ---


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def object_array(path: Path) -> None:
    np.savez(path, x=np.array([Raising()], dtype=object))


SAMPLES: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "an empty CSV": ("s.csv", lambda path: path.write_bytes(b""), "is no CSV that can be read"),
    "a CSV of only a header": ("s.csv", lambda path: path.write_text("amount,age\n"), "has no rows"),
    "a CSV with longer rows": ("s.csv", lambda path: path.write_text("a\n1\n1,2,3\n1,2,3,4\n"), "is no CSV that can"),
    "a CSV in another encoding": (
        "s.csv",
        lambda path: path.write_bytes(b"a\n\xff\xfe\n"),
        "is no CSV that can be read",
    ),
    "no Parquet": ("s.parquet", lambda path: path.write_bytes(b"PAR1"), "is no Parquet that can be read"),
    "no npz": ("s.npz", lambda path: path.write_bytes(b"PK"), "is no npz that can be read"),
    "an npz with objects": ("s.npz", object_array, "Object arrays cannot be loaded when allow_pickle=False"),
    "an npz with nothing": ("s.npz", zipped, "has no rows"),
    "an npz with something else": ("s.npz", lambda path: zipped(path, x=b"junk"), "is no npz that can be read"),
    "an npz of a number": ("s.npz", lambda path: np.savez(path, x=np.float32(1)), "differ in their first axis"),
    "an npz of different lengths": (
        "s.npz",
        lambda path: np.savez(path, a=np.zeros(2), b=np.zeros(3)),
        "the arrays differ in their first axis, the rows (a: 2, b: 3); expected the same",
    ),
    "a spreadsheet": ("s.xlsx", lambda path: path.write_bytes(b"PK"), "expected a file .csv, .parquet, .npz"),
    "nothing": ("s.csv", lambda path: None, "there is no file"),
}


def attempt(tmp_path: Path, sample: Path) -> PackageError:
    model = tmp_path / "model.joblib"
    if not model.exists():
        model.write_bytes(pickle.dumps(fit(Ridge(), score)[0]))
    with pytest.raises(PackageError) as caught:
        package(Order(str(model), sample, tmp_path / "p", {"name": "m", "version": "1"}), Silent())
    assert not (tmp_path / "p").exists()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("case", SAMPLES)
def test_a_sample_that_cannot_be_read_is_one_sentence(case: str, tmp_path: Path) -> None:
    name, write, sentence = SAMPLES[case]
    write(tmp_path / name)
    assert sentence in str(attempt(tmp_path, tmp_path / name))


def test_an_npz_that_swells_is_refused_by_its_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadsman_package.authoring.sample._MOST_BYTES", 1 << 20)
    np.savez_compressed(tmp_path / "s.npz", x=np.zeros(1 << 20))
    assert (tmp_path / "s.npz").stat().st_size < 1 << 14
    assert "at most 1048576 are read" in str(attempt(tmp_path, tmp_path / "s.npz"))


@given(content=st.binary(max_size=400), kind=st.sampled_from(["csv", "parquet", "npz"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_a_sample_are_refused(content: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"s.{kind}"
    path.write_bytes(content)
    attempt(tmp_path, path)


# --- models that are in ONNX already ---


def onnx_model(*nodes: Any, shape: Any = (None, 4), name: str = "x") -> Any:
    taken = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([*nodes], "g", [taken], [given])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


def same(name: str = "x") -> Any:
    return helper.make_node("Identity", [name], ["y"])


def mean() -> Any:
    return helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0)


def with_data_at(location: str) -> Any:
    model = onnx_model(helper.make_node("Add", ["x", "w"], ["y"]))
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    model.graph.initializer.append(tensor)
    return model


MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "no ONNX": (
        lambda: b"\xff\xff",
        "cannot load model.onnx: Load model from model.onnx failed:Protobuf parsing failed",
    ),
    "an operator that does not exist": (lambda: onnx_model(helper.make_node("Nope", ["x"], ["y"])), "cannot be served"),
    "of fewer columns": (lambda: onnx_model(same(), shape=(None, 3)), "does not fit the model"),
    "of a fixed number of rows": (lambda: onnx_model(same(), shape=(5, 4)), "the model takes exactly 5 rows; export"),
    "that gives one answer to all rows": (lambda: onnx_model(mean()), "expected a row for each"),
    "with data in another directory": (
        lambda: with_data_at("../secret.bin"),
        "keeps data in '../secret.bin'; expected",
    ),
    "with data at an absolute path": (lambda: with_data_at("/etc/passwd"), "keeps data in '/etc/passwd'; expected"),
    "with data in a hidden file": (lambda: with_data_at(".env"), "keeps data in '.env'; expected a file beside it"),
    "with data that is not there": (lambda: with_data_at("w.bin"), "keeps data in 'w.bin', which is not there"),
    "with its data in the manifest": (lambda: with_data_at("model.yaml"), "model.yaml"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_in_onnx_that_cannot_be_packaged_is_refused(case: str, tmp_path: Path) -> None:
    prepare, sentence = MODELS[case]
    model = prepare()
    path = tmp_path / "exported.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    if case == "with its data in the manifest":
        (tmp_path / "model.yaml").write_bytes(np.zeros(4, np.float32).tobytes())
    onnx_given = path.read_bytes()
    with pytest.raises(PackageError) as caught:
        make(tmp_path, path, numbers())
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "package").exists()
    assert path.read_bytes() == onnx_given


def test_a_link_among_the_data_does_not_lead_outside(tmp_path: Path) -> None:
    model = with_data_at("w.bin")
    (tmp_path / "m").mkdir()
    (tmp_path / "secret").write_bytes(np.zeros(4, np.float32).tobytes())
    (tmp_path / "m" / "w.bin").symlink_to(tmp_path / "secret")
    onnx.save(model, tmp_path / "m" / "exported.onnx")
    with pytest.raises(PackageError, match=r"keeps data in 'w\.bin'; expected a file beside it"):
        make(tmp_path, tmp_path / "m" / "exported.onnx", numbers())
