"""Tracing: a span for every infer request, in it what waiting and computing took, sent to a collector by OTLP.

Whether and where to is for the standard environment of OpenTelemetry to say. Without it this module is not imported.
"""

import logging
import os
import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from leadsman_serving.account import Account, Call, Served
from leadsman_serving.batch import Ran
from leadsman_serving.redaction import WRONG_HEADERS, redactor
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)

_PROGRAM = "leadsman-serving"
_READS_HEADERS = "opentelemetry.util.re"
_LAST_SECONDS = 5.0
_NANOSECONDS = 1_000_000_000
_PARENT_HEADERS = ("traceparent", "tracestate")
_NO_PARENT = Context()
_MOST_CHARACTERS = 256


class Tracing:
    """Makes the spans, and sends them from a thread of its own; what no collector takes is lost, with a warning.

    Raises ValueError when the environment asks for what cannot be.
    """

    def __init__(self) -> None:
        _quieten("opentelemetry")
        resource = Resource.create({SERVICE_NAME: _PROGRAM}).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(_PROGRAM)
        self._propagator = TraceContextTextMapPropagator()

    def record(self, account: Account, served: Served, at: float) -> str | None:
        """Make the spans of a request that came `at` (Unix seconds), if it is sampled.

        Returns the id of its trace, if it is in one that anybody knows of. The spans are made at once, with the times
        that they had, since only now is all known of them, and nobody had to be told of them before.
        """
        began = round(at * _NANOSECONDS)
        parent = self._parent(account.call)
        span = self._tracer.start_span(_name(account.call), parent, SpanKind.SERVER, start_time=began)
        if not span.is_recording() and parent is _NO_PARENT:
            return None
        if span.is_recording():
            span.set_attributes(_attributes(account, served))
            if account.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            if account.ran is not None:
                self._record_run(span, account.ran, began - round(account.began * _NANOSECONDS))
            span.end(began + round((account.ended - account.began) * _NANOSECONDS))
        return format_trace_id(span.get_span_context().trace_id)

    def close(self) -> None:
        """Send what is left, and return when it is sent, within some seconds."""
        # The exporter goes on trying for as long as its own time limit says, and this process has to end.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_LAST_SECONDS)
        if closing.is_alive():
            log.warning("the last spans are lost: the collector did not take them within %g s", _LAST_SECONDS)

    def _parent(self, call: Call) -> Context:
        """Return whose part the request is, as its caller says by W3C's headers."""
        said = {name: value for name in _PARENT_HEADERS if (value := call.header(name))}
        return self._propagator.extract(said, _NO_PARENT) if said else _NO_PARENT

    def _record_run(self, span: Span, ran: Ran, offset: int) -> None:
        """Make the spans of waiting and computing; `offset` leads from the monotonic clock to Unix time, in ns."""
        inside = set_span_in_context(span, _NO_PARENT)
        run = offset + round(ran.began * _NANOSECONDS)
        for name, start, end in (
            ("queue", run - round(ran.queued * _NANOSECONDS), run),
            ("compute", run, run + round(ran.computed * _NANOSECONDS)),
        ):
            self._tracer.start_span(name, inside, start_time=start).end(end)


def _name(call: Call) -> str:
    if call.protocol == "grpc":
        return call.path
    route = _route(call.path)
    return "POST" if route is None else f"POST {route}"


def _route(path: str) -> str | None:
    match path.strip("/").split("/"):
        case ["v2", "models", _, "infer"]:
            return "/v2/models/{model}/infer"
        case ["v2", "models", _, "versions", _, "infer"]:
            return "/v2/models/{model}/versions/{version}/infer"
    return None


def _attributes(account: Account, served: Served) -> dict[str, AttributeValue]:
    """Return what the semantic conventions say of such a span, and what is ours."""
    said: dict[str, AttributeValue | None] = {
        "leadsman.model": served.model,
        "leadsman.version": served.version,
        "leadsman.revision": served.revision,
        "leadsman.batch_size": account.ran.requests if account.ran else None,
        **(_of_grpc(account) if account.call.protocol == "grpc" else _of_http(account)),
    }
    return {key: value for key, value in said.items() if value is not None}


def _of_http(account: Account) -> dict[str, AttributeValue | None]:
    status, path = account.status, account.call.path
    return {
        "http.request.method": "POST",
        "http.route": _route(path),
        "http.response.status_code": status,
        "url.path": path[:_MOST_CHARACTERS],
        "url.scheme": "http",
        "error.type": str(status) if status >= 500 else None,
    }


def _of_grpc(account: Account) -> dict[str, AttributeValue | None]:
    code = "OK" if account.error is None else account.error.grpc
    return {
        "rpc.system.name": "grpc",
        "rpc.method": account.call.path,
        "rpc.response.status_code": code,
        "error.type": code if account.status >= 500 else None,
    }


class _Throttled(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._warnings = ThrottledLog(log)
        self._redacted = redactor(os.environ)

    def emit(self, record: logging.LogRecord) -> None:
        what = WRONG_HEADERS if record.name == _READS_HEADERS else self._redacted(record.getMessage())
        self._warnings.warn(f"tracing: {what}")


def _quieten(name: str) -> None:
    """Let a library say what goes wrong in one line now and then, instead of with a stack trace each time."""
    library = logging.getLogger(name)
    library.handlers, library.propagate = [_Throttled()], False
