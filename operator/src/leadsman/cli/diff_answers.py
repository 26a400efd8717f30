"""Whether two models answer alike: both are asked the golden requests of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leadsman_package.errors import PackageError
from leadsman_package.manifest import Tolerance
from leadsman_serving.errors import ModelLoadError, ServingError
from leadsman_serving.model import OnnxModel
from leadsman_serving.oip_json import parse_request
from leadsman_serving.preflight.outputs import Difference, Outputs, agreeing_rows, differences
from leadsman_serving.samples import DIRECTORY
from leadsman_serving.session import load
from leadsman_serving.signature import Tensor

_EXACT = Tolerance(absolute=0, relative=0)


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told of one request."""

    request: str
    what: str


@dataclass(frozen=True, slots=True)
class Answers:
    """How two models answer the same requests."""

    requests: int
    rows: int
    """Of all requests that both take."""
    agreeing: int
    """Rows, as a shadow step sees it."""
    differences: tuple[Told, ...]
    """The largest of each output of each request, those first where rows do not agree."""
    refused: tuple[Told, ...]
    """Requests that one of the two, or both, do not take."""


def answers(one: Path, other: Path) -> Answers:
    """Run the models in two directories on the requests of both. Raises PackageError when one cannot be loaded."""
    models = _loaded(one), _loaded(other)
    requests = dict(each for directory in (one, other) for each in _requests(directory))
    rows = agreeing = 0
    apart: dict[bool, list[Told]] = {True: [], False: []}
    refused: list[Told] = []
    for content, name in requests.items():
        first, second = (_answer(model, content) for model in models)
        for which, reason in (("the first", first), ("the second", second)):
            if isinstance(reason, str):
                refused.append(Told(name, f"{which} refuses it: {reason}"))
        if not isinstance(first, str) and not isinstance(second, str):
            same, of = agreeing_rows(first, second)
            agreeing, rows = agreeing + same, rows + of
            apart[same < of] += [Told(name, _difference(each)) for each in differences(first, second, _EXACT)]
    return Answers(len(requests), rows, agreeing, (*apart[True], *apart[False]), tuple(refused))


def _difference(each: Difference) -> str:
    place = f"{each.output}{list(each.index)}" if each.index else each.output
    more = f", the largest of {each.times} differences in {each.values} values" if each.times > 1 else ""
    return f"output {place}: {each.expected} → {each.found}{more}"


def _requests(directory: Path) -> Iterator[tuple[bytes, str]]:
    """Yield the requests of a package, each as its bytes and its name: the same may be in both."""
    for path in sorted((directory / DIRECTORY).glob("*.json")):
        yield path.read_bytes(), path.stem


def _loaded(directory: Path) -> OnnxModel:
    try:
        return load(directory, threads=1)
    except ModelLoadError as error:
        raise PackageError(str(error)) from None


def _answer(model: OnnxModel, content: bytes) -> Outputs | str:
    """Return a model's outputs, or why it has none for this request."""
    try:
        asked = parse_request(content).request
        feed = model.signature.check_inputs(asked.inputs)
        specs = model.signature.outputs
        arrays = model.run(feed, [spec.name for spec in specs])
    except ServingError as error:
        return error.message
    return {spec.name: Tensor(spec.datatype, array) for spec, array in zip(specs, arrays, strict=True)}
