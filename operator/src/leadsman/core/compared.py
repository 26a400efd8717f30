"""Which two revisions are compared in a state of the machine, and where the evidence is kept."""

from dataclasses import dataclass

from leadsman.api.evidence import CheckReport, Evidence
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Phase, RolloutState
from leadsman.core.rollout.watched import checks_of


@dataclass(frozen=True)
class Compared:
    """A revision that is to show that it is no worse than another, and what by."""

    candidate: str
    stable: str
    policy: RolloutPolicySpec
    evidence: Evidence | None


def compared(state: RolloutState) -> Compared | None:
    """The comparison that is under way; None where there is nothing to compare."""
    if state.watch and state.stable:
        watch, checks = state.watch, checks_of(state.watch)
        policy = watch.policy.model_copy(update={"checks": checks})
        return Compared(state.stable, watch.previous, policy, watch.evidence) if checks else None
    candidate = state.candidate
    if candidate is None or candidate.undoes or state.stable is None or state.phase is Phase.PREFLIGHT:
        return None
    return Compared(candidate.revision, state.stable, candidate.policy, candidate.evidence)


def with_evidence(state: RolloutState, evidence: Evidence, checks: tuple[CheckReport, ...]) -> RolloutState:
    """The state with the evidence of its comparison."""
    update = {"evidence": evidence, "checks": checks}
    if state.watch:
        return state.model_copy(update={"watch": state.watch.model_copy(update=update)})
    if state.candidate is None:
        raise ValueError("there is evidence, but neither a candidate nor a watch")
    return state.model_copy(update={"candidate": state.candidate.model_copy(update=update)})
