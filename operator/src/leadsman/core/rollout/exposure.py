"""Who gets requests, and copies of them, in a state of the machine; and whose pods are to run."""

from leadsman.api.status import Mode, Phase, RolloutState
from leadsman.core.rollout.steps import step_of
from leadsman.core.situation import Mirror

TRIALS = (Phase.SHADOW, Phase.CANARY, Phase.APPROVAL)
"""The phases in which a candidate is in a step of its policy."""


def weights(state: RolloutState) -> dict[str, int]:
    """Each revision's percent of requests; they sum to 100, or there is nothing to serve yet."""
    if state.stable is None:
        return {}
    share = candidate_weight(state)
    if state.candidate is None or share == 0:
        return {state.stable: 100}
    return {state.stable: 100 - share, state.candidate.revision: share}


def candidate_weight(state: RolloutState) -> int:
    """The candidate's percent of requests. It keeps what it has while it waits for an approval."""
    if state.candidate is None:
        return 0
    if state.phase is Phase.APPROVAL and state.candidate.gate:
        return state.candidate.gate.weight
    return step_of(state.candidate).weight or 0 if state.phase is Phase.CANARY else 0


def mirror(state: RolloutState) -> Mirror | None:
    """Who gets copies of which share of requests: a candidate in a shadow step, or the previous revision in a watch."""
    if state.watch:
        return Mirror(state.watch.previous, state.watch.copies) if state.watch.copies else None
    if state.candidate is None:
        return None
    if state.phase is Phase.APPROVAL and state.candidate.gate:
        copies = state.candidate.gate.copies
        return Mirror(state.candidate.revision, copies) if copies else None
    shadow = step_of(state.candidate).shadow if state.phase is Phase.SHADOW else None
    return Mirror(state.candidate.revision, shadow.percent) if shadow else None


def running(state: RolloutState) -> tuple[str, ...]:
    """The revisions whose pods are to run, stable first; a candidate has none before it has passed its preflight."""
    candidate = state.candidate.revision if state.candidate and state.phase is not Phase.PREFLIGHT else None
    named = (state.stable, candidate, *(entry.revision for entry in state.retiring))
    return tuple(dict.fromkeys(revision for revision in named if revision))


def next_step(mode: Mode, state: RolloutState) -> int | None:
    """The step that comes next for the candidate; None when it is promoted next.

    Where nothing can be compared or split, or evidence is waived, it owes the approvals alone; one that was stable
    before owes nothing.
    """
    candidate = state.candidate
    if candidate is None or candidate.returning:
        return None
    first = candidate.step + 1 if state.phase in TRIALS else 0
    only_approvals = state.stable is None or mode is Mode.SERVICE or candidate.forced is not None
    left = range(first, len(candidate.policy.steps))
    return next((index for index in left if not only_approvals or candidate.policy.steps[index].approval), None)


def next_weight(mode: Mode, state: RolloutState) -> int:
    """The percent of requests that the candidate gets next: it needs the pods for that first."""
    following = next_step(mode, state)
    if state.candidate is None or following is None:
        return 100
    step = state.candidate.policy.steps[following]
    if step.shadow:
        return step.shadow.percent
    return step.weight if step.weight is not None else max(candidate_weight(state), 1)
