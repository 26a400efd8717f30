"""A server of one HTTP server, event loop and JSON codec: what serves 1x30 JSON is the same few lines in each.

python choices_server.py HTTP LOOP CODEC PORT, with HTTP of granian-rsgi, granian-asgi, uvicorn, hypercorn, protocol;
LOOP of asyncio, uvloop, rloop; CODEC of orjson, msgspec, json. The model is in BENCH_MODEL.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import numpy as np
import onnx_session

Answer = Callable[[bytes], bytes]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_HEADERS = [("content-type", "application/json")]


def _codec(name: str) -> tuple[Callable[[bytes], Any], Callable[[Any], bytes]]:
    if name == "json":
        return json.loads, lambda document: json.dumps(document, separators=(",", ":")).encode()
    module = importlib.import_module("msgspec.json" if name == "msgspec" else name)
    if name == "msgspec":
        return module.Decoder().decode, module.Encoder().encode
    return module.loads, module.dumps


def _answer(codec: str) -> Answer:
    session = onnx_session.load()
    loads, dumps = _codec(codec)

    def answer(body: bytes) -> bytes:
        tensor = loads(body)["inputs"][0]
        array = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        (found,) = session.run(["probabilities"], {tensor["name"]: array})
        output = {"name": "probabilities", "datatype": "FP32", "shape": found.shape, "data": found.reshape(-1).tolist()}
        return dumps({"model_name": "bench", "model_version": "1", "outputs": [output]})

    return answer


def _rsgi(answer: Answer) -> Any:
    async def application(_: Any, protocol: Any) -> None:
        protocol.response_bytes(200, _HEADERS, answer(await protocol()))

    return application


def _asgi(answer: Answer) -> Any:
    async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("HTTP only")
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        said = answer(body)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    return application


class _Protocol(asyncio.Protocol):
    """No HTTP server at all: an asyncio protocol around httptools' parser, for requests with a Content-Length."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._body: list[bytes] = []
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse on."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._body = []

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Answer."""
        said = self._answer(b"".join(self._body))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
        self._transport.write(head + said)


async def _serve(http: str, answer: Answer, port: int) -> None:
    if http.startswith("granian"):
        from granian.constants import Interfaces  # noqa: PLC0415 - only what is measured is loaded
        from granian.server.embed import Server  # noqa: PLC0415

        rsgi = http == "granian-rsgi"
        interface = Interfaces.RSGI if rsgi else Interfaces.ASGINL
        application = _rsgi(answer) if rsgi else _asgi(answer)
        await Server(
            application, address="127.0.0.1", port=port, interface=interface, websockets=False, log_enabled=False
        ).serve()
    elif http == "protocol":
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Protocol(answer), "127.0.0.1", port)
        async with server:
            await asyncio.Event().wait()
    elif http == "uvicorn":
        import uvicorn  # noqa: PLC0415

        quiet = {"log_level": "warning", "access_log": False, "lifespan": "off", "http": "httptools", "ws": "none"}
        await uvicorn.Server(uvicorn.Config(_asgi(answer), port=port, **quiet)).serve()
    else:
        from hypercorn.asyncio import serve  # noqa: PLC0415
        from hypercorn.config import Config  # noqa: PLC0415

        config = Config()
        config.bind = [f"127.0.0.1:{port}"]
        await serve(_asgi(answer), config)


def main() -> None:
    """Serve until killed."""
    http, loop, codec, port = sys.argv[1:]
    factory = importlib.import_module(loop).new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(http, _answer(codec), int(port)))


if __name__ == "__main__":
    main()
