"""From a look to the candidate's evidence and the judgement by it: the same for the operator and for a replay."""

from datetime import datetime

from leadsman.api.evidence import Evidence, Judgement
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Candidate
from leadsman.core import evidence
from leadsman.core.evidence import EvidenceSpec, Look


def spec_of(policy: RolloutPolicySpec) -> EvidenceSpec:
    """What a policy asks of the evidence."""
    return EvidenceSpec.of(policy.false_rollback_rate, policy.checks)


def weigh(candidate: Candidate, before: Evidence, look: Look, now: datetime) -> tuple[Candidate, Judgement]:
    """Add a look to the evidence as it was before it, and judge."""
    spec = spec_of(candidate.policy)
    after = evidence.absorb(spec, before, look)
    judgement = evidence.judge(spec, after, now.timestamp())
    return candidate.model_copy(update={"evidence": after, "checks": judgement.checks}), judgement
