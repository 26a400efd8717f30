"""What is promised, simulated: healthy candidates stay, harmful ones go, and no silence promotes.

The runs are few, so that the tests are quick; seeds are fixed, and the bounds allow for three standard deviations.
"""

from math import sqrt
from statistics import median

import pytest

from leadsman.api.checks import ErrorRateCheck, LatencyCheck
from leadsman.api.evidence import Verdict
from leadsman.core.evidence import EvidenceSpec
from unit.core.evidence.world import Outcome, Traffic, lognormal, roll_out

ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
BOTH = EvidenceSpec(error_rate=ErrorRateCheck(), latency=LatencyCheck(tolerate_ratio=1.2))
FAIL = frozenset({Verdict.FAIL})
EITHER = frozenset({Verdict.FAIL, Verdict.PASS})


def outcomes(spec: EvidenceSpec, traffic: Traffic, runs: int, until: frozenset[Verdict] = FAIL) -> list[Outcome]:
    return [roll_out(spec, traffic, seed, until) for seed in range(runs)]


def share(results: list[Outcome], verdict: Verdict) -> float:
    return sum(result.verdict is verdict for result in results) / len(results)


def at_most(rate: float, runs: int) -> float:
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


@pytest.mark.parametrize(
    ("traffic", "runs"),
    [
        pytest.param(Traffic(0.2, looks=240), 60, id="a request every five seconds"),
        pytest.param(Traffic(2, looks=180), 60, id="two requests a second"),
        pytest.param(Traffic(20, looks=120), 60, id="twenty requests a second"),
        pytest.param(Traffic(20, looks=120, clump=2), 60, id="errors in clumps of two"),
        pytest.param(Traffic(20, looks=120, clump=5), 60, id="errors in clumps of five"),
        pytest.param(Traffic(20, looks=120, clump=10), 60, id="errors in clumps of ten"),
        pytest.param(Traffic(20, looks=120, outage=(18, 54, 0.3)), 60, id="an outage of both revisions"),
    ],
)
def test_a_healthy_candidate_is_rolled_back_no_more_often_than_agreed(traffic: Traffic, runs: int) -> None:
    assert share(outcomes(ERRORS, traffic, runs), Verdict.FAIL) <= at_most(0.01, runs)


@pytest.mark.parametrize(
    ("traffic", "seconds", "errors"),
    [
        pytest.param(Traffic(20, (0.1,), candidate_errors=0.05), 120, 20, id="5 % errors, 20 rps: two minutes"),
        pytest.param(Traffic(2, (0.1,), candidate_errors=1.0, seconds=5), 45, 8, id="nothing but errors, 2 rps"),
        pytest.param(Traffic(20, (0.1,), candidate_errors=1.0, seconds=2), 10, 10, id="nothing but errors, 20 rps"),
        pytest.param(Traffic(2, (0.1,), candidate_errors=0.2), 240, 12, id="20 % errors, 2 rps: four minutes"),
    ],
)
def test_a_harmful_candidate_is_found_soon(traffic: Traffic, seconds: float, errors: int) -> None:
    results = outcomes(ERRORS, traffic, 20)
    assert share(results, Verdict.FAIL) == 1.0
    assert median(result.seconds for result in results) <= seconds
    assert median(result.errors for result in results) <= errors


def latencies(ratio: float, looks: int = 60) -> Traffic:
    return Traffic(20, looks=looks, candidate_latency=lognormal(0.05 * ratio), stable_latency=lognormal(0.05))


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.1, 1.19])
def test_a_candidate_slower_by_less_than_is_tolerated_is_not_rolled_back(ratio: float) -> None:
    assert share(outcomes(BOTH, latencies(ratio), 20), Verdict.FAIL) == 0


@pytest.mark.parametrize(("ratio", "seconds"), [(1.3, 600), (1.5, 120), (2.0, 40)])
def test_a_candidate_slower_by_more_is_found(ratio: float, seconds: float) -> None:
    results = outcomes(BOTH, latencies(ratio, looks=180), 12)
    assert share(results, Verdict.FAIL) >= 0.9
    assert median(result.seconds for result in results) <= seconds


@pytest.mark.parametrize(
    ("traffic", "requests"),
    [
        pytest.param(Traffic(20, (0.1,), candidate_errors=0, stable_errors=0), 270, id="flawless"),
        pytest.param(Traffic(20, (0.1,)), 800, id="one error in two hundred, as stable"),
        pytest.param(Traffic(20, (0.3,), candidate_errors=0.1, stable_errors=0.1), 800, id="bad, but so is stable"),
    ],
)
def test_a_healthy_candidate_passes_after_some_hundred_requests(traffic: Traffic, requests: int) -> None:
    results = outcomes(ERRORS, traffic, 20, EITHER)
    assert share(results, Verdict.PASS) >= 0.95
    assert median(result.requests for result in results) <= requests


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(Traffic(2, (0.5,), candidate_errors=0.02, stable_errors=0.01, looks=180), id="at the boundary"),
        pytest.param(Traffic(20, (0.1,), candidate_errors=0.03, stable_errors=0.005, looks=60), id="beyond it"),
    ],
)
def test_an_intolerable_candidate_hardly_ever_passes(traffic: Traffic) -> None:
    runs = 60
    assert share(outcomes(ERRORS, traffic, runs, EITHER), Verdict.PASS) <= at_most(0.05, runs)
