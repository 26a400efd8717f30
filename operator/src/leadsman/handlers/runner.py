"""Wire the operator together and run it: API connection, HTTP endpoints, Lease, kopf."""

import asyncio
import signal
from contextlib import suppress

import httpx
import kopf
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from leadsman.handlers import children, modeldeployments, startup
from leadsman.handlers.app import App
from leadsman.shell.access import access_of_the_operator, connect
from leadsman.shell.clock import steady_clock
from leadsman.shell.http import serve_http
from leadsman.shell.kube import KubeClient
from leadsman.shell.lease import Election, Leadership, lead
from leadsman.shell.prometheus import PrometheusServer
from leadsman.shell.reconciler import Reconciler
from leadsman.shell.settings import Settings
from leadsman.shell.telemetry import Heartbeat, Metrics

# Importing them registers their handlers with kopf.
HANDLERS = (children, modeldeployments, startup)


async def run_until_told(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises LeaseLostError when another process may lead.

    Once kopf runs it handles them itself. Before, while another process leads, nothing would: the first process of a
    container ignores a signal for which it has no handler.
    """
    running = asyncio.ensure_future(run(settings))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


async def run(settings: Settings) -> None:
    """Run until told to stop. Raises LeaseLostError when another process may lead."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    heartbeat, clock = Heartbeat(), steady_clock()
    url = settings.prometheus_url
    prometheus = PrometheusServer(url, settings.prometheus_token_file) if url else None
    async with (
        connect(access_of_the_operator()) as api,
        httpx.AsyncClient(trust_env=False) as http,
        serve_http(settings.http_port, registry, heartbeat, clock),
    ):
        leadership = Leadership()
        reconciler = Reconciler(
            kube=KubeClient(api, leadership.holds) if settings.leader_election else KubeClient(api),
            http=http,
            metrics=Metrics(registry),
            heartbeat=heartbeat,
            serving_image=settings.serving_image,
            identity=settings.identity,
            clock=clock,
            slots=asyncio.Semaphore(settings.max_passes),
            prometheus=prometheus,
        )

        async def work() -> None:
            await kopf.operator(
                standalone=True,
                # Otherwise kopf asks for the user's name, and a container's user has none.
                identity=settings.identity,  # type: ignore[arg-type]
                clusterwide=not settings.namespaces,
                namespaces=settings.namespaces,
                memo=App(reconciler),
            )

        if settings.leader_election:
            name, namespace = settings.lease_name, settings.lease_namespace
            await lead(Election(api, name, namespace, settings.identity, leadership), work)
        else:
            await work()
