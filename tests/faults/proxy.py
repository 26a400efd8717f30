"""A proxy before a real API server that hurts whoever speaks through it, by a schedule."""

import asyncio
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from apiserver.kubeapi import server_context
from faults.schedule import Fault, Request, Schedule, no_faults

_LAG_SECONDS = 1.0
_SLOW_SECONDS = 0.2
_HANG_SECONDS = 60.0
_SKIPPED = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}
_REFUSALS = {
    Fault.CONFLICT: (409, "Conflict", "the object has been modified"),
    Fault.BUSY: (429, "TooManyRequests", "the server has received too many requests"),
    Fault.ERROR: (500, "InternalError", "etcdserver: leader changed"),
    Fault.ERROR_AFTER: (504, "Timeout", "the server was unable to return a response in the time allotted"),
}
_EXPIRED = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}

Hook = Callable[[Request], None]


class Proxy:
    """Forwards to the API server of a kubeconfig, as its user where that has a certificate.

    Runs in a thread of its own; its settings may change at any time.
    """

    def __init__(self, upstream: Path, restart_etcd: Callable[[], None]) -> None:
        self._config = yaml.safe_load(upstream.read_text())
        self._server = self._config["clusters"][0]["cluster"]["server"]
        self._tls: ssl.SSLContext = server_context(upstream)
        self._restart_etcd = restart_etcd
        self._seen: dict[str, list[bytes]] = {}
        self.port = 0
        self.reset()

    def reset(self, schedule: Schedule = no_faults, before: Hook | None = None, after: Hook | None = None) -> None:
        """Count from 1 again, by another schedule. `before` is called with each request that is about to be forwarded,
        `after` with each that was answered, before the answer is given on.
        """
        self.schedule, self.before, self.after = schedule, before, after
        self.requests: list[Request] = []
        self.hurt: Counter[Fault] = Counter()
        self._seen.clear()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for which this proxy is the server."""
        cluster = {"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "proxy", "context": {"cluster": "proxy", "user": self._config["users"][0]["name"]}}
        path.write_text(
            json.dumps(self._config | {"clusters": [cluster], "contexts": [context], "current-context": "proxy"})
        )
        return path

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Serve until the context ends."""
        started = threading.Event()
        loop = asyncio.new_event_loop()
        ended = asyncio.Event()

        async def serve() -> None:
            # One that is killed in the middle of a request leaves nothing behind: its handler is cancelled.
            connector = _Connector(ssl=self._tls, limit=0)
            async with aiohttp.ClientSession(connector=connector) as self._session:
                app = web.Application(client_max_size=16 * 1024 * 1024)
                app.router.add_route("*", "/{path:.*}", self._handle)
                runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
                await runner.setup()
                site = web.TCPSite(runner, "127.0.0.1", 0)
                await site.start()
                self.port = runner.addresses[0][1]
                started.set()
                await ended.wait()
                await runner.cleanup()
            await connector.ended()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        assert started.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join(10)
            loop.close()

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        body = await incoming.read()
        request = Request(len(self.requests) + 1, incoming.method, incoming.path, dict(incoming.query))
        self.requests.append(request)
        fault = self.schedule(request)
        if fault:
            self.hurt[fault] += 1
        if refused := await self._before(incoming, fault):
            return refused
        if self.before:
            self.before(request)
        if request.watches:
            return await self._watch(incoming, request, fault)
        return await self._forward(incoming, request, body, fault)

    async def _before(self, incoming: web.Request, fault: Fault | None) -> web.Response | None:
        match fault:
            case Fault.CONFLICT | Fault.BUSY | Fault.ERROR:
                return _refusal(fault)
            case Fault.RESET:
                _cut(incoming)
            case Fault.HANG:
                await asyncio.sleep(_HANG_SECONDS)
        return None

    async def _forward(
        self, incoming: web.Request, request: Request, body: bytes, fault: Fault | None
    ) -> web.StreamResponse:
        answering = asyncio.ensure_future(self._send(incoming, body))
        if fault is Fault.ETCD:
            await asyncio.to_thread(self._restart_etcd)
        status, content, kind = await answering
        if self.after:
            self.after(request)
        match fault:
            case Fault.ERROR_AFTER:
                return _refusal(fault)
            case Fault.RESET_AFTER:
                _cut(incoming)
            case Fault.HANG_AFTER:
                await asyncio.sleep(_HANG_SECONDS)
            case Fault.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
        if request.method == "GET" and status == 200:
            content = self._remember(incoming.path_qs, content, stale=fault is Fault.STALE)
        return web.Response(status=status, body=content, headers={"Content-Type": kind})

    async def _send(self, incoming: web.Request, body: bytes) -> tuple[int, bytes, str]:
        async with self._ask(incoming, body) as response:
            return response.status, await response.read(), response.headers.get("Content-Type", "")

    def _ask(self, incoming: web.Request, body: bytes | None) -> Any:
        headers = {name: value for name, value in incoming.headers.items() if name.lower() not in _SKIPPED}
        return self._session.request(
            incoming.method, self._server + incoming.raw_path, data=body or None, headers=headers, timeout=_NO_LIMIT
        )

    def _remember(self, path: str, content: bytes, *, stale: bool) -> bytes:
        """The answer to give: the newest, or the one before it that was different."""
        seen = self._seen.setdefault(path, [])
        if not seen or seen[-1] != content:
            seen.append(content)
            del seen[:-3]
        return seen[0] if stale else content

    async def _watch(self, incoming: web.Request, request: Request, fault: Fault | None) -> web.StreamResponse:
        async with self._ask(incoming, None) as response:
            answer = web.StreamResponse(status=response.status, headers={"Content-Type": "application/json"})
            await answer.prepare(incoming)
            if self.after:
                self.after(request)
            if fault is Fault.EXPIRED:
                await answer.write(json.dumps(_EXPIRED).encode() + b"\n")
                return answer
            history: list[bytes] = []
            with suppress(aiohttp.ClientError, ConnectionError):
                async for line in _lines(response.content):
                    if fault is Fault.LAG:
                        await asyncio.sleep(_LAG_SECONDS)
                    if fault is Fault.REPLAY:
                        history.append(line)
                    for event in (line, *history[:-1]):
                        await answer.write(event)
                    if fault is Fault.DROP:
                        _cut(incoming)
            return answer


class _Connector(aiohttp.TCPConnector):
    """Closing one waits for the connections that are in use, but not for those that were given up before."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._ends: set[asyncio.Future[None]] = set()

    async def connect(self, *request: Any, **options: Any) -> Any:
        connection = await super().connect(*request, **options)
        if (end := connection.protocol.closed) is not None:
            self._ends.add(end)
            end.add_done_callback(self._forget)
        return connection

    def _forget(self, end: asyncio.Future[None]) -> None:
        self._ends.discard(end)
        end.exception()  # whatever it was, it is not of interest

    async def ended(self) -> None:
        """Wait until every connection has ended."""
        if self._ends:
            await asyncio.wait(self._ends)


_NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=10)


async def _lines(content: aiohttp.StreamReader) -> Any:
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _refusal(fault: Fault) -> web.Response:
    code, reason, message = _REFUSALS[fault]
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    headers = {"Retry-After": "1"} if fault is Fault.BUSY else {}
    return web.json_response({**status, "message": message}, status=code, headers=headers)


def _cut(incoming: web.Request) -> None:
    """Close the connection without an answer."""
    if incoming.transport:
        incoming.transport.abort()
    raise web.HTTPInternalServerError  # to nobody: the connection is gone
