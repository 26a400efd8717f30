"""Read the answers that serving pods have recorded."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import pairwise
from math import prod

import httpx
from pydantic import TypeAdapter, ValidationError

from leadsman.core.answers import Output, PodAnswers
from leadsman.core.pods import Pod
from leadsman.shell.download import ReadError, download_from_pod
from leadsman.shell.validation import first_problem

_MOST_BYTES = 4 * 1024 * 1024
_MOST_ANSWERS = 1024
_MOST_SEQ = 10**15  # the marks are kept as JSON, which holds whole numbers up to about here
_MOST_INTEGER = 2**64

_DOCUMENT = TypeAdapter(PodAnswers)

log = logging.getLogger(__name__)


async def read_answers(http: httpx.AsyncClient, asked: Sequence[tuple[Pod, int]]) -> dict[str, PodAnswers]:
    """Return what each pod has recorded after the answer of the number given with it, by the pod's UID.

    That they are asked is what makes them record. All are read at once; one that does not answer is left out.
    """
    found = await asyncio.gather(*(_read(http, pod, after) for pod, after in asked if pod.ip))
    return dict(one for one in found if one is not None)


async def _read(http: httpx.AsyncClient, pod: Pod, after: int) -> tuple[str, PodAnswers] | None:
    try:
        return pod.uid, parse_answers(await download_from_pod(http, pod, f"/answers?after={after}", _MOST_BYTES))
    except (ReadError, ValueError) as error:
        log.debug("pod %s gives no answers: %s", pod.name, error)
        return None


def parse_answers(body: bytes) -> PodAnswers:
    """Parse the body of GET /answers. Raises ValueError."""
    try:
        read = _DOCUMENT.validate_json(body)
    except ValidationError as error:
        raise ValueError(f"/answers: {first_problem(error)}") from error
    if len(read.answers) > _MOST_ANSWERS:
        raise ValueError(f"/answers: {len(read.answers)} answers; expected {_MOST_ANSWERS} at most")
    numbers = [0, *(answer.seq for answer in read.answers)]
    if any(a >= b for a, b in pairwise(numbers)) or not numbers[-1] <= read.last <= _MOST_SEQ:
        raise ValueError("/answers: expected numbers that rise from 1 to the last")
    for output in (output for answer in read.answers for output in answer.outputs):
        _check(output)
    return read


def _check(output: Output) -> None:
    if any(size < 0 for size in output.shape) or prod(output.shape) != len(output.values):
        shape = list(output.shape)[:8]
        raise ValueError(f"/answers: output {output.name[:64]!r} has {len(output.values)} values for shape {shape}")
    if any(isinstance(value, int) and abs(value) > _MOST_INTEGER for value in output.values):
        raise ValueError(f"/answers: output {output.name[:64]!r} has a number that no tensor holds")
