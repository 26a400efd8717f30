"""One daemon per ModelDeployment: a pass, then sleep until the bell rings or the pass said to look again."""

import asyncio
from contextlib import suppress

import kopf

from leadsman.handlers.app import App
from leadsman.shell.kube import MODEL_DEPLOYMENT

_KIND = ("leadsman.dev", "v1alpha1", MODEL_DEPLOYMENT.plural)


@kopf.daemon(*_KIND, cancellation_timeout=10)
async def reconcile(namespace: str, name: str, stopped: kopf.DaemonStopped, memo: App, **_: object) -> None:
    """Run passes until the ModelDeployment or the operator goes."""
    with memo.bell((namespace, name)) as bell:
        while not stopped:
            bell.clear()
            again = await memo.reconciler.reconcile((namespace, name))
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(bell.wait(), timeout=again.total_seconds())


@kopf.on.event(*_KIND)
def changed(namespace: str, name: str, memo: App, **_: object) -> None:
    """The spec, or our own status, changed."""
    memo.wake(namespace, name)
