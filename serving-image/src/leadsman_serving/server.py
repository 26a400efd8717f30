"""One serving process from start to exit: loading, readiness, draining."""

import asyncio
import logging
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from leadsman_serving.account import Served
from leadsman_serving.admission import Admission
from leadsman_serving.answers import Answers
from leadsman_serving.attendant import Attendant
from leadsman_serving.cgroup import Cgroups
from leadsman_serving.config import ServeConfig
from leadsman_serving.dataplane import DataPlane
from leadsman_serving.history import History
from leadsman_serving.memory import available
from leadsman_serving.metrics import ServingMetrics, registry_for
from leadsman_serving.metrics_server import Document, start_metrics_server
from leadsman_serving.model import OnnxModel
from leadsman_serving.reports import Reports, reports_for
from leadsman_serving.runner import Limits, Runner
from leadsman_serving.samples import read_samples, rehearse
from leadsman_serving.schema_file import read_schema
from leadsman_serving.schema_guard import SchemaGuard
from leadsman_serving.session import load
from leadsman_serving.surfaces import Surfaces

log = logging.getLogger(__name__)

_REVISION_DIGITS = 10
_MEMORY_SHARE = 4  # of all memory, what the bodies of requests may take together
_CLOCK = time.time  # noqa: TID251 - the one place: everything else is passed the clock


async def serve(config: ServeConfig) -> None:
    """Serve the model until SIGTERM or SIGINT, then return.

    SIGTERM: not ready at once, everything is still answered for `drain_delay` seconds while load balancers take
    notice, then no new connections; returns when the last request is answered. SIGINT does without the delay.
    Raises ModelLoadError when the model cannot be served, and OSError when a port cannot be had.
    """
    served = Served(config.name, config.version, config.revision)
    reports = reports_for(served, access_log=config.access_log, environment=os.environ, clock=_CLOCK)
    try:
        await _serve(config, reports)
    finally:
        if reports is not None:
            reports.close()


async def _serve(config: ServeConfig, reports: Reports | None) -> None:
    pool = ThreadPoolExecutor(config.threads.count, thread_name_prefix="model")
    plane = DataPlane(config.name, config.version, config.max_body_bytes, config.timeout)
    history = History(_CLOCK)
    admission = Admission(config.max_in_flight, max(config.max_body_bytes, available(Cgroups()) // _MEMORY_SHARE))
    metrics = ServingMetrics(config.name, config.version, history, admission)
    answers = Answers(_CLOCK)
    attendant = Attendant(admission, metrics, answers, reports)
    surfaces = Surfaces(
        plane,
        attendant,
        config.host,
        config.port,
        grpc_port=config.grpc_port,
        max_bytes=config.max_body_bytes,
        drain_delay=config.drain_delay,
    )
    if config.revision is not None:
        surfaces.name_revision(config.revision)
    stop, hurry = _signals()
    documents: dict[str, Document] = {"/history": lambda _: history.document(), "/answers": answers.page}
    start_metrics_server(config.host, config.metrics_port, registry_for(metrics), documents)
    serving = await surfaces.start()
    # Loading happens next to serving, so that "alive" and "not ready" are answered meanwhile.
    loading = asyncio.get_running_loop().run_in_executor(pool, _load_warm, config)
    stopping = asyncio.create_task(stop.wait())
    awaited: set[asyncio.Future[Any]] = {loading, serving, stopping}
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        model, plane.guard = loading.result()
        revision = _name(config, model, plane.guard, metrics, surfaces)
        if reports is not None:
            reports.name_revision(revision)
        limits = Limits(config.threads.count, config.max_body_bytes, config.max_batch_delay)
        await surfaces.turn_ready(Runner(model, pool, limits, lambda: admission.in_flight, metrics.ran))
        _announce(config, model)
        await asyncio.wait(awaited - {loading}, return_when=asyncio.FIRST_COMPLETED)
        await surfaces.start_draining()
        with suppress(TimeoutError):
            await asyncio.wait_for(hurry.wait(), config.drain_delay)
    await surfaces.stop()
    await serving


def _load_warm(config: ServeConfig) -> tuple[OnnxModel, SchemaGuard | None]:
    model = load(config.model_dir, config.threads.count, config.providers)
    schema = read_schema(config.model_dir, model.signature)
    samples = read_samples(config.model_dir, model.signature, config.max_body_bytes)
    rehearse(model, samples)
    model.warm_up([sample.feed for sample in samples], config.max_body_bytes, config.max_batch_size)
    return model, None if schema is None else SchemaGuard(schema, rejecting=config.schema == "reject")


def _name(
    config: ServeConfig, model: OnnxModel, guard: SchemaGuard | None, metrics: ServingMetrics, surfaces: Surfaces
) -> str:
    """Say which revision is served, and return it. Without one from outside, the model's digest names it."""
    revision = config.revision
    if revision is None:
        revision = model.digest.removeprefix("sha256:")[:_REVISION_DIGITS]
        surfaces.name_revision(revision)
    metrics.describe_model(revision, model.digest, model.signature, guard)
    return revision


def _announce(config: ServeConfig, model: OnnxModel) -> None:
    rows = model.calibration.rows
    log.info(
        "serving model %s version %s on %s:%d, gRPC on port %d, metrics on port %d; %s; threads: %d (%s); batches: %s",
        *(config.name, config.version, config.host, config.port, config.grpc_port, config.metrics_port, model.digest),
        *(config.threads.count, config.threads.reason, f"up to {rows} rows" if rows > 1 else "none"),
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
