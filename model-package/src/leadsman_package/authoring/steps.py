"""The parts that an estimator is made of, each with words for where it is."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

_TREES = re.compile("Tree|Forest|Boosting|XGB|LGBM")


def parts(model: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every estimator within an estimator, itself first, with its place: "" or "step 'clip' of the pipeline"."""
    yield where, model
    for place, inner in _named(model):
        of = f" of {where}" if where else ""
        yield from parts(inner, f"{place}{of}")


def describe(place: str, model: Any) -> str:
    """Return an estimator in words: "step 'clip' of the pipeline, FunctionTransformer,", or only its class."""
    name = type(model).__name__
    return f"{place}, {name}," if place else name


def summary(model: Any) -> str:
    """Return what kind of estimator it is: Pipeline(ColumnTransformer, LogisticRegression)."""
    inner = [type(step).__name__ for _, step in getattr(model, "steps", ()) if not _nothing(step)]
    return f"{type(model).__name__}({', '.join(inner)})" if inner else type(model).__name__


def final(model: Any) -> Any:
    """Return what gives a pipeline's answers: its last step, or the best of a search; anything else is its own."""
    if hasattr(model, "best_estimator_"):
        return final(model.best_estimator_)
    steps = getattr(model, "steps", None)
    return final(steps[-1][1]) if steps else model


def by_trees(model: Any) -> bool:
    """Tell whether an estimator itself decides by trees."""
    return bool(_TREES.search(type(model).__name__))


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(model, "best_estimator_"):
        yield "the best estimator of the search", model.best_estimator_
        return
    for name, step in _pairs(getattr(model, "steps", None)):
        yield f"step {name!r} of the pipeline", step
    for item in getattr(model, "transformers_", ()):
        if not _nothing(item[1]):
            yield f"transformer {item[0]!r} of the columns", item[1]
    for name, step in _pairs(getattr(model, "transformer_list", None)):
        yield f"part {name!r} of the union", step
    yield from _members(model)


def _members(model: Any) -> Iterator[tuple[str, Any]]:
    names = [name for name, each in _pairs(getattr(model, "estimators", None))]
    fitted = getattr(model, "estimators_", ())
    if names and len(names) == len(fitted):
        for name, member in zip(names, fitted, strict=True):
            yield f"estimator {name!r} of the {type(model).__name__}", member
    for attribute in ("final_estimator_", "estimator_", "regressor_"):
        inner = getattr(model, attribute, None)
        if hasattr(inner, "get_params"):
            yield f"{attribute[:-1].replace('_', ' ')} of the {type(model).__name__}", inner
    for calibrated in getattr(model, "calibrated_classifiers_", ()):
        yield f"estimator of the {type(model).__name__}", calibrated.estimator


def _pairs(given: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(given, list) and all(isinstance(each, tuple) and len(each) == 2 for each in given):
        yield from ((name, step) for name, step in given if not _nothing(step))


def _nothing(step: Any) -> bool:
    return step is None or isinstance(step, str | np.ndarray)
