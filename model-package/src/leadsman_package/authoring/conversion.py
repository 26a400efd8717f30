"""An estimator as ONNX, by skl2onnx and onnxmltools: always the same bytes for the same estimator."""

import copy
import importlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from leadsman_package.authoring.estimators import Estimator
from leadsman_package.authoring.inputs import InputPlan
from leadsman_package.authoring.mending import mend
from leadsman_package.authoring.steps import by_trees, describe, final, parts
from leadsman_package.errors import PackageError

OPSET = 18
ML_OPSET = 3
_PRODUCER = "leadsman"
_LOCALE = "C.UTF-8"
"""What ONNX Runtime turns texts to lower case by: every image has it, unlike the converter's en_US."""
_WORDS_IN_PYTHON = r"(?u)\b\w\w+\b"
_WORDS = r"[\p{L}\p{N}_][\p{L}\p{N}_]+"
"""The same in the regular expressions of ONNX Runtime, whose \\w knows no letters but a to z."""
_BOOSTED = {
    "xgboost": ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor"),
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
}


def to_onnx(estimator: Estimator, inputs: Sequence[InputPlan], name: str) -> Any:
    """Return a fitted estimator in ONNX. Raises PackageError, which names the step that cannot be converted."""
    from skl2onnx import convert_sklearn  # noqa: PLC0415 - takes a second
    from skl2onnx.common import data_types  # noqa: PLC0415

    model = estimator.model
    kinds = {"FP32": "Float", "FP64": "Double", "INT64": "Int64", "BOOL": "Boolean", "BYTES": "String"}
    taken = [
        (each.name, getattr(data_types, f"{kinds[each.datatype]}TensorType")([None, len(each.columns)]))
        for each in inputs
    ]
    mend()
    _check_known(estimator)
    prepared = _in_floats(_prepared(model)) if any(each.datatype == "FP64" for each in inputs) else _prepared(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the converters use of scikit-learn; parity tells what matters
            converted = convert_sklearn(
                prepared,
                name=name,
                initial_types=taken,
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
                options=_all_options(prepared),
            )
    except Exception as error:
        raise _refusal(estimator, prepared, error) from None
    return _reproducible(_with_names(converted, [each.name for each in inputs]))


def check_fitted(estimator: Estimator) -> None:
    """Raise PackageError unless it is an estimator, and fitted."""
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

    model = estimator.model
    if isinstance(model, type) or not (hasattr(model, "predict") or hasattr(model, "transform")):
        raise PackageError(
            f"{estimator.where} is a {_kind(model)}; expected a fitted estimator of scikit-learn, XGBoost or LightGBM"
        )
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise PackageError(f"{estimator.where}, {type(model).__name__}, is not fitted; expected a fitted one") from None
    except TypeError:
        raise PackageError(
            f"{estimator.where} is a {_kind(model)}, which follows no scikit-learn interface; "
            "expected an estimator of scikit-learn, XGBClassifier, LGBMClassifier and the like"
        ) from None


def _kind(model: Any) -> str:
    kind = model if isinstance(model, type) else type(model)
    return (
        f"class {kind.__name__}" if isinstance(model, type) else f"{kind.__module__.partition('.')[0]} {kind.__name__}"
    )


def _check_known(estimator: Estimator) -> None:
    """Refuse what has no converter before any of it is converted, by name."""
    from skl2onnx._supported_operators import sklearn_operator_name_map  # noqa: PLC0415

    for _, part in parts(estimator.model):
        _register(type(part))
    for place, part in parts(estimator.model):
        composed = hasattr(part, "steps") or hasattr(part, "transformer_list") or hasattr(part, "transformers_")
        if not composed and type(part) not in sklearn_operator_name_map:
            raise _cannot(place, part, "there is no converter for it")


def _register(kind: type) -> None:
    """Tell skl2onnx how to convert an estimator of XGBoost or LightGBM, wherever it stands in a pipeline."""
    library = kind.__module__.partition(".")[0]
    if kind.__name__ not in _BOOSTED.get(library, ()):
        return
    from skl2onnx import update_registered_converter  # noqa: PLC0415
    from skl2onnx.common import shape_calculator  # noqa: PLC0415

    module = {"xgboost": "xgboost.operator_converters.XGBoost", "lightgbm": "lightgbm.operator_converters.LightGbm"}
    converters = importlib.import_module(f"onnxmltools.convert.{module[library]}")
    classifies = "Classifier" in kind.__name__
    role = "classifier" if classifies else "regressor"
    options: dict[str, Any] = {"nocl": [True, False], "zipmap": [True, False, "columns"]} if classifies else {}
    if library == "lightgbm" and not classifies:
        options = {"split": None}
    update_registered_converter(
        kind,
        f"{library}{kind.__name__}",
        getattr(shape_calculator, f"calculate_linear_{role}_output_shapes"),
        getattr(converters, f"convert_{library}"),
        options=options,
    )


def _all_options(model: Any) -> dict[int, dict[str, Any]]:
    """Return the converters' options, by the id of the estimator that they are for."""
    words = {
        id(part): {"tokenexp": _WORDS}
        for _, part in parts(model)
        if getattr(part, "token_pattern", None) == _WORDS_IN_PYTHON
    }
    answers = _options(final(model))
    return {**words, id(final(model)): answers, id(model): answers}


def _options(model: Any) -> dict[str, Any]:
    """Return the converter's options that make a classifier's probabilities a tensor rather than a map."""
    from skl2onnx._supported_operators import sklearn_operator_name_map  # noqa: PLC0415
    from skl2onnx.common._registration import get_converter  # noqa: PLC0415

    known = get_converter(sklearn_operator_name_map[type(model)]).get_allowed_options() or {}
    wanted = {"zipmap": False, "raw_scores": not hasattr(model, "predict_proba")}
    return {name: value for name, value in wanted.items() if name in known}


def _prepared(model: Any) -> Any:
    """Return an estimator that answers as the given one does, in the form that the converters know.

    The strings that are missing are "", as in ONNX, which knows no None and no NaN among strings.
    """
    if not any(_repair(part) for _, part in parts(model)):
        return model
    changed = copy.deepcopy(model)
    for _, part in parts(changed):
        for repair in _repair(part):
            repair()
    return changed


def _in_floats(model: Any) -> Any:
    """Return an estimator that decides by trees with what it decides on in FP32, which trees do in ONNX, and here too.

    What comes before them stays in FP64, so that all is rounded but once.
    """
    from skl2onnx.sklapi import CastTransformer  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415

    if not by_trees(final(model)) or hasattr(model, "best_estimator_"):
        return model
    steps = model.steps if isinstance(model, Pipeline) else [("model", model)]
    return Pipeline([*steps[:-1], ("to FP32", CastTransformer(dtype=np.float32)), steps[-1]])


def _repair(part: Any) -> list[Callable[[], None]]:
    """Return what has to be done to an estimator before it can be converted."""
    match type(part).__name__:
        case "SimpleImputer" if getattr(part, "_fit_dtype", np.dtype(float)).kind in "OU":
            return [] if isinstance(part.missing_values, str) else [lambda: setattr(part, "missing_values", "")]
        case "OneHotEncoder":
            known = [_without_nan(each) for each in getattr(part, "categories_", ())]
            return [lambda: setattr(part, "categories_", known)]
        case "VotingClassifier":  # says how it transforms, and has no say in its answers
            return [lambda: setattr(part, "flatten_transform", False)]
        case "XGBClassifier" | "XGBRegressor" | "XGBRFClassifier" | "XGBRFRegressor":
            return [lambda: setattr(part.get_booster(), "feature_names", None)]
    return []


def _without_nan(categories: Any) -> Any:
    if categories.dtype.kind != "O":
        return categories
    empty = [each is None or (isinstance(each, float) and math.isnan(each)) for each in categories]
    return np.where(empty, "", categories)


def _refusal(estimator: Estimator, prepared: Any, error: Exception) -> PackageError:
    """Return the error that names the step at which the converter gave up, by what its frames worked on."""
    said = " ".join(str(error).split()).split(" You may raise an issue")[0][:300].rstrip(".")
    places = {id(part): (place, part) for place, part in parts(prepared)}
    for frame in _frames(error.__traceback__):
        for name in ("operator", "op", "model"):
            found = frame.f_locals.get(name)
            found = getattr(found, "raw_operator", found)
            if id(found) in places:
                return _cannot(*places[id(found)], said)
    return PackageError(f"{estimator.where} cannot be converted: {said}")


def _cannot(place: str, part: Any, why: str) -> PackageError:
    return PackageError(f"{describe(place, part)} cannot be converted: {why}")


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of an error, the innermost first."""
    frames = []
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    yield from reversed(frames)


def _with_names(model: Any, names: Sequence[str]) -> Any:
    """Return the model whose inputs have the names of the columns, which the converter turns into identifiers."""
    new = {given.name: name for given, name in zip(model.graph.input, names, strict=True) if given.name != name}
    taken = {output for node in model.graph.node for output in node.output} & {*new.values()}
    if taken:
        raise PackageError(f"column {min(taken)!r} has a name that the converter uses itself; rename the column")
    for given in model.graph.input:
        given.name = new.get(given.name, given.name)
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
    return model


def _reproducible(model: Any) -> Any:
    """Return the model without what differs from one conversion to the next, or from one machine to the other."""
    from onnx import helper  # noqa: PLC0415

    model.producer_name, model.producer_version = _PRODUCER, ""
    model.domain, model.doc_string, model.graph.doc_string = "", "", ""
    for node in model.graph.node:
        if node.op_type == "StringNormalizer":
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            attributes |= {"locale": _LOCALE, "stopwords": sorted(attributes.get("stopwords", ()))}
            del node.attribute[:]
            node.attribute.extend(
                helper.make_attribute(name, value) for name, value in sorted(attributes.items()) if value != []
            )
    return model
