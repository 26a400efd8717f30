"""The data plane: what the server can be asked, whatever protocol carries the question."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.metadata import version as package_version

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.model import OnnxModel
from leadsman_serving.signature import Signature, Tensor

INLINE_SECONDS = 0.002
"""Runs expected to take at most this long stay on the event loop; serving-image/README.md has the measurement."""
PLATFORM = "onnx_onnxv1"
"""What the protocol calls models of ONNX."""
SERVER_NAME = "leadsman-serving"
EXTENSIONS = ("binary_tensor_data",)
"""Of the protocol, by the names that the server's metadata says."""


def server_version() -> str:
    """Return the version of this program."""
    return package_version("leadsman")


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One inference request. `outputs` empty means all."""

    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True)
class InferResponse:
    """The answer, with the request's own id. `outputs` keeps the order asked for."""

    model_name: str
    model_version: str
    id: str | None
    outputs: dict[str, Tensor]


@dataclass(slots=True)
class DataPlane:
    """One named model in one version: it is loading, then ready, then draining.

    Runs longer than INLINE_SECONDS happen in `pool`. The tensors of an answer have at most `most_bytes` together, since
    encoding them takes several times that. Belongs to one event loop.
    """

    name: str
    version: str
    pool: Executor
    most_bytes: int
    model: OnnxModel | None = None
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Whether new traffic should come here. A draining server still answers, but wants no more."""
        return self.model is not None and not self.draining

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
        return self._loaded().signature

    async def infer(self, request: InferRequest) -> InferResponse:
        """Run the model.

        Raises ServingError: unavailable, invalid argument, internal when the run fails, too large for its answer.
        """
        model = self._loaded()
        feed = model.signature.check_inputs(request.inputs)
        specs = model.signature.select_outputs(request.outputs)
        names = [spec.name for spec in specs]
        if model.expected_seconds(feed) <= INLINE_SECONDS:
            arrays = model.run(feed, names)
        else:
            arrays = await asyncio.get_running_loop().run_in_executor(self.pool, model.run, feed, names)
        size = sum(array.nbytes for array in arrays)
        if size > self.most_bytes:
            raise ServingError(
                Code.TOO_LARGE,
                f"the answer's tensors take {size} bytes, and at most {self.most_bytes} are sent; ask for less at once",
            )
        outputs = {spec.name: Tensor(spec.datatype, array) for spec, array in zip(specs, arrays, strict=True)}
        return InferResponse(self.name, self.version, request.id, outputs)

    def _loaded(self) -> OnnxModel:
        if self.model is None:
            raise ServingError(Code.UNAVAILABLE, f"model {self.name!r} is still loading")
        return self.model
