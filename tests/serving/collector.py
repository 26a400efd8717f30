"""An OpenTelemetry collector on loopback that keeps the spans which it is sent."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import loopback


@dataclass(frozen=True)
class Span:
    """A span as it was sent, its attributes and those of its resource as Python's values; times in nanoseconds."""

    raw: Any
    attributes: dict[str, Any]
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.raw.name)

    @property
    def trace_id(self) -> str:
        return bytes(self.raw.trace_id).hex()

    @property
    def id(self) -> str:
        return bytes(self.raw.span_id).hex()

    @property
    def parent(self) -> str:
        return bytes(self.raw.parent_span_id).hex()

    @property
    def time(self) -> tuple[int, int]:
        return self.raw.start_time_unix_nano, self.raw.end_time_unix_nano


@dataclass
class Collector:
    """Where it listens, as OTEL_EXPORTER_OTLP_ENDPOINT says it, and what has come."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_resource = _plain(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [Span(span, _plain(span.attributes), of_resource) for span in scope.spans]

    def requests(self) -> list[Span]:
        """The spans of whole requests, in the order in which these came."""
        return sorted((span for span in self.spans if span.raw.kind == 2), key=lambda span: span.time)

    def parts(self, span: Span) -> dict[str, Span]:
        """The spans in a span, by name."""
        return {other.name: other for other in self.spans if other.parent == span.id}


@contextmanager
def collector() -> Iterator[Collector]:
    class Handler(loopback.Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/traces"
            assert self.headers["content-type"] == "application/x-protobuf"
            taking.take(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.answer(b"")

    with loopback.serving(Handler) as address:
        taking = Collector(address)
        yield taking


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
