"""A loaded model: warmed up, run."""

import logging
import re
import time
from collections.abc import Sequence
from typing import Any

import onnxruntime as ort

from leadsman_serving.calibration import Calibration, calibrate
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.rows import Feed
from leadsman_serving.signature import Signature
from leadsman_serving.tensors import Array

log = logging.getLogger(__name__)

_FATAL = 4  # every failure is raised and reported once, by us
_ORT_PREFIX = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE_PLACE = re.compile(r"/\S+/onnxruntime/\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z])")
_WHITESPACE = re.compile(r"\s+")


class Stop:
    """Ends the runs that it was given to before their time, from any thread. `stopped` says whether it was told to."""

    __slots__ = ("options", "stopped")

    def __init__(self) -> None:
        self.stopped = False
        self.options = ort.RunOptions()
        self.options.log_severity_level = _FATAL

    def now(self) -> None:
        """End them: they fail, unless they are in their last operator."""
        self.stopped = True
        self.options.terminate = True


class OnnxModel:
    """A loaded model. `run` may be called from several threads at once.

    `digest` is "sha256:<hex>" of the model file as loaded. `calibration` is what the warm-up taught.
    """

    def __init__(self, session: Any, signature: Signature, digest: str) -> None:
        self._session = session
        self.signature = signature
        self.digest = digest
        self.calibration = Calibration()

    def run(self, feed: Feed, outputs: Sequence[str], stop: Stop | None = None) -> list[Array]:
        """Return the named outputs for inputs that the signature has accepted.

        Raises ServingError (internal) when ONNX Runtime fails on them, or is told to stop.
        """
        try:
            arrays: list[Array] = self._session.run(outputs, feed, stop and stop.options)
        except Exception as error:
            raise ServingError(Code.INTERNAL, f"the model failed on this input: {explain(error)}") from None
        return arrays

    def warm_up(self, samples: Sequence[Feed], most_bytes: int, most_rows: int) -> None:
        """Run samples of inputs a few times, so that no user pays for first-run work, and learn from the time taken.

        Without samples they are synthesised. Batches of at most `most_rows` rows and `most_bytes` of inputs are tried.
        A model may rightly refuse whatever is made up, or take only inputs of more than `most_bytes`, which nobody can
        send: that is logged.
        """
        if self.signature.least_bytes > most_bytes:
            log.warning(
                "the smallest input of this model has %d bytes, more than the %d that are taken of a request",
                *(self.signature.least_bytes, most_bytes),
            )
            return
        names = [spec.name for spec in self.signature.outputs]
        try:
            self.calibration = calibrate(
                lambda feed: self.run(feed, names),
                samples or self.signature.synthesise(),
                *(most_rows, most_bytes, time.perf_counter),
            )
        except ServingError as error:
            log.info("warm-up with a synthesised input was not possible: %s", error.message)


def explain(error: Exception) -> str:
    """Return what ONNX Runtime said on one line, without its prefix and the places in its source code."""
    text = _WHITESPACE.sub(" ", str(error)).strip()
    return _SOURCE_PLACE.sub("", _ORT_PREFIX.sub("", text)).rstrip(".")
