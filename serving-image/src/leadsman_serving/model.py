"""A loaded model: warmed up, run."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.signature import Signature
from leadsman_serving.tensors import Array

log = logging.getLogger(__name__)

_WARM_UP_RUNS = 3
_ORT_PREFIX = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE_PLACE = re.compile(r"/\S+/onnxruntime/\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z])")
_WHITESPACE = re.compile(r"\s+")


class OnnxModel:
    """A loaded model. `run` may be called from several threads at once.

    `digest` is "sha256:<hex>" of the model file as loaded.
    """

    def __init__(self, session: Any, signature: Signature, digest: str) -> None:
        self._session = session
        self.signature = signature
        self.digest = digest
        self._seconds_per_element = float("inf")

    def run(self, feed: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """Return the named outputs for inputs that the signature has accepted.

        Raises ServingError (internal) when ONNX Runtime fails on them.
        """
        try:
            arrays: list[Array] = self._session.run(outputs, feed)
        except Exception as error:
            raise ServingError(Code.INTERNAL, f"the model failed on this input: {explain(error)}") from None
        return arrays

    def expected_seconds(self, feed: Mapping[str, Array]) -> float:
        """Return about how long a run will take at most, from the warm-up; infinity when that is not known."""
        return self._seconds_per_element * _elements(feed)

    def warm_up(self, feed: Mapping[str, Array] | None, most_bytes: int) -> None:
        """Run this input, or else a synthesised one, a few times, so that no user pays for it, and note the time taken.

        A model may rightly refuse an input of zeros, or take only inputs of more than `most_bytes`, which nobody can
        send: that is logged, not an error.
        """
        if feed is None and self.signature.least_bytes > most_bytes:
            log.warning(
                "the smallest input of this model has %d bytes, more than the %d that are taken of a request",
                *(self.signature.least_bytes, most_bytes),
            )
            return
        if feed is None:
            feed = self.signature.synthesise()
        names = [spec.name for spec in self.signature.outputs]
        best = float("inf")
        for _ in range(_WARM_UP_RUNS):
            started = time.perf_counter()
            try:
                self.run(feed, names)
            except ServingError as error:
                log.info("warm-up with a synthesised input was not possible: %s", error.message)
                return
            best = min(best, time.perf_counter() - started)
        self._seconds_per_element = best / _elements(feed)


def explain(error: Exception) -> str:
    """Return what ONNX Runtime said on one line, without its prefix and the places in its source code."""
    text = _WHITESPACE.sub(" ", str(error)).strip()
    return _SOURCE_PLACE.sub("", _ORT_PREFIX.sub("", text)).rstrip(".")


def _elements(feed: Mapping[str, Array]) -> int:
    return max(1, sum(array.size for array in feed.values()))
