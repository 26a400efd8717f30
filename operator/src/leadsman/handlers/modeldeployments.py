"""One daemon per ModelDeployment: a pass, then sleep until the bell rings or the pass said to look again."""

import asyncio
from collections.abc import Mapping
from typing import Any

import kopf

from leadsman.handlers.app import App
from leadsman.shell.kube import MODEL_DEPLOYMENT

_KIND = ("leadsman.dev", "v1alpha1", MODEL_DEPLOYMENT.plural)
_RELEASE_SECONDS = 30  # no deletion waits longer for routes that cannot be written
_STOP_SECONDS = 10  # for a pass that is under way to finish, and again for one that is cut off


@kopf.daemon(*_KIND, cancellation_backoff=_STOP_SECONDS, cancellation_timeout=_STOP_SECONDS)
async def reconcile(namespace: str | None, name: str, stopped: kopf.DaemonStopped, memo: App, **_: Any) -> None:
    """Run passes until the ModelDeployment or the operator goes."""
    key = (namespace or "", name)
    with memo.bell(key) as bell:
        while not stopped:
            bell.clear()
            again = await memo.reconciler.reconcile(key)
            await _sleep(bell, stopped, again.total_seconds())


def going(meta: Mapping[str, Any], **_: Any) -> bool:
    """For all else kopf is to be blind, or it would write down what it has seen last."""
    return "deletionTimestamp" in meta


@kopf.on.delete(*_KIND, when=going, backoff=1, timeout=_RELEASE_SECONDS)
async def release(namespace: str | None, name: str, memo: App, **_: Any) -> None:
    """Routes of others outlive the model. They go back before it does, and once more after its last pass."""
    await memo.reconciler.release((namespace or "", name))


@kopf.on.event(*_KIND)
def changed(
    namespace: str | None, name: str, meta: Mapping[str, Any], status: Mapping[str, Any], memo: App, **_: Any
) -> None:
    """The spec changed, or the status was lost. Our own status is no news: waking for it would never end."""
    if status.get("observedGeneration") != meta.get("generation"):
        memo.wake(namespace, name)


async def _sleep(bell: asyncio.Event, stopped: kopf.DaemonStopped, seconds: float) -> None:
    waits = {asyncio.ensure_future(bell.wait()), asyncio.ensure_future(stopped.wait(seconds))}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
