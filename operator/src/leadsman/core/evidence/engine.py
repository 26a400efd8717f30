"""One rollout's evidence from tick to tick."""

from collections.abc import Collection, Sequence
from math import exp

from leadsman.api.evidence import ArmTotals, Comparison, Evidence
from leadsman.core.evidence import comparison
from leadsman.core.evidence.counters import difference
from leadsman.core.evidence.latency import choose_bounds, comparison_name
from leadsman.core.evidence.samples import ArmCounts, PodSample, Tick
from leadsman.core.evidence.spec import ERROR_RATE, EvidenceSpec

_RATE_MEMORY_SECONDS = 60.0


def begin(candidate: str, stable: str, now: float) -> Evidence:
    """Return the evidence of a rollout that has seen nothing, begun at `now` (Unix seconds)."""
    return Evidence(candidate=candidate, stable=stable, began=now)


def update(
    spec: EvidenceSpec, state: Evidence, samples: Sequence[PodSample], live_pods: Collection[str], now: float
) -> Evidence:
    """Return the evidence after one look at the pods, at `now` (Unix seconds).

    `samples` are the counters that could be read, in any order, of any revision; `live_pods` the UIDs of the pods that
    exist. The same samples again change nothing, and neither does a look between two requests. It costs some 0.1 ms per
    comparison; errors are one, latency is four.
    """
    new = difference(state, samples, live_pods)
    changes: dict[str, object] = {"pods": new.pods, "unseen_since": _unseen_since(state, samples, now)}
    if new.tick.candidate.requests or new.tick.stable.requests:
        changes |= {"comparisons": _compare(spec, state, new.tick)}
    if new.tick.candidate.requests:
        changes |= {"rate": _rate(state, new.tick.candidate.requests, now), "counted_at": now}
    if spec.latency is not None and not state.bounds:
        # Chosen after the tick was counted: no answer that the choice rests on is evidence.
        changes |= {"bounds": choose_bounds(samples, state.stable, spec.latency.tolerate_ratio)}
    return state.model_copy(update=changes)


def reset_promotion(state: Evidence) -> Evidence:
    """Return the evidence at the start of a step: each owes its own, at its own traffic. Harm is not forgotten."""
    return state.model_copy(update={"comparisons": tuple(map(comparison.forget_promotion, state.comparisons))})


def rate_at(state: Evidence, now: float) -> float:
    """Return the candidate's requests per second; it decays while nothing arrives."""
    idle = max(0.0, now - state.counted_at) if state.counted_at is not None else 0.0
    return state.rate * exp(-idle / _RATE_MEMORY_SECONDS)


def _compare(spec: EvidenceSpec, state: Evidence, tick: Tick) -> tuple[Comparison, ...]:
    """Show the tick to every comparison, with those that start with it."""
    comparisons = {one.name: one for one in state.comparisons}
    if spec.error_rate is not None:
        errors = comparisons.get(ERROR_RATE) or comparison.start(ERROR_RATE, spec.error_rate.tolerate)
        comparisons[ERROR_RATE] = comparison.observe(errors, _errors(tick.candidate), _errors(tick.stable))
    if spec.latency is not None:
        for at, bound in enumerate(state.bounds):
            name = comparison_name(bound)
            slower = comparisons.get(name) or comparison.start(name, bound.tolerated)
            comparisons[name] = comparison.observe(slower, _slower(tick.candidate, at), _slower(tick.stable, at))
    return tuple(comparisons.values())


def _errors(arm: ArmCounts) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.requests, events=arm.errors)


def _slower(arm: ArmCounts, bound: int) -> ArmTotals:
    return ArmTotals.model_construct(requests=arm.answered, events=arm.slower[bound])


def _unseen_since(state: Evidence, samples: Sequence[PodSample], now: float) -> float | None:
    if any(sample.revision == state.candidate for sample in samples):
        return None
    return now if state.unseen_since is None else state.unseen_since


def _rate(state: Evidence, requests: int, now: float) -> float:
    """Return the exponentially weighted mean rate, with the requests that came since the last were counted."""
    elapsed = 0.0 if state.counted_at is None else now - state.counted_at
    if elapsed <= 0:
        return state.rate
    if state.rate == 0:
        return requests / elapsed
    share = 1 - exp(-elapsed / _RATE_MEMORY_SECONDS)
    return state.rate + share * (requests / elapsed - state.rate)
