"""What happens around every infer request, whatever protocol carries it: it is timed, counted and recorded."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from leadsman_serving.admission import Admission, Ticket
from leadsman_serving.answers import Answers
from leadsman_serving.dataplane import InferResponse
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.metrics import ServingMetrics
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)
failures = ThrottledLog(log)

Answer = TypeVar("Answer")
Work = Callable[[Ticket], Awaitable[tuple[Answer, InferResponse]]]
"""Reads a request, which holds bytes by its ticket, and makes the answer."""


@dataclass(frozen=True, slots=True)
class Attendant:
    """Lets requests in by `admission`, counts into `metrics` and records into `answers`. Belongs to one event loop."""

    admission: Admission
    metrics: ServingMetrics
    answers: Answers

    async def attend(self, request_id: str | None, work: Work[Answer]) -> Answer:
        """Return the answer that `work` makes; the outputs that come with it are counted, and recorded by request id.

        Raises ServingError for whatever fails (internal for a bug of ours, which is logged), having counted it. What is
        cancelled, or raises ClientGone, is no answer and is not counted as one.
        """
        started = time.perf_counter()
        ticket = None
        try:
            ticket = self.admission.enter()
            answer, response = await work(ticket)
            self.metrics.waited(response.ran.queued)
            self.metrics.predicted(response.outputs)
            if request_id and self.answers.on:
                self.answers.record(request_id, response.outputs)
        except ClientGone:
            raise
        except Exception as error:
            failure = as_serving_error(error)
            self.metrics.answered(failure.code.http, time.perf_counter() - started)
            raise failure from None
        else:
            self.metrics.answered(200, time.perf_counter() - started)
            return answer
        finally:
            if ticket is not None:
                ticket.give_back()


class ClientGone(Exception):  # noqa: N818 - it is the client's right
    """There is nobody left to answer."""


def as_serving_error(error: Exception) -> ServingError:
    """Return what to tell the client of a failure; logs what is not the client's fault."""
    if isinstance(error, MemoryError):
        error = ServingError(Code.INTERNAL, "the server has not enough memory to answer this request")
    if not isinstance(error, ServingError):
        log.error("a bug in the server", exc_info=error)
        return ServingError(Code.INTERNAL, "the server failed; its log says where")
    if error.code is Code.INTERNAL:
        failures.warn(error.message)
    return error
