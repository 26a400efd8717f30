"""One serving process from start to exit: two listeners, loading, readiness, draining."""

import asyncio
import logging
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from granian.constants import Interfaces
from granian.server.embed import Server

from leadsman_serving.answers import Answers
from leadsman_serving.attendant import Attendant
from leadsman_serving.config import ServeConfig
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.history import History
from leadsman_serving.http_app import HttpApp
from leadsman_serving.metrics import ServingMetrics, registry_for
from leadsman_serving.metrics_server import Document, start_metrics_server
from leadsman_serving.model import OnnxModel, load

log = logging.getLogger(__name__)

_BACKLOG = 1024
_REVISION_DIGITS = 10
_CLOCK = time.time  # noqa: TID251 - the one place: everything else is passed the clock


async def serve(config: ServeConfig) -> None:
    """Serve the model until SIGTERM or SIGINT, then return.

    SIGTERM: not ready at once, everything is still answered for `drain_delay` seconds while load balancers take
    notice, then no new connections; returns when the last request is answered. SIGINT does without the delay.
    Raises ModelLoadError when the model cannot be served, and OSError when a port cannot be had.
    """
    pool = ThreadPoolExecutor(config.threads, thread_name_prefix="model")
    plane = DataPlane(config.name, config.version, pool)
    history = History(_CLOCK)
    metrics = ServingMetrics(config.name, config.version, history)
    answers = Answers(_CLOCK)
    app = HttpApp(plane, Attendant(metrics, answers), config.max_body_bytes)
    if config.revision is not None:
        app.name_revision(config.revision)
    _check_free(config.host, config.port)
    stop, hurry = _signals()
    documents: dict[str, Document] = {"/history": lambda _: history.document(), "/answers": answers.page}
    start_metrics_server(config.host, config.metrics_port, registry_for(metrics), documents)
    server = Server(
        app,
        address=config.host,
        port=config.port,
        interface=Interfaces.RSGI,
        backlog=_BACKLOG,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    # Loading happens next to serving, so that "alive" and "not ready" are answered meanwhile.
    loading = asyncio.get_running_loop().run_in_executor(pool, _load_warm, config)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        _announce(config, loading.result(), plane, metrics, app)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        plane.draining = True
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), config.drain_delay)
    server.stop()  # type: ignore[no-untyped-call]
    await serving


def _check_free(host: str, port: int) -> None:
    """Raise OSError if another process listens there: granian would share the port with it and split the traffic."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _load_warm(config: ServeConfig) -> OnnxModel:
    model = load(config.model_dir, config.threads)
    model.warm_up()
    return model


def _announce(config: ServeConfig, model: OnnxModel, plane: DataPlane, metrics: ServingMetrics, app: HttpApp) -> None:
    """Turn ready. Without a revision from outside, the model's digest names it."""
    revision = config.revision
    if revision is None:
        revision = model.digest.removeprefix("sha256:")[:_REVISION_DIGITS]
        app.name_revision(revision)
    metrics.describe_model(revision, model.digest, model.signature)
    plane.model = model
    log.info(
        "serving model %s version %s revision %s on %s:%d, metrics on port %d",
        *(config.name, config.version, revision, config.host, config.port, config.metrics_port),
    )


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """Return the events "stop" (SIGTERM, SIGINT) and "without delay" (SIGINT)."""
    loop = asyncio.get_running_loop()
    stop, hurry = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        hurry.set()
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    return stop, hurry
