"""What happens around every infer request, whatever protocol carries it: it is timed, counted and told of."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from leadsman_serving.account import REQUEST_ID, Account, Call
from leadsman_serving.admission import Admission, Ticket
from leadsman_serving.answers import Answers
from leadsman_serving.batch import Ran
from leadsman_serving.dataplane import InferResponse
from leadsman_serving.errors import ClientGone, Code, ServingError
from leadsman_serving.metrics import ServingMetrics
from leadsman_serving.reports import Reports
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)
failures = ThrottledLog(log)

Answer = TypeVar("Answer")
Work = Callable[[Ticket], Awaitable[tuple[Answer, InferResponse]]]
"""Reads a request, which holds bytes by its ticket, and makes the answer."""


@dataclass(frozen=True, slots=True)
class Attendant:
    """Lets requests in by `admission`, counts into `metrics`, records into `answers`, and tells `reports` where there
    are any. Belongs to one event loop.
    """

    admission: Admission
    metrics: ServingMetrics
    answers: Answers
    reports: Reports | None = None

    async def attend(self, call: Call, work: Work[Answer]) -> Answer:
        """Return the answer that `work` makes; the outputs that come with it are counted, and recorded by request id.

        Raises ServingError for whatever fails (internal for a bug of ours, which is logged), having counted it. What is
        cancelled, or raises ClientGone, is no answer and is not counted as one.
        """
        began = monotonic()
        ticket = ran = None
        try:
            ticket = self.admission.enter()
            answer, response = await work(ticket)
            ran = response.ran
            self.metrics.predicted(response.outputs)
            if self.answers.on and (request_id := call.header(REQUEST_ID)):
                self.answers.record(request_id, response.outputs)
        except ClientGone:
            raise
        except Exception as error:
            raise self._failed(call, error, began, ran) from None
        else:
            self._tell(Account(call, None, began, monotonic(), ran))
            return answer
        finally:
            if ticket is not None:
                ticket.give_back()

    def _failed(self, call: Call, error: Exception, began: float, ran: Ran | None) -> ServingError:
        failure = as_serving_error(error)
        # The frames it came through, and in them the request's body, would stay until the garbage collector comes. For
        # that no frame on the way out may name the failure either, which is why this is a method of its own.
        error.__traceback__ = error.__context__ = None
        self._tell(Account(call, failure.code, began, monotonic(), ran))
        return failure

    def _tell(self, account: Account) -> None:
        self.metrics.answered(account)
        if self.reports is not None:
            self.reports.tell(account)


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
