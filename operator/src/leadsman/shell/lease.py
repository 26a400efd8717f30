"""Leader election by a Lease: only the holder writes, and a holder that loses the Lease ends its process.

Time is how long the machine has been up, sleep included: no clock that anybody sets is asked. Whoever was paused finds
its time over when it runs again, and writes nothing any more, before anybody has told it so.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from kubernetes.aio import client

from leadsman.shell.clock import uptime, wall_clock

# Kubernetes' own components use these.
LEASE_SECONDS = 15
_RENEW_SECONDS = 10
_RETRY_SECONDS = 2
# A request that gets no answer must not use up the time that the next ones need.
_REQUEST_SECONDS = 3

log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """Another process may lead by now; this one must end."""


@dataclass
class Leadership:
    """Until when this process may write. Others wait longer than that before they take the Lease."""

    clock: Callable[[], float] = uptime
    _until: float = -math.inf

    def extend(self, asked: float) -> None:
        """The Lease was written by a request that was sent at `asked`."""
        self._until = asked + _RENEW_SECONDS

    def holds(self) -> bool:
        """Whether this process leads, for certain."""
        return self.clock() < self._until


@dataclass
class Election:
    """One process's attempts at a Lease."""

    api: client.ApiClient
    name: str
    namespace: str
    identity: str
    leadership: Leadership
    holder: str = ""
    """Who held it when it was last read."""
    _seen: str = ""
    _seen_at: float = -math.inf
    _leases: client.CoordinationV1Api = field(init=False)

    def __post_init__(self) -> None:
        self._leases = client.CoordinationV1Api(self.api)

    async def attempt(self) -> bool:
        """Take the Lease, or renew it. False when another holds it, and when the API server does not answer."""
        asked = self.leadership.clock()
        try:
            lease = await self._read()
            if lease is None:
                await self._create()
            elif not self._may_take(lease):
                return False
            else:
                await self._write(lease, self.identity, LEASE_SECONDS)
        except (client.ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("the Lease could not be renewed: %s", getattr(error, "reason", None) or repr(error))
            return False
        self.holder = self.identity
        self.leadership.extend(asked)
        return True

    async def take(self) -> None:
        """Wait for the Lease."""
        while True:
            if await self.attempt():
                return
            await asyncio.sleep(_RETRY_SECONDS)

    async def keep(self) -> None:
        """Renew the Lease; returns when it is lost."""
        while self.leadership.holds() and self.holder == self.identity:
            await asyncio.sleep(_RETRY_SECONDS)
            await self.attempt()

    async def release(self) -> None:
        """Give the Lease back, so that a successor need not wait until it runs out."""
        try:
            lease = await self._read()
            if lease is not None and lease.spec.holder_identity == self.identity:
                await self._write(lease, "", 1)
        except (client.ApiException, aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("the Lease could not be given back: %s", getattr(error, "reason", None) or repr(error))

    def _may_take(self, lease: Any) -> bool:
        """Nobody's word is taken for when it was renewed: it has to stay unchanged for its whole time."""
        if lease.metadata.resource_version != self._seen:
            self._seen, self._seen_at = lease.metadata.resource_version, self.leadership.clock()
        self.holder = lease.spec.holder_identity or ""
        lasts = lease.spec.lease_duration_seconds or LEASE_SECONDS
        return self.holder in ("", self.identity) or self.leadership.clock() - self._seen_at >= lasts

    async def _read(self) -> Any:
        try:
            return await self._leases.read_namespaced_lease(
                self.name, self.namespace, _request_timeout=_REQUEST_SECONDS
            )
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise

    async def _create(self) -> None:
        now = wall_clock()
        spec = client.V1LeaseSpec(
            holder_identity=self.identity, lease_duration_seconds=LEASE_SECONDS, acquire_time=now, renew_time=now
        )
        lease = client.V1Lease(metadata=client.V1ObjectMeta(name=self.name), spec=spec)
        await self._leases.create_namespaced_lease(self.namespace, lease, _request_timeout=_REQUEST_SECONDS)

    async def _write(self, lease: Any, holder: str, seconds: int) -> None:
        """Write the Lease that was read; when another has written it since, the API server refuses."""
        now, spec = wall_clock(), lease.spec
        if spec.holder_identity != holder:
            spec.acquire_time, spec.lease_transitions = now, (spec.lease_transitions or 0) + 1
        spec.holder_identity, spec.lease_duration_seconds, spec.renew_time = holder, seconds, now
        await self._leases.replace_namespaced_lease(self.name, self.namespace, lease, _request_timeout=_REQUEST_SECONDS)


async def lead(election: Election, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the Lease, then run `work` as long as it is held. Raises LeaseLostError when it is lost."""
    where = f"Lease {election.namespace}/{election.name}"
    log.info("waiting for %s", where)
    await election.take()
    log.info("leading as %s", election.identity)
    working, keeping = asyncio.ensure_future(work()), asyncio.ensure_future(election.keep())
    try:
        await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await keeping
            raise LeaseLostError(f"{where} was lost")
        await working
    finally:
        for task in (working, keeping):
            task.cancel()
        await asyncio.gather(working, keeping, return_exceptions=True)
        if not working.cancelled() and election.leadership.holds():
            await election.release()
