"""What one look costs the operator, with twenty checks."""

import random
import time
from statistics import median

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.api.evidence import LatencyBound
from leadsman.core import evidence
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs, Reading

_NUMBERS = tuple(PrometheusCheck(name=f"number-{index}", query="up", min=0.5) for index in range(14))
_SPEC = EvidenceSpec(
    error_rate=ErrorRateCheck(objective=0.005),
    latency=LatencyCheck(),
    agreement=AgreementCheck(),
    quality=QualityCheck(),
    predictions=PredictionsCheck(),
    crashes=CrashesCheck(),
    prometheus=_NUMBERS,
)
_TAILS = (0.5, 0.1, 0.05, 0.01)
_LOOKS = 200


def measure() -> dict[str, float]:
    """Return the median milliseconds of one look, counting and judging, by requests per second at a 2 s interval."""
    return {f"{rps:g}": round(_look_ms(rps), 3) for rps in (2.0, 20.0, 200.0, 2000.0)}


def _look_ms(rps: float) -> float:
    draw = random.Random(1)  # noqa: S311 - a simulation
    bounds = tuple(
        LatencyBound(quantile=1 - tail, stable=0.05 * at, candidate=0.06 * at, tolerated=min(0.9, 2 * tail))
        for at, tail in enumerate(_TAILS, start=1)
    )
    state = evidence.begin(_SPEC, "candidate", "stable", 0.0)
    state = evidence.absorb(_SPEC, state, Look(at=0.0, bounds=bounds, top_class="yes"))
    taken = []
    for number in range(1, _LOOKS + 1):
        look = Look(
            at=2.0 * number,
            candidate=_arm(draw, round(0.2 * rps)),
            stable=_arm(draw, round(1.8 * rps)),
            pairs=Pairs(round(0.2 * rps), 0),
            readings=tuple(Reading(one.name, 0.9) for one in _NUMBERS),
        )
        began = time.perf_counter()
        state = evidence.absorb(_SPEC, state, look)
        evidence.judge(_SPEC, state, look.at)
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def _arm(draw: random.Random, requests: int) -> ArmCounts:
    def some(share: float) -> int:
        return sum(draw.random() < share for _ in range(requests))

    return ArmCounts(
        requests=requests,
        errors=some(0.005),
        answered=requests,
        slower=tuple(some(tail) for tail in _TAILS),
        labelled=requests // 4,
        wrong=min(requests // 4, some(0.02)),
        predicted=requests,
        top=some(0.7),
        pod_seconds=4.0,
    )
