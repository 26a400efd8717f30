"""The operator's HTTP endpoints: /healthz for the kubelet, /metrics for Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from leadsman.shell.telemetry import Heartbeat


def application(registry: CollectorRegistry, heartbeat: Heartbeat, clock: Callable[[], datetime]) -> web.Application:
    """The endpoints as an application."""

    async def healthz(_: web.Request) -> web.Response:
        overdue = heartbeat.overdue(clock())
        if not overdue:
            return web.Response(text="ok\n")
        late = ", ".join(
            f"{namespace}/{name} by {int(by.total_seconds())} s" for (namespace, name), by in overdue.items()
        )
        return web.Response(status=503, text=f"no pass has finished in time for {late}\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    return app


@asynccontextmanager
async def serve_http(
    port: int, registry: CollectorRegistry, heartbeat: Heartbeat, clock: Callable[[], datetime]
) -> AsyncIterator[None]:
    """Serve the endpoints on all interfaces for as long as the context is open."""
    runner = web.AppRunner(application(registry, heartbeat, clock), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, port=port).start()
        yield
    finally:
        await runner.cleanup()
