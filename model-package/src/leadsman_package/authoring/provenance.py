"""What a model was made with: its framework, and the versions of the packages that trained and converted it."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from leadsman_package.authoring.steps import final, parts, summary

_FRAMEWORKS = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm"}
_CONVERTERS = ("onnx", "onnxmltools", "skl2onnx")
_TASKS = {"classifier": "classification", "regressor": "regression", "clusterer": "clustering"}
_TASKS |= {"outlier_detector": "anomaly-detection"}


def of_estimator(model: Any) -> dict[str, Any]:
    """Return the `training` of a manifest, and the `task` where the estimator tells it."""
    used = {type(part).__module__.partition(".")[0] for _, part in parts(model)} & {*_FRAMEWORKS}
    packages = sorted({*map(_FRAMEWORKS.__getitem__, used), *_CONVERTERS})
    library = type(final(model)).__module__.partition(".")[0]
    kind = _kind(model)
    return {
        **({"task": _TASKS[kind]} if kind in _TASKS else {}),
        "training": {
            "framework": _FRAMEWORKS.get(library, library),
            "estimator": summary(model),
            "packages": {name: installed for name in packages if (installed := _version(name))},
        },
    }


def of_onnx(model: Any) -> dict[str, Any]:
    """Return the `training` of a manifest by what wrote the model's file."""
    producer = str(model.producer_name)[:128]
    versions = {producer: str(model.producer_version)[:128]} if producer and model.producer_version else {}
    return {"training": {"framework": producer, **({"packages": versions} if versions else {})}} if producer else {}


def _kind(model: Any) -> str | None:
    from sklearn.utils import get_tags  # noqa: PLC0415 - takes a second

    try:
        kind = get_tags(model).estimator_type
    except Exception:  # of an estimator that follows an older interface
        return None
    return None if kind is None else str(kind)


def _version(package: str) -> str | None:
    try:
        return str(version(package))
    except PackageNotFoundError:  # xgboost-cpu and the like
        found = getattr(importlib.import_module(package), "__version__", None)
        return None if found is None else str(found)
