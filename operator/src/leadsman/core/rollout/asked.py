"""What the verbs of people have in common: whom a request speaks of, how it is refused, and what is said of it."""

from leadsman.api.conditions import Reason
from leadsman.api.status import Candidate, RolloutState
from leadsman.core.rollout.exposure import candidate_weight
from leadsman.core.rollout.move import candidate_of
from leadsman.core.situation import Notice, Request, Situation


class RefusedError(Exception):
    """What was asked for cannot be done; the message is the sentence that people read."""


def candidate_named(state: RolloutState, request: Request) -> Candidate:
    """The candidate, if it is the one that the request speaks of. Raises RefusedError."""
    if state.candidate is None:
        raise RefusedError("no rollout is under way")
    if state.candidate.revision != request.revision:
        raise RefusedError(
            f"this is void: it speaks of revision {request.revision}, the candidate is {state.candidate.revision}"
        )
    return state.candidate


def subject_of(situation: Situation, state: RolloutState) -> str:
    """The revision that a word about the whole rollout is about."""
    return candidate_of(state).revision if state.candidate else state.stable or situation.desired


def notice_of(
    state: RolloutState,
    revision: str,
    reason: Reason,
    message: str,
    request: Request,
    *,
    weight: int | None = None,
    after: int | None = None,
) -> Notice:
    """What is said of a revision because somebody asked; its weight is as it was, but for what is given."""
    on_trial = state.candidate is not None and state.candidate.revision == revision
    share = candidate_weight(state) if on_trial else 100 if revision == state.stable else 0
    before = share if weight is None else weight
    return Notice(
        revision=revision,
        reason=reason,
        message=message,
        weight_before=before,
        weight_after=before if after is None else after,
        checks=state.candidate.checks if on_trial and state.candidate else (),
        by=request.user,
        action=request.name,
    )


def who_asks(request: Request) -> str:
    """Who asks, for a sentence."""
    return request.user or "somebody"


def because(request: Request) -> str:
    """Why they ask, for a sentence's end."""
    return f": {request.reason}" if request.reason else ""
