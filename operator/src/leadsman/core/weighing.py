"""From a look to the evidence and the judgement by it: the same for the operator and for a replay."""

from datetime import datetime, timedelta

from leadsman.api.evidence import Evidence, Judgement
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import RolloutState
from leadsman.core import evidence
from leadsman.core.compared import Compared, with_evidence
from leadsman.core.evidence import EvidenceSpec, Look
from leadsman.core.rollout import candidate_weight
from leadsman.core.rollout.disturbed import disturbance_of
from leadsman.core.rollout.skew import counted

# What is under way when a step begins still goes by the weights of before.
_SETTLING = timedelta(seconds=10)


def spec_of(policy: RolloutPolicySpec) -> EvidenceSpec:
    """What a policy asks of the evidence."""
    return EvidenceSpec.of(policy.false_rollback_rate, policy.checks)


def weigh(
    state: RolloutState,
    pair: Compared,
    before: Evidence,
    look: Look,
    now: datetime,
    *,
    settled: bool = True,
    testers: bool = False,
) -> tuple[RolloutState, Judgement]:
    """Add a look to the evidence as it was before it, and judge.

    `settled` says whether requests go as the state wants it: only then their split says something. `testers` get the
    candidate besides.
    """
    spec = spec_of(pair.policy)
    after = evidence.absorb(spec, before, look)
    judgement = evidence.judge(spec, after, now.timestamp())
    state = with_evidence(state, after, judgement.checks)
    return (_with_split(state, look, now, testers=testers) if settled else state), judgement


def _with_split(state: RolloutState, look: Look, now: datetime, *, testers: bool) -> RolloutState:
    candidate, weight = state.candidate, candidate_weight(state)
    began = candidate.step_started_at if candidate else None
    if candidate is None or began is None or not 0 < weight < 100 or now - began < _SETTLING:
        return state
    # Between two looks it went as decided only if both have found it so.
    if candidate.unsettled_since is not None or disturbance_of(candidate, now):
        return state
    split = counted(candidate.split, weight, look.candidate.requests, look.stable.requests, testers=testers)
    return state.model_copy(update={"candidate": candidate.model_copy(update={"split": split})})
