"""One pass in one pure function: from what was observed to everything that is to be written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadsman.api.evidence import Judgement
from leadsman.api.modelrevision import ModelRevisionStatus
from leadsman.api.status import ModelDeploymentStatus, RolloutState
from leadsman.core import evidence
from leadsman.core.desired import Action, child_actions, record_actions
from leadsman.core.history import sum_minutes
from leadsman.core.names import child_name
from leadsman.core.observed import Observed
from leadsman.core.receipts import record
from leadsman.core.recovery import recovered_state
from leadsman.core.revision import revision_hash
from leadsman.core.rollout import Decision, Notice, Situation, candidate_weight, step
from leadsman.core.sight import take_sight
from leadsman.core.soundings import Soundings
from leadsman.core.status import deployment_status


@dataclass(frozen=True)
class Plan:
    """What a pass writes, in this order: records, receipts, status, actions."""

    records: Sequence[Action]
    receipts: dict[str, ModelRevisionStatus]
    """The changed statuses of ModelRevisions, by object name."""
    status: ModelDeploymentStatus
    actions: Sequence[Action]
    notices: Sequence[Notice]
    requeue_after: timedelta
    retreats: bool
    """Traffic only goes back to stable: that needs no record to be safe."""


def state_of(observed: Observed) -> RolloutState:
    """Where the machine stands at the start of a pass."""
    return recovered_state(observed.deployment.status, observed.revisions)


def decide(observed: Observed, soundings: Soundings, serving_image: str, now: datetime) -> Plan:
    """Weigh the evidence, take the machine one step on, and say what has to be written."""
    desired = revision_hash(observed.deployment.spec)
    state, judgement = _weigh(observed, state_of(observed), soundings, now)
    decision = step(
        Situation(
            desired=desired,
            replicas=observed.deployment.spec.scaling.min_replicas,
            mode=observed.mode,
            policy=observed.policy,
            revisions=observed.readiness(),
            judgement=judgement,
            now=now,
        ),
        state,
    )
    return Plan(
        records=record_actions(observed, desired, serving_image, decision.state),
        receipts=_receipts(observed, desired, state, decision, now),
        status=deployment_status(observed, decision, desired, now),
        actions=child_actions(observed, decision.state, decision.weights, decision.mirror),
        notices=decision.notices,
        requeue_after=decision.requeue_after,
        retreats=_retreats(state, decision),
    )


def _retreats(before: RolloutState, decision: Decision) -> bool:
    others = {revision: share for revision, share in decision.weights.items() if revision != before.stable}
    share = candidate_weight(before)
    return before.stable == decision.state.stable and share > sum(others.values())


def _weigh(
    observed: Observed, state: RolloutState, soundings: Soundings, now: datetime
) -> tuple[RolloutState, Judgement | None]:
    """Count what was read into the candidate's evidence; nothing to weigh without two revisions."""
    if state.candidate is None or state.stable is None:
        return state, None
    seconds = now.timestamp()
    policy = state.candidate.policy
    spec = evidence.EvidenceSpec.of(policy.false_rollback_rate, policy.checks)
    before = state.candidate.evidence or evidence.begin(
        spec, state.candidate.revision, state.stable, seconds, sum_minutes(soundings.histories)
    )
    sight, marked = take_sight(observed, soundings, spec, before)
    after = evidence.update(spec, marked, sight, seconds)
    judgement = evidence.judge(spec, after, seconds)
    candidate = state.candidate.model_copy(update={"evidence": after, "checks": judgement.checks})
    return state.model_copy(update={"candidate": candidate}), judgement


def _receipts(
    observed: Observed, desired: str, before: RolloutState, decision: Decision, now: datetime
) -> dict[str, ModelRevisionStatus]:
    numbered = list(enumerate(decision.notices, start=before.decisions + 1))
    # A revision that is only being born has no receipts yet.
    known = {desired: ModelRevisionStatus()} | {hash_: found.status for hash_, found in observed.revisions.items()}
    changed = {}
    for revision, status in known.items():
        own = [(number, notice) for number, notice in numbered if notice.revision == revision]
        digests = (pod.digest for pod in observed.pods_of(revision) if pod.digest)
        after = record(status, own, next(digests, None), now)
        if after != status:
            changed[child_name(observed.deployment.metadata.name, revision)] = after
    return changed
