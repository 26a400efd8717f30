import numpy as np
import pytest

from leadsman_serving.errors import ServingError
from leadsman_serving.signature import Signature, Tensor, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("a", "FP32", ("N", 3)), TensorSpec("b", "INT64", ("N", None))),
    outputs=(TensorSpec("p", "FP32", ("N",)), TensorSpec("q", "BYTES", ())),
)


def tensor(datatype: str, *shape: int) -> Tensor:
    return Tensor(datatype, np.zeros(shape))


FITTING = {"a": tensor("FP32", 2, 3), "b": tensor("INT64", 2, 9)}

REFUSED: dict[str, tuple[dict[str, Tensor], str]] = {
    "an input is missing": ({"a": tensor("FP32", 2, 3)}, "input 'b' is missing; the model takes 'a', 'b'"),
    "an input too many": (FITTING | {"c": tensor("FP32", 1)}, "no input 'c'; it takes 'a', 'b'"),
    "another datatype": (
        FITTING | {"a": tensor("FP64", 2, 3)},
        "input 'a': the model takes FP32, but the request says",
    ),
    "another rank": (FITTING | {"a": tensor("FP32", 6)}, "shape [-1, 3], but the request has [6]: expected rank 2"),
    "another fixed size": (FITTING | {"a": tensor("FP32", 2, 4)}, "has [2, 4]: expected 3 at axis 1"),
    "two sizes for one name": (FITTING | {"b": tensor("INT64", 5, 1)}, "expected 2 at axis 0 (dimension 'N' of an"),
}


def test_inputs_that_fit_are_passed_on() -> None:
    assert SIGNATURE.check_inputs(FITTING) == {name: each.array for name, each in FITTING.items()}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    given, message = REFUSED[case]
    with pytest.raises(ServingError) as caught:
        SIGNATURE.check_inputs(given)
    assert message in caught.value.message


def test_a_tensor_without_a_shape_takes_any() -> None:
    free = Signature(inputs=(TensorSpec("x", "FP32", ()),), outputs=())
    assert free.check_inputs({"x": tensor("FP32", 2, 2)})


def test_outputs_are_selected_in_the_order_asked_for() -> None:
    assert [spec.name for spec in SIGNATURE.select_outputs(("q", "p"))] == ["q", "p"]
    assert SIGNATURE.select_outputs(()) == SIGNATURE.outputs
    with pytest.raises(ServingError, match="no output 'r'; it gives 'p', 'q'"):
        SIGNATURE.select_outputs(("r",))


def test_synthesised_inputs_fit_the_signature() -> None:
    for made in SIGNATURE.synthesise():
        assert {name: array.shape for name, array in made.items()} == {"a": (1, 3), "b": (1, 1)}
        SIGNATURE.check_inputs({spec.name: Tensor(spec.datatype, made[spec.name]) for spec in SIGNATURE.inputs})
