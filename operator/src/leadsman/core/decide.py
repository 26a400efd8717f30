"""One pass in one pure function: from what was observed to everything that is to be written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from leadsman.api.evidence import Evidence, Judgement
from leadsman.api.modelrevision import ModelRevisionStatus
from leadsman.api.rolloutaction import RolloutActionStatus
from leadsman.api.status import ModelDeploymentStatus, RolloutState
from leadsman.core import evidence
from leadsman.core.actions import answers, author_of, proved, requests
from leadsman.core.archive import archive
from leadsman.core.compared import compared
from leadsman.core.desired import Action, child_actions, pin_digest, record_actions
from leadsman.core.evidence import Look
from leadsman.core.floors import carrying, hold, owed
from leadsman.core.follow import Followed, follow, named_revision
from leadsman.core.history import sum_minutes
from leadsman.core.names import child_name
from leadsman.core.observed import Observed
from leadsman.core.preflight import Finding, find_preflight, wanted_preflight
from leadsman.core.receipts import Basis, record
from leadsman.core.recording import Pass, keep
from leadsman.core.recovery import recovered_state
from leadsman.core.rollout import RESYNC, candidate_weight, mirror, step, weights
from leadsman.core.sight import take_sight
from leadsman.core.situation import Decision, Notice, Situation
from leadsman.core.soundings import Soundings
from leadsman.core.status import deployment_status
from leadsman.core.variables import LOOK_AGAIN
from leadsman.core.weighing import spec_of, weigh


@dataclass(frozen=True)
class Plan:
    """What a pass writes, in this order: records, recordings, receipts, status, actions, answers."""

    records: Sequence[Action]
    recordings: Sequence[Action]
    """What the rollout has seen, put onto its ModelRevision. Nothing depends on it: a rollback least of all."""
    receipts: dict[str, ModelRevisionStatus]
    """The changed statuses of ModelRevisions, by object name."""
    status: ModelDeploymentStatus
    actions: Sequence[Action]
    answers: Mapping[str, RolloutActionStatus]
    """What became of RolloutActions, by name. Last: a webhook that refuses one holds up no traffic."""
    notices: Sequence[Notice]
    requeue_after: timedelta
    retreats: bool
    """Traffic only goes back to stable: that needs no record to be safe."""


def state_of(observed: Observed) -> RolloutState:
    """Where the machine stands at the start of a pass."""
    return recovered_state(observed.deployment.status, observed.revisions)


def decide(observed: Observed, soundings: Soundings, serving_image: str, now: datetime) -> Plan:
    """Weigh the evidence, take the machine one step on, and say what has to be written."""
    before = state_of(observed)
    followed = follow(observed, serving_image, now)
    observed = followed.observed
    desired = named_revision(observed, before)
    if desired is None:
        return _nothing_named(followed, before, now)
    found = find_preflight(observed, before, desired, now)
    unsettled = observed.settled(weights(before), mirror(before))
    weighed = _weigh(observed, before, soundings, now, settled=not unsettled)
    scaling, replicas = observed.deployment.spec.scaling, observed.replicas()
    carried = carrying(scaling, before, observed.mode, replicas, now)
    asked = requests(observed.actions, before.acted)
    situation = Situation(
        desired=desired,
        replicas=owed(scaling, before, observed.mode, desired, carried, asked),
        mode=observed.mode,
        policy=observed.policy,
        revisions=observed.readiness(),
        now=now,
        judgement=weighed.judgement,
        preflight=found.preflight,
        unsettled=unsettled,
        lags=observed.lags(weights(before), mirror(before)),
        author=author_of(observed.deployment),
        requests=asked,
        proved=proved(observed.revisions),
        testers=observed.deployment.spec.traffic.testers is not None,
    )
    decision = step(situation, weighed.state)
    digests = _digests(observed) | ({desired: found.report.digest} if found.report and found.report.digest else {})
    model = observed.deployment.metadata.name
    kept = keep(Pass(model, before, situation, decision, weighed.look, weighed.begun, digests))
    decision = replace(decision, state=hold(scaling, before, kept.state, carried, replicas, now))
    pins, pinned = _pin(observed, desired, found)
    recordings, recorded = archive(pinned, kept.flushes)
    return Plan(
        records=[*record_actions(observed, desired, serving_image, decision.state), *pins],
        recordings=recordings,
        receipts=_receipts(observed, situation, before, decision, digests, found),
        status=deployment_status(observed, decision, desired, now),
        actions=child_actions(
            recorded, decision.state, decision.weights, decision.mirror, _jobs(recorded, decision.state, followed)
        ),
        answers=answers(observed.actions, decision.state.acted),
        notices=decision.notices,
        requeue_after=_again(followed, decision),
        retreats=_retreats(before, decision),
    )


def _nothing_named(followed: Followed, state: RolloutState, now: datetime) -> Plan:
    """A reference is not resolved, or a value not known, and nothing was there before: there is only to be looked."""
    observed = followed.observed
    decision = Decision(state, weights(state), None, (), RESYNC)
    return Plan(
        records=(),
        recordings=(),
        receipts={},
        status=deployment_status(observed, decision, "", now),
        actions=child_actions(observed, state, decision.weights, None, _jobs(observed, state, followed)),
        answers={},
        notices=(),
        requeue_after=_again(followed, decision),
        retreats=False,
    )


def _again(followed: Followed, decision: Decision) -> timedelta:
    asked = [decision.requeue_after, followed.again, LOOK_AGAIN if followed.observed.reads_config_maps else None]
    return min(wait for wait in asked if wait is not None)


def _pin(observed: Observed, desired: str, found: Finding) -> tuple[list[Action], Observed]:
    report = found.report
    if report is None or not report.passed or report.digest is None:
        return [], observed
    return pin_digest(observed, desired, report.digest)


def _jobs(observed: Observed, state: RolloutState, followed: Followed) -> list[dict[str, Any]]:
    return [job for job in (wanted_preflight(observed, state), followed.job) if job]


def _retreats(before: RolloutState, decision: Decision) -> bool:
    if before.watch and decision.state.stable == before.watch.previous:
        return True
    others = {revision: share for revision, share in decision.weights.items() if revision != before.stable}
    share = candidate_weight(before)
    return before.stable == decision.state.stable and share > sum(others.values())


@dataclass(frozen=True)
class _Weighed:
    """The state with the evidence after the look, and what that amounts to. `begun` is the evidence if it is new."""

    state: RolloutState
    judgement: Judgement | None = None
    look: Look | None = None
    begun: Evidence | None = None


def _weigh(observed: Observed, state: RolloutState, soundings: Soundings, now: datetime, *, settled: bool) -> _Weighed:
    """Count what was read into the evidence; nothing to weigh without two revisions."""
    pair = compared(state)
    if pair is None:
        return _Weighed(state)
    seconds = now.timestamp()
    spec = spec_of(pair.policy)
    before = pair.evidence or evidence.begin(
        spec, pair.candidate, pair.stable, seconds, sum_minutes(soundings.histories)
    )
    sight, counted = take_sight(observed, soundings, spec, before)
    look, marked = evidence.take(spec, counted, sight, seconds)
    begun = None if pair.evidence else before
    testers = observed.deployment.spec.traffic.testers is not None
    state, judgement = weigh(state, pair, marked, look, now, settled=settled, testers=testers)
    return _Weighed(state, judgement, look, begun)


def _digests(observed: Observed) -> dict[str, str]:
    """The digests of the models, by revision, as the pods tell them or have told them before."""
    told = {revision: found.status.digest for revision, found in observed.revisions.items()}
    told |= {pod.revision: pod.digest for pod in reversed(observed.pods) if pod.digest}
    return {revision: digest for revision, digest in told.items() if digest}


def _receipts(
    observed: Observed,
    situation: Situation,
    before: RolloutState,
    decision: Decision,
    digests: Mapping[str, str],
    found: Finding,
) -> dict[str, ModelRevisionStatus]:
    numbered = list(enumerate(decision.notices, start=before.decisions + 1))
    # A revision that is only being born has no receipts yet.
    born = {situation.desired: ModelRevisionStatus()}
    candidate = before.candidate
    changed = {}
    for revision, status in (born | {hash_: found.status for hash_, found in observed.revisions.items()}).items():
        own = [(number, notice) for number, notice in numbered if notice.revision == revision]
        on_trial = candidate is not None and candidate.revision == revision
        basis = Basis(
            stable=before.stable,
            policy=candidate.policy if candidate and on_trial else situation.policy,
            digest=digests.get(revision),
            stable_digest=digests.get(before.stable or ""),
        )
        after = record(status, own, basis, situation.now)
        if revision == situation.desired and found.is_new:
            after = after.model_copy(update={"preflight": found.report})
        if after != status:
            changed[child_name(observed.deployment.metadata.name, revision)] = after
    return changed
