"""The schema of a model's inputs in MODEL_DIR/model.yaml, under `signature.inputs`; serving-image/README.md shows it.

Keys that say nothing about validation are left to whoever they are for.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from leadsman_serving.errors import ModelLoadError
from leadsman_serving.schema import InputSchema, Rules, Scalar, Schema, brief, extremes, one_of
from leadsman_serving.signature import Signature, TensorSpec
from leadsman_serving.tensors import DTYPES

FILE = "model.yaml"
_MOST_BYTES = 4 << 20
_MOST_CHARACTERS = 128  # of a feature's name: it becomes a label of Prometheus
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", re.ASCII)
_MISSING = {"refused": True, "allowed": False}
_CATEGORIES: dict[str, tuple[type, str]] = {
    "O": (str, "a string (in quotes)"),
    "i": (int, "a whole number"),
    "u": (int, "a whole number"),
    "b": (bool, "true or false"),
}


def read_schema(model_dir: Path, signature: Signature) -> Schema | None:
    """Return the rules in a model's model.yaml, None when there is no such file, or there are no rules in it.

    Raises ModelLoadError, in one sentence, when the file is broken or contradicts the model's own signature.
    """
    path = model_dir / FILE
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelLoadError(f"{path} cannot be read: {error.strerror}") from None
    # It takes 50 ms, which whoever has no such file does not have to pay.
    from leadsman_package import plain_yaml  # noqa: PLC0415

    try:
        if len(text) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES} bytes, the most that are read")
        return parse_schema(plain_yaml.load(text), signature)
    except ValueError as error:
        raise ModelLoadError(f"{path}: {error}") from None


def parse_schema(document: object, signature: Signature) -> Schema | None:
    """Return the rules in the document of a model.yaml, None when there are none.

    Raises ValueError saying where it is wrong, and what was expected, by itself or by the model's signature.
    """
    if document is None:
        return None
    described = _mapping("the file", document).get("signature")
    if described is None:
        return None
    specs = {spec.name: spec for spec in signature.inputs}
    inputs: dict[str, InputSchema | None] = {}
    for place, item in _items("signature.inputs", _mapping("signature", described).get("inputs")):
        name = _name(place, item)
        if name not in specs:
            raise _wrong(f"{place}.name", name, f"an input of the model, {one_of([*specs])}")
        if name in inputs:
            raise ValueError(f"{place}.name is {brief(name)}, which is described before; expected each input once")
        inputs[name] = _input(place, item, specs[name])
    with_rules = tuple(each for each in inputs.values() if each is not None)
    return Schema(with_rules) if with_rules else None


def _input(place: str, item: dict[str, Any], spec: TensorSpec) -> InputSchema | None:
    _check_agrees(place, item, spec)
    rules = _rules(place, item, spec, Rules())
    features = [("", rules)]
    if item.get("features") is not None:
        where = f"{place}.features"
        described = list(_items(where, item["features"]))
        _check_count(where, len(described), spec)
        features = [(_name(at, each), _rules(at, each, spec, rules)) for at, each in described]
        for name, times in Counter(name for name, _ in features).items():
            if times > 1:
                raise ValueError(f"{where} have the name {brief(name)} {times} times; expected different names")
    if not any(any(rules.told()) for _, rules in features):
        return None
    return InputSchema(spec.name, spec.datatype, features)


def _check_agrees(place: str, item: dict[str, Any], spec: TensorSpec) -> None:
    datatype, shape = item.get("datatype"), item.get("shape")
    if datatype is not None and datatype != spec.datatype:
        raise ValueError(f"{place}.datatype is {_said(datatype)}, but the model's input is {spec.datatype}")
    if shape is None or not spec.shape:
        return
    agrees = isinstance(shape, list) and len(shape) == len(spec.shape) and all(map(_agree, shape, spec.wire_shape))
    if not agrees:
        raise ValueError(f"{place}.shape is {_said(shape)}, but the model's input is {spec.wire_shape}")


def _agree(said: object, size: int) -> bool:
    """Whether one dimension contradicts the model's; -1, a name or nothing says that any size goes."""
    return said is None or isinstance(said, str) or (type(said) is int and (said == size or -1 in (said, size)))


def _check_count(place: str, count: int, spec: TensorSpec) -> None:
    last = spec.wire_shape[-1] if spec.shape else -1
    if count != last:
        has = "has no fixed size" if last < 0 else f"has {last}"
        raise ValueError(f"{place} are {count}, but the last axis of input {spec.name!r}, which they describe, {has}")


def _rules(place: str, item: Mapping[str, Any], spec: TensorSpec, default: Rules) -> Rules:
    """Return the rules of an input or a feature, which are the default's where it has none of the kind itself."""
    rules = default
    if item.get("range") is not None:
        low, high = _range(f"{place}.range", item["range"], spec)
        rules = replace(rules, low=low, high=high)
    if item.get("categories") is not None:
        rules = replace(rules, categories=_categories(f"{place}.categories", item["categories"], spec))
    missing = item.get("missing")
    if missing is not None:
        if not isinstance(missing, str) or missing not in _MISSING:
            raise _wrong(f"{place}.missing", missing, one_of([*_MISSING]))
        rules = replace(rules, refuse_missing=_MISSING[missing])
    return rules


def _range(place: str, said: object, spec: TensorSpec) -> tuple[int | float | None, int | float | None]:
    if DTYPES[spec.datatype].kind not in "iuf":
        raise ValueError(f"{place}: input {spec.name!r} is {spec.datatype}, which has no range; expected 'categories'")
    limits = _mapping(place, said)
    low, high = (_bound(f"{place}.{end}", limits.get(end), spec) for end in ("min", "max"))
    if low is None and high is None:
        raise ValueError(f"{place} has neither 'min' nor 'max'; expected at least one of them")
    if low is not None and high is not None and low > high:
        raise ValueError(f"{place} is from {low} to {high}; expected 'min' to be at most 'max'")
    return low, high


def _bound(place: str, said: object, spec: TensorSpec) -> int | float | None:
    if said is None:
        return None
    if isinstance(said, str) and _EXPONENT.fullmatch(said):
        said = float(said)  # to YAML 1.1, 1e6 is a string and 1.0e+6 a number; to its authors both are
    whole = DTYPES[spec.datatype].kind != "f"
    if whole and isinstance(said, float) and said.is_integer():
        said = int(said)
    if type(said) is int or (type(said) is float and isfinite(said) and not whole):
        _check_fits(place, said, spec)
        return said
    wanted = "a whole number" if whole else "a number"
    raise _wrong(place, said, f"{wanted}, as input {spec.name!r} is {spec.datatype}")


def _check_fits(place: str, number: int | float, spec: TensorSpec) -> None:
    least, most = extremes(DTYPES[spec.datatype])
    if not least <= number <= most:
        raise _wrong(place, number, f"a number that fits {spec.datatype}, as input {spec.name!r} is")


def _categories(place: str, said: object, spec: TensorSpec) -> tuple[Scalar, ...]:
    kind = DTYPES[spec.datatype].kind
    if kind not in _CATEGORIES:
        raise ValueError(f"{place}: input {spec.name!r} is {spec.datatype}, which has no categories; expected 'range'")
    wanted, named = _CATEGORIES[kind]
    if not isinstance(said, list) or not said:
        raise _wrong(place, said, "a list of at least one category")
    for index, category in enumerate(said):
        if type(category) is not wanted:
            raise _wrong(f"{place}[{index}]", category, f"{named}, as input {spec.name!r} is {spec.datatype}")
        if isinstance(category, int) and wanted is int:
            _check_fits(f"{place}[{index}]", category, spec)
    return tuple(dict.fromkeys(said))


def _name(place: str, item: Mapping[str, Any]) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _MOST_CHARACTERS:
        raise _wrong(f"{place}.name", name, f"a string (in quotes) of 1 to {_MOST_CHARACTERS} characters")
    return name


def _items(place: str, said: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each mapping in a list, with its place."""
    if said is None:
        return
    if not isinstance(said, list):
        raise _wrong(place, said, "a list")
    for index, item in enumerate(said):
        yield f"{place}[{index}]", _mapping(f"{place}[{index}]", item)


def _mapping(place: str, said: object) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise _wrong(place, said, "a mapping")
    return said


def _wrong(place: str, said: object, expected: str) -> ValueError:
    return ValueError(f"{place} is {_said(said)}; expected {expected}")


def _said(value: object) -> str:
    if isinstance(value, list) and any(isinstance(each, list | dict) for each in value):
        return "a list of lists or mappings"
    return "missing" if value is None else "a mapping" if isinstance(value, dict) else brief(value)
