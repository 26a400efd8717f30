"""The data plane: what the server can be asked, whatever protocol carries the question."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as package_version
from typing import NamedTuple

from leadsman_serving.batch import Ran
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.runner import Runner
from leadsman_serving.schema_guard import SchemaGuard
from leadsman_serving.signature import Signature, Tensor

PLATFORM = "onnx_onnxv1"
"""What the protocol calls models of ONNX."""
SERVER_NAME = "leadsman-serving"
EXTENSIONS = ("binary_tensor_data",)
"""Of the protocol, by the names that the server's metadata says."""


def server_version() -> str:
    """Return the version of this program."""
    return package_version("leadsman")


class InferRequest(NamedTuple):
    """One inference request. `outputs` empty means all."""

    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...] = ()
    id: str | None = None


class InferResponse(NamedTuple):
    """The answer, with the request's own id. `outputs` keeps the order asked for; `ran` is the run they are from."""

    model_name: str
    model_version: str
    id: str | None
    outputs: dict[str, Tensor]
    ran: Ran


@dataclass(slots=True)
class DataPlane:
    """One named model in one version: it is loading, then ready, then draining.

    The tensors of an answer have at most `most_bytes` together, since encoding them takes several times that. A request
    is answered within `timeout` seconds once it is read, or refused. Belongs to one event loop.
    """

    name: str
    version: str
    most_bytes: int
    timeout: float
    runner: Runner | None = None
    guard: SchemaGuard | None = None
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether new traffic should come here. A draining server still answers, but wants no more."""
        return self.runner is not None and not self.draining

    def check_name(self, name: str, version: str | None) -> None:
        """Raise ServingError (not found) unless this server serves that model and, when given, that version."""
        if name != self.name:
            raise ServingError(Code.NOT_FOUND, f"no model {name!r} here; this server has {self.name!r}")
        if version is not None and version != self.version:
            raise ServingError(
                Code.NOT_FOUND, f"model {name!r} has no version {version!r} here; this server has {self.version!r}"
            )

    def signature(self) -> Signature:
        """Return what the model takes and gives. Raises ServingError (unavailable) while it is loading."""
        return self._loaded().model.signature

    async def infer(self, request: InferRequest, patience: float | None = None) -> InferResponse:
        """Run the model for a client that waits for `patience` seconds more, where it says so.

        Raises ServingError: unavailable, invalid argument, internal when the run fails, too large for its answer,
        deadline exceeded.
        """
        runner = self._loaded()
        signature = runner.model.signature
        feed = signature.check_inputs(request.inputs)
        if self.guard is not None:
            self.guard.check(feed)
        specs = signature.select_outputs(request.outputs)
        seconds = self.timeout if patience is None else min(patience, self.timeout)
        names = signature.output_names if specs is signature.outputs else tuple([spec.name for spec in specs])
        ran = await runner.run(feed, names, seconds)
        size = sum([array.nbytes for array in ran.arrays])
        if size > self.most_bytes:
            raise ServingError(
                Code.TOO_LARGE,
                f"the answer's tensors take {size} bytes, and at most {self.most_bytes} are sent; ask for less at once",
            )
        outputs = {spec.name: Tensor(spec.datatype, array) for spec, array in zip(specs, ran.arrays, strict=True)}
        return InferResponse(self.name, self.version, request.id, outputs, ran)

    def _loaded(self) -> Runner:
        if self.runner is None:
            raise ServingError(Code.UNAVAILABLE, f"model {self.name!r} is still loading")
        return self.runner
