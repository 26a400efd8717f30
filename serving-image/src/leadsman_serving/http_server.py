"""A server of HTTP/1: it listens, keeps its connections to their bounds, and ends without losing a request."""

import asyncio
from email.utils import formatdate

from leadsman_serving.http_connection import App, Connection, Connections

_BACKLOG = 1024
_TICK_SECONDS = 1.0


class HttpServer:
    """Has `app` answer what comes to `host` and `port`, from `start` to `stop`. Belongs to one loop.

    At most `most_unsent` bytes of answers wait to be read by slow clients; beyond, the slowest are cut off.
    """

    def __init__(self, app: App, host: str, port: int, most_unsent: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._connections = Connections(most_unsent)
        self._server: asyncio.Server | None = None
        self._stopped = asyncio.Event()
        self._ticking: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Answer from now on. Raises OSError when the port cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._app, self._connections), self._host, self._port, backlog=_BACKLOG
        )
        self._tick()

    def stop(self) -> None:
        """Take no new connections, and no more requests over those that there are."""
        if self._server is not None:
            self._server.close()
        self._connections.stopping = asyncio.get_running_loop().time()
        for connection in list(self._connections.all):
            connection.end_when_idle()
        self._stopped.set()

    async def ended(self) -> None:
        """Return when it is stopped and the last request is answered."""
        await self._stopped.wait()
        while self._connections.all:
            self._connections.none_left.clear()
            await self._connections.none_left.wait()
        if self._ticking is not None:
            self._ticking.cancel()

    def _tick(self) -> None:
        """Say what time it is, and look for what takes too long; once a second."""
        loop = asyncio.get_running_loop()
        self._connections.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        now = loop.time()
        for connection in list(self._connections.all):
            connection.check(now)
        self._ticking = loop.call_later(_TICK_SECONDS, self._tick)
