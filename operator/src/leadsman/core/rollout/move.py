"""What the parts of the machine have in common: a move is the state after it, and what is said about it."""

from leadsman.api.evidence import CheckReport, Verdict
from leadsman.api.status import Candidate, RolloutState
from leadsman.core.situation import Notice

Move = tuple[RolloutState, tuple[Notice, ...]]


def candidate_of(state: RolloutState) -> Candidate:
    """The candidate. Raises ValueError for a state that no machine can have written."""
    if state.candidate is None:
        raise ValueError("the machine is in a phase that has a candidate, but the state names none")
    return state.candidate


def changed(state: RolloutState, **changes: object) -> RolloutState:
    """The state with changes."""
    return state.model_copy(update=changes)


def with_candidate(state: RolloutState, **changes: object) -> RolloutState:
    """The state with changes of its candidate."""
    return changed(state, candidate=candidate_of(state).model_copy(update=changes))


def found(checks: tuple[CheckReport, ...]) -> str:
    """How all checks stand, in words."""
    return "; ".join(report.message for report in checks)


def failed_checks(checks: tuple[CheckReport, ...]) -> str:
    """Which checks show harm, in words."""
    return (
        "; ".join(report.message for report in checks if report.verdict is Verdict.FAIL) or "the checks together failed"
    )
