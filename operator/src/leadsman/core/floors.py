"""The least number of pods of each revision, below which no autoscaler may go.

While a rollout is under way no revision's own load says what all of the requests need: stable's falls as its share
does, and an autoscaler would take the pods away that a rollback needs within the second. So what carries all of the
requests is kept in the machine's state (`Capacity`), and the floors are functions of that, never of what an autoscaler
made of a floor. It is kept for some time after the rollout, too: a HorizontalPodAutoscaler remembers what it would
have done below its floor, and would do it just when the requests have come back.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from leadsman.api.modeldeployment import Scaling
from leadsman.api.rolloutaction import Verb
from leadsman.api.status import Capacity, Mode, Retiring, RolloutState
from leadsman.core.capacity import needed, next_share
from leadsman.core.rollout import weights
from leadsman.core.situation import Request

# An autoscaler's memory is 5 minutes by default (its stabilization window), and what it sees may be a minute old.
SETTLING = timedelta(minutes=10)


def carrying(scaling: Scaling, state: RolloutState, mode: Mode, replicas: Mapping[str, int], now: datetime) -> int:
    """The pods of one revision that carry all of the requests, as far as is known; 0 before anything is stable.

    `replicas` is what each revision's Deployment is to have. Outside of a rollout stable's own are the measure. In one
    they are not, but what was there when it began is, and more if traffic grew since.
    """
    if state.stable is None:
        return 0
    held = state.capacity
    if held is None or (held.until is not None and now >= held.until):
        return replicas.get(state.stable, 0)
    return max(held.replicas, _grown(scaling, state, mode, replicas))


def _grown(scaling: Scaling, state: RolloutState, mode: Mode, replicas: Mapping[str, int]) -> int:
    """What all of the requests need by the autoscaler that sees most of them; 0 where it wants no more than its floor.

    What stands at its floor says nothing. What stands above is wanted for its share, and the floor that follows is
    where it stands already or higher: it cannot be driven up by itself.
    """
    revision, share = max(weights(state).items(), key=lambda item: item[1])
    current = replicas.get(revision, 0)
    return -(-current * 100 // share) if current > floor(scaling, state, mode, revision) else 0


def hold(
    scaling: Scaling,
    before: RolloutState,
    state: RolloutState,
    carried: int,
    replicas: Mapping[str, int],
    now: datetime,
) -> RolloutState:
    """Keep in the state what the floors are functions of: `carried`, and what each revision had that retires.

    `before` is the state at the start of the pass: a rollout may begin and end in one.
    """
    if scaling.max_replicas is None:
        return _with(state, None, tuple(entry.model_copy(update={"replicas": None}) for entry in state.retiring))
    capacity = _capacity(before, state, min(carried, scaling.max_replicas), now)
    return _with(state, capacity, tuple(_kept(entry, carried, replicas) for entry in state.retiring))


def _capacity(before: RolloutState, state: RolloutState, carried: int, now: datetime) -> Capacity | None:
    if before.stable is None or state.stable is None:
        return None
    if state.candidate is not None:
        return Capacity(replicas=carried)
    if before.candidate is not None or before.stable != state.stable:
        return Capacity(replicas=carried, until=now + SETTLING)
    until = state.capacity.until if state.capacity else None
    return Capacity(replicas=carried, until=until) if until is not None and now < until else None


def _kept(entry: Retiring, carried: int, replicas: Mapping[str, int]) -> Retiring:
    """Who may get all of the requests back is kept for that; who only drains keeps what it has."""
    had = entry.replicas or 0
    if entry.warm:
        return entry.model_copy(update={"replicas": max(had, carried)})
    return entry if had else entry.model_copy(update={"replicas": replicas.get(entry.revision, 0)})


def floor(scaling: Scaling, state: RolloutState, mode: Mode, revision: str) -> int:
    """The least number of pods of a revision that runs; without autoscaling, their number."""
    carried = state.capacity.replicas if state.capacity else 0
    least = [needed(scaling, entry.replicas or 0, 100) for entry in state.retiring if entry.revision == revision]
    if revision == state.stable:
        least.append(needed(scaling, carried, 100))
    if state.candidate and revision == state.candidate.revision:
        least.append(needed(scaling, carried, next_share(state, mode)))
    return max(least, default=scaling.min_replicas)


def owed(
    scaling: Scaling, state: RolloutState, mode: Mode, desired: str, carried: int, asked: Iterable[Request] = ()
) -> int:
    """Ready pods without which the desired revision gets nothing more in this pass.

    Who begins in this very pass may get everything, and so may whoever people have `asked` for.
    """
    on_its_way = state.candidate is not None and state.candidate.wanted == desired
    by_steps = on_its_way and not any(request.verb in (Verb.PROMOTE, Verb.UNDO) for request in asked)
    return needed(scaling, carried, next_share(state, mode) if by_steps else 100)


def _with(state: RolloutState, capacity: Capacity | None, retiring: tuple[Retiring, ...]) -> RolloutState:
    return state.model_copy(update={"capacity": capacity, "retiring": retiring})
