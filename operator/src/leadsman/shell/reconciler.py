"""One pass over a ModelDeployment: observe, decide, commit the decision to the status, act on it.

The decision is committed before it is acted on. A process that dies in between finds its own decision when it starts
again, and acts on it; were it the other way round, it would find traffic moved for reasons nobody remembers.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from leadsman.api.conditions import ConditionType, Reason
from leadsman.api.metadata import ObjectMeta
from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.status import ModelDeploymentStatus, Phase
from leadsman.core.archive import without_recordings
from leadsman.core.decide import Plan, decide, state_of
from leadsman.core.desired import Action
from leadsman.core.observed import Observed
from leadsman.core.rollout import TRIALS, mirror, weights
from leadsman.core.route import routes_of_others
from leadsman.core.soundings import soundings_wanted
from leadsman.core.status import refused_status
from leadsman.shell.kube import CONFLICT, MODEL_DEPLOYMENT, Kube, KubeError, NotFoundError
from leadsman.shell.observe import InvalidObjectError, observe, parse, read_deployment
from leadsman.shell.prometheus import PrometheusServer
from leadsman.shell.recorder import post_event
from leadsman.shell.routes import RuleFields, give_back
from leadsman.shell.soundings import take_soundings
from leadsman.shell.telemetry import Heartbeat, Key, Metrics
from leadsman.shell.writer import Writer, status_body

_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(minutes=2)
# What can succeed at any time: an API server that is back is not kept waiting for long.
_TRANSIENT_RETRY = timedelta(seconds=30)
_UNSETTLED_RETRY = timedelta(seconds=10)
_LOOK_AGAIN = timedelta(minutes=5)

log = logging.getLogger(__name__)


@dataclass
class Reconciler:
    """Runs passes. Holds connections and telemetry; nothing that a restart would miss."""

    kube: Kube
    http: httpx.AsyncClient
    metrics: Metrics
    heartbeat: Heartbeat
    serving_image: str
    identity: str
    clock: Callable[[], datetime]
    slots: asyncio.Semaphore
    prometheus: PrometheusServer | None = None
    """Who is asked for the numbers of prometheus checks."""
    failures: dict[Key, int] = field(default_factory=dict)
    rule_fields: RuleFields = field(default_factory=RuleFields)
    routes: dict[Key, frozenset[str]] = field(default_factory=dict)
    """The HTTPRoutes of others that each ModelDeployment goes by: their events are of interest."""

    async def reconcile(self, key: Key) -> timedelta:
        """Run one pass; returns when to look again at the latest. Never raises but for cancellation."""
        async with self.slots:
            self.heartbeat.expect(key, self.clock())
            with self.metrics.pass_seconds.time():
                again, result = await self._attempt(key)
        self.metrics.passes.labels(result).inc()
        self.heartbeat.expect(key, self.clock() + again)
        return again

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self.failures.pop(key, None)
        self.routes.pop(key, None)
        self.heartbeat.forget(key)
        self.metrics.forget(key)

    async def release(self, key: Key) -> None:
        """Give routes of others back, before the ModelDeployment goes and its Services with it. Raises KubeError."""
        try:
            deployment = parse(ModelDeployment, await self.kube.get(MODEL_DEPLOYMENT, *key))
        except (NotFoundError, InvalidObjectError):
            return
        await give_back(self.kube, deployment)

    async def _attempt(self, key: Key) -> tuple[timedelta, str]:
        again, longest = _LOOK_AGAIN, _LONGEST_RETRY
        try:
            if raw := await read_deployment(self.kube, *key):
                observed, plan = await self._decide(key, raw)
                again, longest = plan.requeue_after, _longest_retry(observed, plan)
                await self._write(key, raw, observed, plan)
        except InvalidObjectError as error:
            await self._refuse(key, Reason.INVALID_SPEC, str(error))
            return _LOOK_AGAIN, "refused"
        except KubeError as error:
            if not error.retryable:
                await self._refuse(key, Reason.REFUSED, str(error))
                return self._back_off(key, "refused", longest, logging.INFO), "refused"
            # Somebody else was quicker, as kopf with its finalizer is on a new object: nothing to worry about.
            level = logging.INFO if error.status == CONFLICT else logging.WARNING
            return self._back_off(key, str(error), min(longest, _TRANSIENT_RETRY), level), "retried"
        except Exception:
            # A defect of ours must neither end the daemon nor spin: it is logged in full and tried again.
            log.exception("the pass over %s/%s failed", *key)
            return self._back_off(key, "defect", longest), "failed"
        self.failures.pop(key, None)
        return again, "done"

    def _back_off(self, key: Key, why: str, longest: timedelta, level: int = logging.WARNING) -> timedelta:
        failures = self.failures[key] = self.failures.get(key, 0) + 1
        again = min(_FIRST_RETRY * 2.0 ** min(failures - 1, 10), longest)
        again *= random.uniform(0.5, 1)  # noqa: S311 - jitter, not secrecy
        log.log(level, "%s/%s: %s; trying again in %.1f s", *key, why, again.total_seconds())
        return again

    async def _decide(self, key: Key, raw: dict[str, Any]) -> tuple[Observed, Plan]:
        observed = await observe(self.kube, raw, self.rule_fields)
        self.routes[key] = routes_of_others(observed.deployment, observed.live)
        wanted = soundings_wanted(observed, state_of(observed), self.clock().timestamp())
        soundings = await take_soundings(self.http, self.prometheus, wanted)
        return observed, decide(observed, soundings, self.serving_image, self.clock())

    async def _write(self, key: Key, raw: dict[str, Any], observed: Observed, plan: Plan) -> None:
        writer = Writer(self.kube, self.metrics, observed)
        try:
            lost = await self._write_records(writer, plan)
            await self._commit(observed, raw, plan.status)
        except KubeError:
            # Taking traffic away needs no record to be safe; giving it does.
            if plan.retreats:
                await writer.retreat(plan.actions)
            raise
        self._gauge(key, plan.status)
        try:
            await writer.act(without_recordings(plan.actions, lost), retreats=plan.retreats)
        finally:
            await self._tell(observed, plan)
            unanswered = await self._answer(writer, plan)
        if unanswered:
            raise unanswered

    async def _write_records(self, writer: Writer, plan: Plan) -> set[str]:
        """Write all that has to be there before the commit. Returns the ModelRevisions that lost their recording."""
        await writer.act(plan.records)
        lost = await self._archive(writer, plan.recordings)
        for name, status in plan.receipts.items():
            await writer.write_receipts(name, status.model_dump(mode="json", by_alias=True, exclude_none=True))
        return lost

    async def _archive(self, writer: Writer, recordings: Sequence[Action]) -> set[str]:
        """Write recordings. One that is refused is lost: no rollout and no rollback waits for what is only history."""
        lost = set()
        for action in recordings:
            try:
                await writer.act([action])
            except KubeError as error:
                if error.retryable:
                    raise
                log.warning("the recording of %s is lost: %s", action.name, error)
                lost.add(action.name)
        return lost

    async def _commit(self, observed: Observed, raw: dict[str, Any], status: ModelDeploymentStatus) -> None:
        """Write the status, against the very version of the object that the decision was based on."""
        if status == observed.deployment.status:
            return
        await self._write_status(ObjectMeta.model_validate(raw["metadata"]), status)

    async def _write_status(self, metadata: ObjectMeta, status: ModelDeploymentStatus) -> None:
        dumped = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        body = status_body(MODEL_DEPLOYMENT, metadata.namespace, metadata.name, dumped)
        body["metadata"]["resourceVersion"] = metadata.resource_version
        self.metrics.writes.labels(MODEL_DEPLOYMENT.kind).inc()
        await self.kube.apply(MODEL_DEPLOYMENT, body, "status")

    async def _answer(self, writer: Writer, plan: Plan) -> KubeError | None:
        """Write each answer, whatever becomes of the others; the next pass has those that failed. Returns a failure."""
        failure = None
        for name, answer in plan.answers.items():
            try:
                await writer.write_answer(name, answer.model_dump(mode="json", by_alias=True, exclude_none=True))
            except KubeError as error:
                failure = error
        return failure

    async def _tell(self, observed: Observed, plan: Plan) -> None:
        metadata = observed.deployment.metadata
        first = plan.status.rollout.decisions - len(plan.notices) + 1
        for sequence, notice in enumerate(plan.notices, start=first):
            self.metrics.decisions.labels(notice.reason.value).inc()
            log.log(
                logging.WARNING if notice.warning else logging.INFO,
                notice.message,
                extra={"namespace": metadata.namespace, "model": metadata.name, "reason": notice.reason.value},
            )
            # The receipt is kept already; an Event that cannot be posted is not worth failing for.
            with suppress(KubeError):
                await post_event(self.kube, metadata, notice, sequence, self.identity, self.clock())

    async def _refuse(self, key: Key, reason: Reason, message: str) -> None:
        """Say in the status why nothing can be done. What serves is left as it is."""
        log.error("%s", message, extra={"reason": reason.value})
        with suppress(KubeError, ValueError):
            # Read again: this pass may have committed a status before it was refused.
            raw = await read_deployment(self.kube, *key)
            if raw is None:
                return
            metadata = ObjectMeta.model_validate(raw["metadata"])
            previous = ModelDeploymentStatus.model_validate(raw.get("status", {}))
            status = refused_status(previous, metadata.generation, reason, message, self.clock())
            self._gauge(key, status)
            if status != previous:
                await self._write_status(metadata, status)

    def _gauge(self, key: Key, status: ModelDeploymentStatus) -> None:
        ready = [c.status == "True" for c in status.conditions if c.type == ConditionType.READY]
        self.metrics.weight.labels(*key).set(status.weight or 0)
        self.metrics.ready.labels(*key).set(any(ready))


def _longest_retry(observed: Observed, plan: Plan) -> timedelta:
    """What cannot be written is no reason to look less often at a candidate that users may meet, or should not."""
    state = plan.status.rollout
    if state.phase in (*TRIALS, Phase.WATCHING):
        return min(max(plan.requeue_after, _FIRST_RETRY), _LONGEST_RETRY)
    return _UNSETTLED_RETRY if observed.settled(weights(state), mirror(state)) else _LONGEST_RETRY
