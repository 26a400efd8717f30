"""The Open Inference Protocol v2 and grpc.health.v1 over gRPC: methods, statuses, and a server that drains."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from leadsman_serving import oip_grpc
from leadsman_serving import open_inference_pb2 as oip
from leadsman_serving.account import Call
from leadsman_serving.admission import RETRY_SECONDS, Ticket
from leadsman_serving.attendant import Attendant
from leadsman_serving.dataplane import EXTENSIONS, SERVER_NAME, DataPlane, InferResponse, server_version
from leadsman_serving.errors import Code, ServingError, invalid
from leadsman_serving.grpc_bounds import check_readable
from leadsman_serving.grpc_receiving import Receiver

SERVICE = oip.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_INFER = f"{SERVICE}/ModelInfer"
_PUSHBACK = ("grpc-retry-pushback-ms", str(RETRY_SECONDS * 1000))
"""How gRPC tells a client when to try again (gRFC A6)."""
_ENDLESS = 24 * 3600.0
_LAST_BYTES_SECONDS = 1.0

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = Any  # grpc.aio.ServicerContext, which has no types


class GrpcServer:
    """Listens on `address` from `start` to `stop`; messages larger than `max_message_bytes` are refused.

    A connection is good for half of `drain_delay` seconds: then its client is told to make a new one for new requests.
    So all have gone elsewhere by the end of the delay; what still comes then, gRPC cancels. With 0 they last for ever.

    Messages that ask for inference are read so many at once that they fit into the bytes of `attendant.admission`.

    Every answer, errors too, says in its trailing metadata which version and revision it is of. Belongs to one loop.
    """

    def __init__(
        self, plane: DataPlane, attendant: Attendant, address: str, max_message_bytes: int, drain_delay: float
    ) -> None:
        self._plane = plane
        self._attendant = attendant
        self._receiver = Receiver(max(1, attendant.admission.most_bytes // max_message_bytes))
        self._metadata: tuple[tuple[str, str], ...] = (("x-leadsman-version", plane.version),)
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._health = health.aio.HealthServicer()
        options = [
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.http2.bdp_probe", 0),  # or what nobody reads yet is let in by the megabyte
        ]
        if drain_delay:
            options.append(("grpc.max_connection_age_ms", math.ceil(drain_delay / 2 * 1000)))
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._methods()),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self._server.add_insecure_port(address)
        except RuntimeError:
            raise OSError(None, f"gRPC cannot bind {address}") from None

    async def start(self) -> None:
        """Answer from now on; not ready yet."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()

    def name_revision(self, revision: str) -> None:
        """Say from now on, on every answer, which revision it is of."""
        self._metadata = (*self._metadata, ("x-leadsman-revision", revision))

    async def turn_ready(self) -> None:
        """Tell those who watch the health."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def start_draining(self) -> None:
        """Tell those who watch the health."""
        await self._health.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Take no new requests, and return when those that are there are answered."""
        stopping = asyncio.create_task(self._server.stop(_ENDLESS))
        await self._idle.wait()
        # Whoever watches the health would do so for ever.
        await self._server.stop(_LAST_BYTES_SECONDS)
        await stopping

    async def _set_health(self, status: Any) -> None:
        for service in ("", SERVICE, self._plane.name):
            await self._health.set(service, status)

    def _methods(self) -> dict[str, Any]:
        methods: dict[str, Callable[[Any, Context], Awaitable[Any]]] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._answering(method), response_serializer=_writer(name))
            for name, method in methods.items()
        }
        # A stream of one message, which is the same to clients: so it is ours to say when it is read.
        handlers["ModelInfer"] = grpc.stream_unary_rpc_method_handler(
            self._answering(self._model_infer), response_serializer=_writer("ModelInfer")
        )
        return handlers

    def _answering(
        self, method: Callable[[Any, Context], Awaitable[Response]]
    ) -> Callable[[Any, Context], Awaitable[Response]]:
        async def answer(request: Any, context: Context) -> Response:
            context.set_trailing_metadata(self._metadata)
            self._running += 1
            self._idle.clear()
            try:
                return await method(request, context)
            except ServingError as error:
                # gRPC holds on to what abort raises, and so to whatever that came through.
                del request
                error.__traceback__ = None
                metadata = (*self._metadata, _PUSHBACK) if error.code is Code.OVERLOADED else self._metadata
                await context.abort(grpc.StatusCode[error.code.grpc], error.message, metadata)
                raise
            finally:
                self._running -= 1
                if not self._running:
                    self._idle.set()

        return answer

    async def _server_live(self, _: bytes, __: Context) -> oip.ServerLiveResponse:
        return oip.ServerLiveResponse(live=True)

    async def _server_ready(self, _: bytes, __: Context) -> oip.ServerReadyResponse:
        return oip.ServerReadyResponse(ready=self._plane.ready)

    async def _model_ready(self, data: bytes, _: Context) -> oip.ModelReadyResponse:
        request = _read(oip.ModelReadyRequest, data)
        self._plane.check_name(request.name, request.version or None)
        return oip.ModelReadyResponse(ready=self._plane.ready)

    async def _server_metadata(self, _: bytes, __: Context) -> oip.ServerMetadataResponse:
        return oip.ServerMetadataResponse(name=SERVER_NAME, version=server_version(), extensions=EXTENSIONS)

    async def _model_metadata(self, data: bytes, _: Context) -> oip.ModelMetadataResponse:
        request = _read(oip.ModelMetadataRequest, data)
        self._plane.check_name(request.name, request.version or None)
        return oip_grpc.model_metadata(request.name, self._plane.version, self._plane.signature())

    async def _model_infer(self, _: object, context: Context) -> oip.ModelInferResponse:
        call = Call("grpc", _INFER, partial(_header, context))

        async def work(ticket: Ticket) -> tuple[oip.ModelInferResponse, InferResponse]:
            data = await self._receiver.receive(context)
            call.bytes_in = len(data)
            ticket.hold(len(data))
            ticket.admit()
            answer, response = await self._infer(data, context.time_remaining())
            if self._attendant.reports:
                call.bytes_out = answer.ByteSize()
            return answer, response

        return await self._attendant.attend(call, work)

    async def _infer(self, data: bytes, patience: float | None) -> tuple[oip.ModelInferResponse, InferResponse]:
        check_readable(data)
        request = _read(oip.ModelInferRequest, data)
        self._plane.check_name(request.model_name, request.model_version or None)
        response = await self._plane.infer(oip_grpc.parse_request(request), patience)
        return oip_grpc.response_message(response, request), response


def _writer(method: str) -> Callable[[Any], bytes]:
    write: Callable[[Any], bytes] = getattr(oip, f"{method}Response").SerializeToString
    return write


def _read(kind: type[Request], data: bytes) -> Request:
    # Here and not by grpcio, which would log a client's rubbish as a bug of ours, with its stack trace.
    try:
        message: Request = kind.FromString(data)  # type: ignore[attr-defined] # protobuf has no types
    except DecodeError:
        raise invalid(f"the message is no {kind.__name__}") from None
    return message


def _header(context: Context, name: str) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return str(value)
    return None
