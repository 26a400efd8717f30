"""The two surfaces of one data plane, HTTP and gRPC: they listen, turn ready, drain and stop together."""

import asyncio
import socket

from leadsman_serving.attendant import Attendant
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.http_app import HttpApp
from leadsman_serving.http_server import HttpServer
from leadsman_serving.runner import Runner


class Surfaces:
    """Listens on `host`, at `port` for HTTP and at `grpc_port` for gRPC, which 0 does without. Belongs to one loop.

    Raises OSError when a port cannot be had. A body, or a message, is at most `max_bytes` long. `drain_delay` is how
    many seconds there will be between `start_draining` and `stop`.
    """

    def __init__(
        self,
        plane: DataPlane,
        attendant: Attendant,
        host: str,
        port: int,
        *,
        grpc_port: int,
        max_bytes: int,
        drain_delay: float,
    ) -> None:
        self._plane = plane
        _check_free(host, port)
        self._app = HttpApp(plane, attendant, max_bytes)
        self._http = HttpServer(self._app, host, port, attendant.admission.most_bytes)
        self._grpc = None
        if grpc_port:
            _check_free(host, grpc_port)
            # It takes 15 MB and a tenth of a second, which whoever does without gRPC does not have to pay.
            from leadsman_serving import grpc_app  # noqa: PLC0415

            address = f"[{host}]:{grpc_port}" if ":" in host else f"{host}:{grpc_port}"
            self._grpc = grpc_app.GrpcServer(plane, attendant, address, max_bytes, drain_delay)

    def name_revision(self, revision: str) -> None:
        """Say from now on, on every answer, which revision it is of."""
        self._app.name_revision(revision)
        if self._grpc:
            self._grpc.name_revision(revision)

    async def start(self) -> asyncio.Task[None]:
        """Answer from now on, that it is not ready yet. The task ends when the last request of HTTP is answered."""
        await self._http.start()
        if self._grpc:
            await self._grpc.start()
        return asyncio.create_task(self._http.ended())

    async def turn_ready(self, runner: Runner) -> None:
        """Answer with this model."""
        self._plane.runner = runner
        if self._grpc:
            await self._grpc.turn_ready()

    async def start_draining(self) -> None:
        """Turn not ready, and ask clients to take their connections elsewhere; everything is still answered."""
        self._plane.draining = True
        if self._grpc:
            await self._grpc.start_draining()

    async def stop(self) -> None:
        """Take no new connections, and return when the last request of gRPC is answered."""
        self._http.stop()
        if self._grpc:
            await self._grpc.stop()


def _check_free(host: str, port: int) -> None:
    """Raise OSError, which says why in the system's words alone, when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
