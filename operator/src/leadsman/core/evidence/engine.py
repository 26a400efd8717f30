"""One rollout's evidence from look to look."""

from collections.abc import Sequence
from math import exp

from leadsman.api.checks import ErrorRateCheck
from leadsman.api.evidence import ArmTotals, Comparison, Crashes, Difference, Evidence, LatencyBound
from leadsman.core.evidence import agreement, comparison, crashes, difference, dispersion, excess, lives, thresholds
from leadsman.core.evidence.counters import growth
from leadsman.core.evidence.latency import choose_bounds, comparison_name
from leadsman.core.evidence.predictions import choose_class
from leadsman.core.evidence.samples import ArmCounts, Look, Minute, Sight
from leadsman.core.evidence.spec import ERROR_RATE, PREDICTIONS, QUALITY, EvidenceSpec

_RATE_MEMORY_SECONDS = 60.0


def begin(spec: EvidenceSpec, candidate: str, stable: str, now: float, history: Sequence[Minute] = ()) -> Evidence:
    """Return the evidence of a rollout that has seen nothing, begun at `now` (Unix seconds).

    `history` is what the stable revision answered before, minute by minute: how clumped its errors are.
    """
    state = Evidence(candidate=candidate, stable=stable, began=now)
    if spec.error_rate is None:
        return state
    errors = _first_errors(spec.error_rate, history)
    return state.model_copy(update={"comparisons": (errors,)})


def _first_errors(check: ErrorRateCheck, history: Sequence[Minute]) -> Comparison:
    past = ArmTotals(requests=sum(one.requests for one in history), events=sum(one.errors for one in history))
    return comparison.start(ERROR_RATE, check.tolerate).model_copy(
        update={
            "stable_dispersion": dispersion.of_the_past(history),
            "excess": excess.start(check.objective, check.tolerate, past),
        }
    )


def take(spec: EvidenceSpec, state: Evidence, sight: Sight, now: float) -> tuple[Look, Evidence]:
    """Return what is new in `sight`, seen at `now` (Unix seconds), and the evidence with the marks that the next look
    is measured from.

    The look is all that the evidence depends on besides: a rollout can be replayed from its looks. The same sight again
    brings nothing, and neither does one between two requests.
    """
    live = {pod.pod for pod in sight.pods}
    seen = any(sample.revision == state.candidate for sample in sight.samples)
    # While the candidate cannot be read the stable revision's counters wait: what both did is compared look by look,
    # and an outage of both that comes late for the candidate would be its alone.
    new = growth(state, sight.samples if seen else (), live)
    born = lives.observe(state, sight.pods, now)
    # Chosen after the look was counted: no answer that the choice rests on is evidence.
    bounds: tuple[LatencyBound, ...] = ()
    if spec.latency is not None and not state.bounds:
        bounds = choose_bounds(sight.samples, state.stable, spec.latency.tolerate_ratio)
    top_class = state.top_class
    if spec.predictions is not None and top_class is None:
        top_class = choose_class(sight.samples, state.stable)
    look = Look(
        at=now,
        seen=seen,
        candidate=lives.with_lives(new.candidate, born.candidate),
        stable=lives.with_lives(new.stable, born.stable),
        pairs=sight.pairs,
        readings=sight.readings,
        bounds=bounds,
        top_class=top_class if state.top_class is None else None,
    )
    return look, state.model_copy(update={"pods": new.pods, "lives": born.marks})


def absorb(spec: EvidenceSpec, state: Evidence, look: Look) -> Evidence:
    """Return the evidence after a look. It costs some 0.1 ms per comparison; errors are one, latency is four."""
    changes: dict[str, object] = {"unseen_since": _unseen_since(state, look)}
    if look.bounds:
        changes["bounds"] = look.bounds
    if look.top_class is not None:
        changes["top_class"] = look.top_class
    if look.candidate.requests:
        changes |= {
            "rate": _rate(state, look.candidate.requests, look.at),
            "counted_at": look.at,
            "step_requests": state.step_requests + look.candidate.requests,
            "candidate_requests": state.candidate_requests + look.candidate.requests,
            "judged_candidate": state.judged_candidate + look.candidate.requests,
        }
    if look.stable.requests:
        changes["judged_stable"] = state.judged_stable + look.stable.requests
    if _counts(look):
        changes |= {
            "comparisons": _compare(spec, state, look),
            "differences": _differences(spec, state, look),
            "looked_at": look.at,
        }
        if spec.crashes is not None:
            before = state.crashes or Crashes()
            changes["crashes"] = crashes.observe(before, spec.crashes.at_most_per_day, look.candidate, look.stable)
    if spec.agreement is not None and look.pairs.compared:
        changes["agreement"] = agreement.observe(
            state.agreement or agreement.start(spec.agreement.at_least), look.pairs
        )
    if look.readings:
        changes["thresholds"] = thresholds.observe(spec.prometheus, state.thresholds, look.readings, look.at)
    return state.model_copy(update=changes)


def reset_promotion(state: Evidence) -> Evidence:
    """Return the evidence at the start of a step: each owes its own about errors and latency, at its own traffic.

    Harm is not forgotten, nor what does not depend on traffic: answers, quality and predictions. As long as users have
    judged no answer of the candidate, because they have seen none, what they said of stable's meanwhile compares with
    nothing.
    """
    unjudged = not any(one.candidate.requests for one in state.differences if one.name == QUALITY)
    kept = [one for one in state.comparisons if not (unjudged and one.name == QUALITY)]
    changes: dict[str, object] = {"comparisons": tuple(map(comparison.forget_promotion, kept)), "step_requests": 0}
    if unjudged:
        changes |= {
            "differences": tuple(one for one in state.differences if one.name != QUALITY),
            "judged_candidate": 0,
            "judged_stable": 0,
        }
    return state.model_copy(update=changes)


def rate_at(state: Evidence, now: float) -> float:
    """Return the candidate's requests per second; it decays while nothing arrives."""
    idle = max(0.0, now - state.counted_at) if state.counted_at is not None else 0.0
    return state.rate * exp(-idle / _RATE_MEMORY_SECONDS)


def _unseen_since(state: Evidence, look: Look) -> float | None:
    if look.seen:
        return None
    # A clock that was set back must not make silence look short.
    return look.at if state.unseen_since is None else min(state.unseen_since, look.at)


def _counts(look: Look) -> bool:
    """Whether the look brought anything but the passing of time."""
    arms = (look.candidate, look.stable)
    return any(arm.requests or arm.labelled or arm.predicted or arm.crashes for arm in arms)


def _compare(spec: EvidenceSpec, state: Evidence, look: Look) -> tuple[Comparison, ...]:
    """Show the look to every comparison, with those that start with it."""
    comparisons = {one.name: one for one in state.comparisons}
    seconds = 0.0 if state.looked_at is None else look.at - state.looked_at

    def show(name: str, tolerated: float, candidate: ArmTotals, stable: ArmTotals) -> None:
        before = comparisons.get(name) or comparison.start(name, tolerated)
        comparisons[name] = comparison.observe(before, candidate, stable, seconds)

    if spec.error_rate is not None:
        show(ERROR_RATE, spec.error_rate.tolerate, _errors(look.candidate), _errors(look.stable))
    for at, bound in enumerate(state.bounds):
        show(comparison_name(bound), bound.tolerated, _slower(look.candidate, at), _slower(look.stable, at))
    if spec.quality is not None and (look.candidate.labelled or look.stable.labelled):
        show(QUALITY, spec.quality.tolerate, _wrong(look.candidate), _wrong(look.stable))
    return tuple(comparisons.values())


def _differences(spec: EvidenceSpec, state: Evidence, look: Look) -> tuple[Difference, ...]:
    differences = {one.name: one for one in state.differences}

    def show(name: str, candidate: ArmTotals, stable: ArmTotals) -> None:
        if candidate.requests or stable.requests:
            differences[name] = difference.observe(differences.get(name) or difference.start(name), candidate, stable)

    if spec.quality is not None:
        show(QUALITY, _wrong(look.candidate), _wrong(look.stable))
    if spec.predictions is not None:
        show(PREDICTIONS, _top(look.candidate), _top(look.stable))
    return tuple(differences.values())


def _errors(arm: ArmCounts) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.requests, events=arm.errors)


def _slower(arm: ArmCounts, bound: int) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.answered, events=arm.slower[bound] if arm.slower else 0)


def _wrong(arm: ArmCounts) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.labelled, events=arm.wrong)


def _top(arm: ArmCounts) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.predicted, events=arm.top)


def _rate(state: Evidence, requests: int, now: float) -> float:
    """Return the exponentially weighted mean rate, with the requests that came since the last were counted."""
    elapsed = 0.0 if state.counted_at is None else now - state.counted_at
    if elapsed <= 0:
        return state.rate
    if state.rate == 0:
        return requests / elapsed
    share = 1 - exp(-elapsed / _RATE_MEMORY_SECONDS)
    return state.rate + share * (requests / elapsed - state.rate)
