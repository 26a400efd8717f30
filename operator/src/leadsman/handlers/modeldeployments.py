"""One daemon per ModelDeployment: a pass, then sleep until the bell rings or the pass said to look again."""

import asyncio
from contextlib import suppress
from typing import Any

import kopf

from leadsman.handlers.app import App
from leadsman.shell.kube import MODEL_DEPLOYMENT

_KIND = ("leadsman.dev", "v1alpha1", MODEL_DEPLOYMENT.plural)


@kopf.daemon(*_KIND, cancellation_timeout=10)
async def reconcile(namespace: str | None, name: str, stopped: kopf.DaemonStopped, memo: App, **_: Any) -> None:
    """Run passes until the ModelDeployment or the operator goes."""
    key = (namespace or "", name)
    with memo.bell(key) as bell:
        while not stopped:
            bell.clear()
            again = await memo.reconciler.reconcile(key)
            with suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), timeout=again.total_seconds())


@kopf.on.event(*_KIND)
def changed(namespace: str | None, name: str, memo: App, **_: Any) -> None:
    """The spec, or our own status, changed."""
    memo.wake(namespace, name)
