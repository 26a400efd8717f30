"""Leader election by a Lease: only the holder works, and a holder that loses the Lease ends its process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
from kubernetes.aio import client
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

# Kubernetes' own components use these.
LEASE_SECONDS = 15
_RENEW_SECONDS = 10
_RETRY_SECONDS = 2

log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """Another process may lead by now; this one must end."""


class _PatientLock(LeaseLock):
    """A lock for which an API server that does not answer is a failed attempt, not the end of the process."""

    async def get(
        self, name: str, namespace: str
    ) -> tuple[bool, LeaderElectionRecord] | tuple[bool, Exception] | tuple[bool, None]:
        try:
            return await super().get(name, namespace)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return False, client.ApiException(status=0, reason=str(error))

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        # Not the library's own: in 37.0.2 it passes a `pretty` that its generated client refuses.
        lease = client.V1Lease(metadata=client.V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        return await self._attempt(self.api_instance.create_namespaced_lease(namespace, lease))

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        return await self._attempt(super().update(name, namespace, updated_record))

    async def release(self) -> None:
        """Give the Lease back, so that a successor need not wait until it runs out."""
        await self.get(self.name, self.namespace)
        if self.lease_reference is None or self.lease_reference.spec is None:
            return
        spec = self.lease_reference.spec
        if spec.holder_identity != self.identity:
            return
        spec.holder_identity, spec.lease_duration_seconds = "", 1
        await self._attempt(self.api_instance.replace_namespaced_lease(self.name, self.namespace, self.lease_reference))

    @staticmethod
    async def _attempt(call: Awaitable[object]) -> bool:
        try:
            return bool(await call)
        except (client.ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("the Lease could not be written: %s", getattr(error, "reason", None) or error)
            return False


async def lead(
    api: client.ApiClient, name: str, namespace: str, identity: str, work: Callable[[], Awaitable[None]]
) -> None:
    """Wait for the Lease, then run `work` as long as it is held. Raises LeaseLostError when it is lost."""
    lock = _PatientLock(name, namespace, identity, api)
    leading = asyncio.Event()

    async def started() -> None:
        leading.set()

    async def stopped() -> None:
        leading.clear()

    election = asyncio.ensure_future(
        LeaderElection(
            Config(
                lock,
                lease_duration=LEASE_SECONDS,
                renew_deadline=_RENEW_SECONDS,
                retry_period=_RETRY_SECONDS,
                onstarted_leading=started,
                onstopped_leading=stopped,
            )
        ).run()
    )
    log.info("waiting for Lease %s/%s", namespace, name)

    async def work_when_leading() -> None:
        await leading.wait()
        log.info("leading as %s", identity)
        await work()

    working = asyncio.ensure_future(work_when_leading())
    try:
        await asyncio.wait({election, working}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await election
            raise LeaseLostError(f"Lease {namespace}/{name} was lost")
        await working
    finally:
        for task in (election, working):
            task.cancel()
        await asyncio.gather(election, working, return_exceptions=True)
        if working.done() and not working.cancelled():
            await lock.release()
