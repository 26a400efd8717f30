"""MODEL_DIR/model.yaml: what is read of it, and what is said of one that is wrong."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadsman_serving.errors import ModelLoadError
from leadsman_serving.schema import Rules
from leadsman_serving.schema_file import read_schema
from leadsman_serving.signature import Signature, TensorSpec
from support.docs import ROOT, section

SIGNATURE = Signature(
    inputs=(
        TensorSpec("X", "FP32", ("N", 3)),
        TensorSpec("country", "BYTES", ("N", 1)),
        TensorSpec("rooms", "UINT8", (None,)),
        TensorSpec("ok", "BOOL", (1,)),
        TensorSpec("any", "FP64", ()),
    ),
    outputs=(),
)
EXAMPLE = """
name: rents            # what is not about validation is for others
signature:
  inputs:
    - name: X
      datatype: FP32
      shape: [-1, 3]
      missing: refused
      range: {min: 0}
      description: three numbers
      features:
        - {name: age, unit: years, range: {min: 0, max: 130}, missing: allowed}
        - {name: income, range: {max: 1.0e6}}
        - name: size
    - name: country
      categories: [DE, AT, CH]
    - {name: rooms, range: {min: 1.0, max: 20}}
    - {name: ok, categories: [true]}
  outputs:
    - name: Y
"""


def read(directory: Path, text: str | bytes) -> dict[str, list[tuple[str, Rules]]]:
    (directory / "model.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    schema = read_schema(directory, SIGNATURE)
    return {} if schema is None else {each.name: list(each.features) for each in schema.inputs}


def test_an_example(tmp_path: Path) -> None:
    assert read(tmp_path, EXAMPLE) == {
        "X": [
            ("age", Rules(0, 130)),
            ("income", Rules(high=1e6, refuse_missing=True)),
            ("size", Rules(low=0, refuse_missing=True)),
        ],
        "country": [("", Rules(categories=("DE", "AT", "CH")))],
        "rooms": [("", Rules(1, 20))],
        "ok": [("", Rules(categories=(True,)))],
    }


def test_what_the_documentation_shows(tmp_path: Path) -> None:
    shown = section(ROOT / "serving-image" / "README.md", "What the inputs may be")
    signature = Signature((TensorSpec("X", "FP32", ("N", 2)), TensorSpec("country", "BYTES", ("N",))), ())
    (tmp_path / "model.yaml").write_text(shown.split("```yaml\n")[1].split("```")[0])
    schema = read_schema(tmp_path, signature)
    assert schema is not None
    assert {each.name: list(each.features) for each in schema.inputs} == {
        "X": [("age", Rules(18, 130)), ("income", Rules(low=0, refuse_missing=True))],
        "country": [("", Rules(categories=("DE", "AT", "CH")))],
    }
    (broken,) = schema.violations(
        {"X": np.array([[20, 1]] * 3 + [[131, 1]], np.float32), "country": np.array(["DE"], object)}
    )
    assert str(broken) in " ".join(shown.split())


def an_input(**described: Any) -> str:
    return yaml.safe_dump({"signature": {"inputs": [described]}})


NOTHING: dict[str, str] = {
    "an empty file": "",
    "only a comment": "# later",
    "another document": "name: rents\nversion: 3",
    "an empty signature": "signature:",
    "no inputs": "signature: {outputs: [{name: Y}]}",
    "inputs without rules": "signature: {inputs: [{name: X, features: [{name: a}, {name: b}, {name: c}]}]}",
    "all may be missing": "signature: {inputs: [{name: X, missing: allowed, range: }]}",
}


@pytest.mark.parametrize("case", NOTHING)
def test_no_rules(case: str, tmp_path: Path) -> None:
    assert read(tmp_path, NOTHING[case]) == {}


def test_numbers_that_yaml_takes_for_strings(tmp_path: Path) -> None:
    text = "signature: {inputs: [{name: X, range: {min: -1e-3, max: 1e6}}, {name: rooms, range: {max: 1.5E2}}]}"
    assert read(tmp_path, text) == {"X": [("", Rules(-0.001, 1e6))], "rooms": [("", Rules(high=150))]}


def test_rules_that_are_written_once(tmp_path: Path) -> None:
    text = (
        "signature: {inputs: [{name: X, features: [{name: a, range: &r {min: 0}},"
        " &b {name: b, missing: refused, range: *r}, {<<: *b, name: c}]}]}"
    )
    assert read(tmp_path, text) == {
        "X": [("a", Rules(low=0)), ("b", Rules(low=0, refuse_missing=True)), ("c", Rules(low=0, refuse_missing=True))]
    }


def test_no_file(tmp_path: Path) -> None:
    assert read_schema(tmp_path, SIGNATURE) is None


AGREEING: dict[str, dict[str, Any]] = {
    "another name for a free dimension": {"name": "X", "shape": ["batch", 3]},
    "a free dimension that is fixed": {"name": "X", "shape": [8, 3]},
    "a fixed dimension that is free": {"name": "X", "shape": [None, -1]},
    "a rank that the model does not tell": {"name": "any", "shape": [2, 2]},
}


@pytest.mark.parametrize("case", AGREEING)
def test_shapes_that_agree(case: str, tmp_path: Path) -> None:
    assert read(tmp_path, an_input(**AGREEING[case], missing="refused")) != {}


FEATURES = [{"name": name} for name in "abc"]
PLACE = "signature.inputs[0]"
WRONG: dict[str, tuple[str | bytes, str]] = {
    "no mapping": ("- 1", "the file is [1]; expected a mapping"),
    "a signature that is none": ("signature: 1", "signature is 1; expected a mapping"),
    "inputs that are no list": ("signature: {inputs: {X: 1}}", "signature.inputs is a mapping; expected a list"),
    "an input that is none": ("signature: {inputs: [X]}", f"{PLACE} is 'X'; expected a mapping"),
    "no name": (an_input(range={"min": 0}), f"{PLACE}.name is missing; expected a string (in quotes) of 1 to 128"),
    "a name that is not in quotes": ("signature: {inputs: [{name: no}]}", f"{PLACE}.name is false; expected a string"),
    "no such input": (
        an_input(name="Z"),
        f"{PLACE}.name is 'Z'; expected an input of the model, one of 'X', 'country', 'rooms', 'ok', 'any'",
    ),
    "an input twice": (
        "signature: {inputs: [{name: X}, {name: X}]}",
        "signature.inputs[1].name is 'X', which is described before; expected each input once",
    ),
    "another datatype": (
        an_input(name="X", datatype="FP64"),
        f"{PLACE}.datatype is 'FP64', but the model's input is FP32",
    ),
    "another rank": (an_input(name="X", shape=[3]), f"{PLACE}.shape is [3], but the model's input is [-1, 3]"),
    "another size": (an_input(name="X", shape=[-1, 4]), f"{PLACE}.shape is [-1, 4], but the model's input is [-1, 3]"),
    "a shape that is none": (an_input(name="X", shape="-1x3"), f"{PLACE}.shape is '-1x3', but the model's"),
    "a size that is none": (an_input(name="X", shape=[-1, 3.5]), f"{PLACE}.shape is [-1, 3.5], but the model's"),
    "too few features": (
        an_input(name="X", features=FEATURES[:2]),
        f"{PLACE}.features are 2, but the last axis of input 'X', which they describe, has 3",
    ),
    "features of an axis of any size": (
        an_input(name="rooms", features=FEATURES),
        f"{PLACE}.features are 3, but the last axis of input 'rooms', which they describe, has no fixed size",
    ),
    "features of a rank that nobody knows": (
        an_input(name="any", features=[]),
        f"{PLACE}.features are 0, but the last axis of input 'any', which they describe, has no fixed size",
    ),
    "a feature without a name": (an_input(name="X", features=[{}] * 3), f"{PLACE}.features[0].name is missing"),
    "a feature with too long a name": (
        an_input(name="X", features=[*FEATURES[:2], {"name": "c" * 129}]),
        f"{PLACE}.features[2].name is '{'c' * 98}…; expected a string (in quotes) of 1 to 128 characters",
    ),
    "two features of one name": (
        an_input(name="X", features=[FEATURES[0], *FEATURES[:2]]),
        f"{PLACE}.features have the name 'a' 2 times; expected different names",
    ),
    "a range that is none": (an_input(name="X", range=[0, 1]), f"{PLACE}.range is [0, 1]; expected a mapping"),
    "a range without limits": (
        an_input(name="X", range={"minimum": 0}),
        f"{PLACE}.range has neither 'min' nor 'max'; expected at least one of them",
    ),
    "a range from top to bottom": (
        an_input(name="X", range={"min": 1, "max": 0}),
        f"{PLACE}.range is from 1 to 0; expected 'min' to be at most 'max'",
    ),
    "a limit that is no number": (
        an_input(name="X", features=[*FEATURES[:2], {"name": "c", "range": {"max": "1,5"}}]),
        f"{PLACE}.features[2].range.max is '1,5'; expected a number, as input 'X' is FP32",
    ),
    "a limit that is true": (an_input(name="X", range={"min": True}), f"{PLACE}.range.min is true; expected a number"),
    "a limit that is infinite": ("signature: {inputs: [{name: X, range: {max: .inf}}]}", f"{PLACE}.range.max is inf;"),
    "a limit that is NaN": ("signature: {inputs: [{name: X, range: {max: .nan}}]}", f"{PLACE}.range.max is nan;"),
    "a fraction of whole numbers": (
        an_input(name="rooms", range={"min": 0.5}),
        f"{PLACE}.range.min is 0.5; expected a whole number, as input 'rooms' is UINT8",
    ),
    "a limit that the datatype cannot have": (
        an_input(name="rooms", range={"max": 256}),
        f"{PLACE}.range.max is 256; expected a number that fits UINT8, as input 'rooms' is",
    ),
    "a limit beyond all numbers": (
        an_input(name="X", range={"max": 10**400}),
        f"{PLACE}.range.max is 1{'0' * 98}…; expected a number that fits FP32, as input 'X' is",
    ),
    "a range of strings": (
        an_input(name="country", range={"min": 0}),
        f"{PLACE}.range: input 'country' is BYTES, which has no range; expected 'categories'",
    ),
    "categories of floating-point numbers": (
        an_input(name="X", categories=[0, 1]),
        f"{PLACE}.categories: input 'X' is FP32, which has no categories; expected 'range'",
    ),
    "categories that are no list": (
        an_input(name="country", categories="DE"),
        f"{PLACE}.categories is 'DE'; expected a list of at least one category",
    ),
    "no categories": (
        an_input(name="country", categories=[]),
        f"{PLACE}.categories is []; expected a list of at least",
    ),
    "a category that is not in quotes": (
        "signature: {inputs: [{name: country, categories: [SE, NO]}]}",
        f"{PLACE}.categories[1] is false; expected a string (in quotes), as input 'country' is BYTES",
    ),
    "a category that is a date": (
        "signature: {inputs: [{name: country, categories: [2026-01-01]}]}",
        f"{PLACE}.categories[0] is 2026-01-01; expected a string (in quotes)",
    ),
    "a category of another type": (
        an_input(name="rooms", categories=[1, True]),
        f"{PLACE}.categories[1] is true; expected a whole number, as input 'rooms' is UINT8",
    ),
    "a category that the datatype cannot have": (
        an_input(name="rooms", categories=[-1]),
        f"{PLACE}.categories[0] is -1; expected a number that fits UINT8",
    ),
    "missing values of another kind": (
        an_input(name="X", missing="never"),
        f"{PLACE}.missing is 'never'; expected one of 'refused', 'allowed'",
    ),
    "no YAML": ("signature: {", "line 2, column 1: did not find expected node content"),
    "several documents": ("a: 1\n---\nb: 2", "line 2, column 1: but found another document"),
    "no UTF-8": (b"name: \xff", "invalid leading UTF-8 octet"),
    "an object of Python": (
        "a: !!python/object/apply:os.system [ls]",
        "line 1, column 4: the tag 'tag:yaml.org,2002:python/object/apply:os.system'; expected values without tags",
    ),
    "a tag that does not fit": ("a: !!timestamp X", "line 1, column 4: the tag 'tag:yaml.org,2002:timestamp'; exp"),
    "a tag of one's own": ("!x 1", "line 1, column 1: the tag '!x'; expected values without tags"),
    "what stands for far more": (
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
        "line 18, column 18: more than 50 levels deep, or more than 1000000 values",
    ),
    "merges of merges": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
        "more than 50 levels deep, or more than 1000000 values",
    ),
    "what stands for itself": ("&a [*a]", "line 1, column 5: *a stands for itself, or for nothing"),
    "what stands for nothing": ("[*a]", "line 1, column 2: *a stands for itself, or for nothing"),
    "very deep": ("[" * 4_000_000, "line 1, column 51: more than 50 levels deep, or"),
    "a key that is a list": ("? [a]\n: 1", "line 1, column 3: found unhashable key"),
    "a number of 5,000 digits": (f"a: {'9' * 5000}", "Exceeds the limit (4300 digits)"),
    "a category that is a time of day": (an_input(name="rooms", categories=[1]).replace("- 1", "- 1:30"), "is '1:30'"),
    "a day that never was": ("a: 2026-02-30", "day is out of range for month"),
    "too much": (b"#" * ((4 << 20) + 1), "more than 4194304 bytes, the most that are read"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files(case: str, tmp_path: Path) -> None:
    text, message = WRONG[case]
    with pytest.raises(ModelLoadError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/model.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").mkdir()
    with pytest.raises(ModelLoadError, match=re.escape(f"{tmp_path}/model.yaml cannot be read: Is a directory")):
        read_schema(tmp_path, SIGNATURE)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.sampled_from(["X", "refused", "DE"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "min", "max"]), inner),
    max_leaves=4,
)


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    """The example in which one value, somewhere, is another."""
    document = yaml.safe_load(EXAMPLE)
    place = document["signature"]
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            place[key] = draw(values)
            return yaml.safe_dump(document)
        place = place[key]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | spoiled().map(str.encode))
def test_any_file_is_read_or_refused_in_a_sentence(text: bytes, tmp_path: Path) -> None:
    with suppress(ModelLoadError):
        read(tmp_path, text)
