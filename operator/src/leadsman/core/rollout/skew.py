"""Whether requests are split as configured: a sequential test of the candidate's measured share against its weight.

Sticky sessions, a gateway that ignores weights or a route that somebody resets make shares that evidence must not be
gathered by. Each of two e-processes bets against "the candidate's odds of getting a request are at most twice (at least
half) what its weight says": it may be looked at ever again, and exceeds 1,000 by chance in one of 1,000 steps (Ville
1939). A factor of two leaves room for the few callers that go round the gateway. Testers always get the candidate:
where there are any, only whether it gets less is tested.
"""

import math

from leadsman.api.status import Phase, RolloutState, Split
from leadsman.core.rollout.exposure import candidate_weight

_TOLERATED = 2.0
_ALTERNATIVES = (1.5, 2.0, 4.0, 16.0)
"""How many times as far off as tolerated the odds may be; the evidence is the mean over them."""
_BUDGET = math.log(1000)


def counted(split: Split, weight: int, to_candidate: int, to_stable: int, *, testers: bool = False) -> Split:
    """Add requests that came while the candidate had a weight of 1 to 99 percent, and testers got it besides."""
    if to_candidate + to_stable == 0:
        return split
    odds = weight / (100 - weight)
    return Split(
        requests=split.requests + to_candidate + to_stable,
        candidate=split.candidate + to_candidate,
        more=() if testers else _bets(split.more, odds * _TOLERATED, 1, to_candidate, to_stable),
        less=_bets(split.less, odds / _TOLERATED, -1, to_candidate, to_stable),
    )


def skew_of(state: RolloutState) -> str:
    """How the split disagrees with the candidate's weight, in one sentence; empty while that is not shown."""
    if state.candidate is None or state.phase not in (Phase.CANARY, Phase.APPROVAL):
        return ""
    split = state.candidate.split
    if max(_evidence(split.more), _evidence(split.less)) < _BUDGET:
        return ""
    share = 100 * split.candidate / split.requests
    return (
        f"requests are not split as configured: {split.candidate:,} of {split.requests:,} ({share:.3g} %) went to "
        f"revision {state.candidate.revision}, whose weight is {candidate_weight(state)} %; look for sticky sessions, "
        "callers that go round the gateway, and others who write the route"
    )


def _bets(logs: tuple[float, ...], bound: float, sign: int, to_candidate: int, to_stable: int) -> tuple[float, ...]:
    """The logarithms of the likelihood ratios, each alternative against the bound, with the new requests."""
    ratios = [_step(bound, bound * factor**sign, to_candidate, to_stable) for factor in _ALTERNATIVES]
    return tuple(before + ratio for before, ratio in zip(logs or (0.0,) * len(ratios), ratios, strict=True))


def _step(null: float, alternative: float, to_candidate: int, to_stable: int) -> float:
    """The log likelihood ratio of two odds for the requests of one look."""
    both = math.log1p(null) - math.log1p(alternative)
    return to_candidate * math.log(alternative / null) + (to_candidate + to_stable) * both


def _evidence(logs: tuple[float, ...]) -> float:
    """The logarithm of the mean of the bets."""
    if not logs:
        return 0.0
    largest = max(logs)
    return largest + math.log(sum(math.exp(one - largest) for one in logs) / len(logs))
