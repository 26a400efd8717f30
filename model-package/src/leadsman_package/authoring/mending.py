"""Converters of skl2onnx where it falls short: registered in their place, once, before anything is converted."""

import importlib
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np


@cache
def mend() -> None:
    """Have skl2onnx convert what it does not, or what fails with the protobuf and ONNX Runtime of today."""
    from sklearn import ensemble  # noqa: PLC0415 - takes a second
    from sklearn.impute import SimpleImputer  # noqa: PLC0415

    _replace(ensemble.HistGradientBoostingClassifier, _with_whole_numbers)
    _replace(ensemble.HistGradientBoostingRegressor, _with_whole_numbers)
    _replace(SimpleImputer, _imputing, _imputed_type)
    for name in ("decision_tree", "isolation_forest", "random_forest"):
        module: Any = importlib.import_module(f"skl2onnx.operator_converters.{name}")
        module.add_tree_to_attribute_pairs = _with_missing_values(module.add_tree_to_attribute_pairs)


def _replace(kind: type, converter: Callable[[Any], Any], shape: Callable[[Any], Any] | None = None) -> None:
    """Register a converter, and a calculator of types, that are each made from the registered one."""
    from skl2onnx import update_registered_converter  # noqa: PLC0415
    from skl2onnx._supported_operators import sklearn_operator_name_map  # noqa: PLC0415
    from skl2onnx.common._registration import get_converter, get_shape_calculator  # noqa: PLC0415

    alias = sklearn_operator_name_map[kind]
    old, old_shape = get_converter(alias), get_shape_calculator(alias)
    options = old.get_allowed_options() or {}
    update_registered_converter(kind, alias, shape(old_shape) if shape else old_shape, converter(old), options=options)


def _with_missing_values(add_tree: Any) -> Any:
    """Say for every node of a tree where missing values go, which the converter leaves out."""

    @wraps(add_tree)
    def added(attributes: Any, is_classifier: bool, tree: Any, *rest: Any, **named: Any) -> None:
        add_tree(attributes, is_classifier, tree, *rest, **named)
        left = np.where(tree.children_left == tree.children_right, 0, tree.missing_go_to_left)
        attributes["nodes_missing_value_tracks_true"][-tree.node_count :] = left.astype(int).tolist()

    return added


def _with_whole_numbers(convert: Any) -> Any:
    """Write whole numbers where the converter writes truth values, which protobuf refuses."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        add_node = container.add_node

        def add(*names: Any, **attributes: Any) -> Any:
            return add_node(*names, **{name: _whole(value) for name, value in attributes.items()})

        container.add_node = add
        try:
            convert(scope, operator, container)
        finally:
            container.add_node = add_node

    return converted


def _whole(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [int(each) if isinstance(each, bool | np.bool_) else each for each in value]


def _imputing(convert: Any) -> Any:
    """Fill in numbers of any type: the converter's operator knows no FP64, and fills whole numbers with such only."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        imputer = operator.raw_operator
        if _strings(operator):
            convert(scope, operator, container)
            return
        if imputer.add_indicator or not _is_nan(imputer.missing_values) or np.isnan(imputer.statistics_).any():
            raise ValueError("only an imputer of NaN, without indicators and columns of nothing else, can be converted")
        to, numpy_type = (11, np.float64) if _doubles(operator) else (1, np.float32)  # of TensorProto.DataType
        cast = []
        for each in operator.inputs:
            cast.append(scope.get_unique_variable_name("number"))
            container.add_node("Cast", each.full_name, cast[-1], name=scope.get_unique_operator_name("Cast"), to=to)
        values, missing, filler = map(scope.get_unique_variable_name, ("values", "missing", "filler"))
        container.add_node("Concat", cast, values, name=scope.get_unique_operator_name("Concat"), axis=1)
        container.add_node("IsNaN", values, missing, name=scope.get_unique_operator_name("IsNaN"))
        container.add_initializer(filler, to, [1, len(imputer.statistics_)], imputer.statistics_.astype(numpy_type))
        container.add_node(
            "Where",
            [missing, filler, values],
            operator.outputs[0].full_name,
            name=scope.get_unique_operator_name("Where"),
        )

    return converted


def _imputed_type(calculate: Any) -> Any:
    """Say that what was imputed is numbers with a fraction."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType  # noqa: PLC0415

    def calculated(operator: Any) -> None:
        if _strings(operator):
            calculate(operator)
            return
        kind = DoubleTensorType if _doubles(operator) else FloatTensorType
        operator.outputs[0].type = kind([None, len(operator.raw_operator.statistics_)])

    return calculated


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


def _strings(operator: Any) -> bool:
    return any(type(each.type).__name__ == "StringTensorType" for each in operator.inputs)


def _doubles(operator: Any) -> bool:
    return any(type(each.type).__name__ == "DoubleTensorType" for each in operator.inputs)
