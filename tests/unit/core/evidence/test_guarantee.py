"""What is promised, simulated: healthy candidates stay, harmful ones go, and no silence promotes.

The runs are few, so that the tests are quick; seeds are fixed, and the bounds allow for three standard deviations. The
whole table is the benchmark's.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    QualityCheck,
)
from leadsman.api.evidence import Verdict
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs, begin, verdict
from unit.core.evidence.world import (
    CANDIDATE,
    EITHER,
    FAIL,
    STABLE,
    Outcome,
    Pod,
    Traffic,
    at_most,
    lognormal,
    outcomes,
    share,
    sight_of,
    update,
    watch,
)

ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
OBJECTIVE = EvidenceSpec(error_rate=ErrorRateCheck(objective=0.005))
POLICIES = pytest.mark.parametrize("spec", [ERRORS, OBJECTIVE], ids=["compared", "with an objective"])


@POLICIES
@pytest.mark.parametrize("clump", [1, 2, 5, 10])
@pytest.mark.parametrize("rps", [0.05, 0.2, 2, 20, 200])
def test_a_healthy_candidate_is_rolled_back_no_more_often_than_agreed(
    spec: EvidenceSpec, rps: float, clump: int
) -> None:
    runs = 16
    assert share(outcomes(spec, Traffic(rps, clump=clump, looks=180), runs), Verdict.FAIL) <= at_most(0.01, runs)


@POLICIES
@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(Traffic(20, looks=120, outage=(18, 54, 0.3)), id="an outage of both"),
        pytest.param(Traffic(2, looks=120, outage=(18, 54, 0.3)), id="an outage of both, two requests a second"),
        pytest.param(
            Traffic(2, (0.5,), looks=120, outage=(18, 54, 0.3)), id="an outage of both, as much traffic for both"
        ),
        pytest.param(Traffic(20, looks=120, hours=0), id="no history"),
        pytest.param(Traffic(20, looks=120, hours=0, clump=5), id="no history of clumps"),
        pytest.param(Traffic(20, looks=120, shadow=True, weights=(1.0,)), id="shadow"),
        pytest.param(
            Traffic(2, (0.5,), candidate_errors=0.02, stable_errors=0.02, looks=180),
            id="both worse than the objective, and always were",
        ),
        pytest.param(
            Traffic(2, (1.0,), candidate_errors=0.02, stable_errors=0.02, shadow=True, looks=180), id="in shadow, too"
        ),
    ],
)
def test_nor_where_it_is_hard_to_tell(spec: EvidenceSpec, traffic: Traffic) -> None:
    runs = 40
    assert share(outcomes(spec, traffic, runs), Verdict.FAIL) <= at_most(0.01, runs)


@pytest.mark.parametrize("hours", [24, 0], ids=["with history", "without"])
@pytest.mark.parametrize("weight", [0.9, 0.95])
def test_nor_in_an_outage_of_both_that_began_before_stable_answered_anything(weight: float, hours: int) -> None:
    runs, looks = 150, 150
    traffic = Traffic(2, (weight,), outage=(0, looks, 0.3), hours=hours, looks=looks, seconds=2)
    assert share(outcomes(OBJECTIVE, traffic, runs), Verdict.FAIL) <= at_most(0.01, runs)


def test_where_stable_answers_nothing_harm_is_found_in_little_more_than_a_minute() -> None:
    results = outcomes(OBJECTIVE, Traffic(2, (1.0,), candidate_errors=0.3, looks=60, seconds=2), 20)
    assert share(results, Verdict.FAIL) == 1.0
    assert median(result.seconds for result in results) <= 75


@POLICIES
def test_nor_in_a_whole_day(spec: EvidenceSpec) -> None:
    runs = 2
    assert share(outcomes(spec, Traffic(20, (0.5,), looks=8640), runs), Verdict.FAIL) == 0


@pytest.mark.parametrize(
    ("traffic", "seconds", "errors"),
    [
        pytest.param(Traffic(2, (0.1,), candidate_errors=1.0, looks=60), 20, 5, id="nothing but errors, 2 rps"),
        pytest.param(Traffic(20, (0.1,), candidate_errors=1.0, looks=60, seconds=2), 6, 10, id="the same, 20 rps"),
        pytest.param(
            Traffic(20, (0.1,), candidate_errors=1.0, stable_errors=0.0, looks=60, seconds=2, hours=0),
            6,
            10,
            id="the same, no history",
        ),
        pytest.param(Traffic(20, (0.1,), candidate_errors=0.05, looks=120), 65, 10, id="5 % errors, 20 rps"),
        pytest.param(Traffic(2, (0.1,), candidate_errors=0.2, looks=120), 150, 6, id="20 % errors, 2 rps"),
        pytest.param(Traffic(20, (1.0,), candidate_errors=0.05, looks=60, shadow=True), 20, 20, id="5 % in shadow"),
    ],
)
@POLICIES
def test_a_harmful_candidate_is_found_soon(spec: EvidenceSpec, traffic: Traffic, seconds: float, errors: int) -> None:
    results = outcomes(spec, traffic, 40)
    assert share(results, Verdict.FAIL) == 1.0
    assert median(result.seconds for result in results) <= seconds
    assert median(result.errors for result in results) <= errors


@pytest.mark.parametrize("rps", [0.2, 2])
def test_looking_often_costs_nothing(rps: float) -> None:
    often, seldom = (
        outcomes(
            ERRORS, Traffic(rps, (0.1,), candidate_errors=1.0, looks=round(600 / (rps * seconds)), seconds=seconds), 20
        )
        for seconds in (1.0, 10.0)
    )
    assert share(often, Verdict.FAIL) == share(seldom, Verdict.FAIL) == 1.0
    assert median(one.seconds for one in often) <= median(one.seconds for one in seldom) + 10


@pytest.mark.parametrize(
    ("traffic", "requests"),
    [
        pytest.param(Traffic(20, (0.1,), candidate_errors=0, stable_errors=0), 270, id="flawless"),
        pytest.param(Traffic(20, (0.1,)), 800, id="one error in two hundred, as stable"),
        pytest.param(
            Traffic(20, (0.3,), candidate_errors=0.1, stable_errors=0.1), 800, id="bad, but no worse than ever"
        ),
    ],
)
def test_a_healthy_candidate_passes_after_some_hundred_requests(traffic: Traffic, requests: int) -> None:
    results = outcomes(ERRORS, traffic, 30, EITHER)
    assert share(results, Verdict.PASS) >= 0.95
    assert median(result.requests for result in results) <= requests


@pytest.mark.parametrize(
    "traffic",
    [
        pytest.param(Traffic(2, (0.5,), candidate_errors=0.02, stable_errors=0.01, looks=180), id="at the boundary"),
        pytest.param(Traffic(20, (0.1,), candidate_errors=0.03, stable_errors=0.005, looks=60), id="beyond it"),
        pytest.param(Traffic(0.2, (0.5,), candidate_errors=0.05, looks=240), id="5 % errors, hardly any traffic"),
    ],
)
def test_an_intolerable_candidate_hardly_ever_passes(traffic: Traffic) -> None:
    runs = 40
    assert share(outcomes(ERRORS, traffic, runs, EITHER), Verdict.PASS) <= at_most(0.05, runs)


LATENCY = EvidenceSpec(latency=LatencyCheck(tolerate_ratio=1.2))


def timed(ratio: float, seed: int, looks: int) -> Outcome:
    """Roll out a candidate that is so many times as slow as stable, at 6 of 20 requests a second."""
    random = np.random.default_rng(seed)
    stable = Pod("s", STABLE, started=-1000.0, latencies=lognormal(0.05))
    candidate = Pod("c", CANDIDATE, latencies=lognormal(0.05 * ratio))
    stable.serve(random, 500)
    state, now = begin(LATENCY, CANDIDATE, STABLE, 0.0), 0.0
    for number in range(looks):
        now = 10.0 * number
        state = update(LATENCY, state, sight_of(candidate, stable), now)
        if verdict(LATENCY, state, now) is Verdict.FAIL:
            return Outcome(Verdict.FAIL, now, candidate.requests, 0)
        candidate.serve(random, int(random.poisson(60)))
        stable.serve(random, int(random.poisson(140)))
    return Outcome(verdict(LATENCY, state, now), now, candidate.requests, 0)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.1, 1.19])
def test_a_candidate_slower_by_less_than_is_tolerated_is_not_rolled_back(ratio: float) -> None:
    assert share([timed(ratio, seed, 60) for seed in range(15)], Verdict.FAIL) == 0


@pytest.mark.parametrize(("ratio", "seconds"), [(1.35, 600), (1.5, 120), (2.0, 40)])
def test_a_candidate_slower_by_more_is_found(ratio: float, seconds: float) -> None:
    results = [timed(ratio, seed, 120) for seed in range(12)]
    assert share(results, Verdict.FAIL) >= 0.9
    assert median(result.seconds for result in results) <= seconds


Draw = Callable[[np.random.Generator], Look]


def drawn(draw: Draw, seed: int, *first: Look, looks: int = 180) -> Iterator[Look]:
    """Yield looks ten seconds apart, each as it is drawn."""
    random = np.random.default_rng(seed)
    yield from first
    for number in range(looks):
        yield replace(draw(random), at=10.0 * (number + 1))


def results(
    spec: EvidenceSpec, draw: Draw, *first: Look, runs: int = 40, until: frozenset[Verdict] = FAIL, looks: int = 180
) -> list[Outcome]:
    fresh = begin(spec, CANDIDATE, STABLE, 0.0)
    return [watch(spec, fresh, drawn(draw, seed, *first, looks=looks), until) for seed in range(runs)]


def pairs(disagree: float, clump: int = 1) -> Draw:
    def draw(random: np.random.Generator) -> Look:
        compared = int(random.poisson(50))
        disagreed = min(compared, int(random.binomial(compared, disagree / clump)) * clump)
        return Look(0.0, candidate=ArmCounts(compared), stable=ArmCounts(compared), pairs=Pairs(compared, disagreed))

    return draw


def judged(candidate: float, stable: float) -> Draw:
    """A third of the answers are judged; the candidate gets a quarter of them."""

    def draw(random: np.random.Generator) -> Look:
        told = [(int(random.poisson(n)), wrong) for n, wrong in ((10, candidate), (30, stable))]
        arms = [ArmCounts(3 * n, labelled=n, wrong=int(random.binomial(n, wrong))) for n, wrong in told]
        return Look(0.0, candidate=arms[0], stable=arms[1])

    return draw


def predicted(candidate: float, stable: float) -> Draw:
    """Both predict more and less of the class as the day goes by."""

    def draw(random: np.random.Generator) -> Look:
        shift = float(random.uniform(-0.2, 0.2))
        sizes = [(int(random.poisson(n)), top + shift) for n, top in ((20, candidate), (60, stable))]
        arms = [ArmCounts(n, predicted=n, top=int(random.binomial(n, top))) for n, top in sizes]
        return Look(0.0, candidate=arms[0], stable=arms[1])

    return draw


def crashing(per_day: float, pods: int = 2) -> Draw:
    def draw(random: np.random.Generator) -> Look:
        crashes, healthy = (int(random.poisson(rate * pods * 10 / 86400)) for rate in (per_day, 1.0))
        arms = [ArmCounts(20, crashes=count, pod_seconds=10.0 * pods) for count in (crashes, healthy)]
        return Look(0.0, candidate=arms[0], stable=arms[1])

    return draw


AGREEMENT = EvidenceSpec(agreement=AgreementCheck(at_least=0.95))
QUALITY = EvidenceSpec(quality=QualityCheck(tolerate=0.1))
PREDICTIONS = EvidenceSpec(predictions=PredictionsCheck(within=0.1))
CRASHES = EvidenceSpec(crashes=CrashesCheck(at_most_per_day=1))
CAT = Look(0.0, top_class="cat")


@pytest.mark.parametrize(
    ("spec", "first", "draw"),
    [
        pytest.param(AGREEMENT, [], pairs(0.05), id="answers differ as often as tolerated"),
        pytest.param(AGREEMENT, [], pairs(0.03, clump=5), id="answers differ in clumps"),
        pytest.param(QUALITY, [], judged(0.2, 0.2), id="a fifth of the answers is wrong, of both"),
        pytest.param(PREDICTIONS, [CAT], predicted(0.6, 0.5), id="predictions differ as much as tolerated"),
        pytest.param(CRASHES, [], crashing(1.0), id="containers end as often as tolerated"),
    ],
)
def test_other_checks_keep_the_promise_too(spec: EvidenceSpec, first: list[Look], draw: Draw) -> None:
    runs = 25
    assert share(results(spec, draw, *first, runs=runs), Verdict.FAIL) <= at_most(0.01, runs)


@pytest.mark.parametrize(
    ("spec", "first", "draw", "seconds"),
    [
        pytest.param(AGREEMENT, [], pairs(0.3), 30, id="a third of the answers differ"),
        pytest.param(AGREEMENT, [], pairs(0.1), 300, id="a tenth of the answers differ"),
        pytest.param(QUALITY, [], judged(0.5, 0.2), 150, id="half of the answers are wrong"),
        pytest.param(PREDICTIONS, [CAT], predicted(0.75, 0.5), 600, id="predictions differ by 25 points"),
        pytest.param(CRASHES, [], crashing(500.0), 300, id="a container ends every few minutes"),
    ],
)
def test_other_checks_find_harm(spec: EvidenceSpec, first: list[Look], draw: Draw, seconds: float) -> None:
    found = results(spec, draw, *first, runs=20)
    assert share(found, Verdict.FAIL) >= 0.95
    assert median(one.seconds for one in found) <= seconds


@pytest.mark.parametrize(
    ("spec", "first", "draw"),
    [
        pytest.param(AGREEMENT, [], pairs(0.05), id="answers differ as often as tolerated"),
        pytest.param(QUALITY, [], judged(0.3, 0.2), id="ten points more are wrong"),
        pytest.param(PREDICTIONS, [CAT], predicted(0.6, 0.5), id="predictions differ by ten points"),
    ],
)
def test_nor_do_they_let_pass_what_is_at_the_boundary(spec: EvidenceSpec, first: list[Look], draw: Draw) -> None:
    runs = 40
    assert share(results(spec, draw, *first, runs=runs, until=EITHER), Verdict.PASS) <= at_most(0.05, runs)


@pytest.mark.parametrize(
    ("spec", "first", "draw", "seconds"),
    [
        pytest.param(AGREEMENT, [], pairs(0.01), 60, id="answers agree"),
        pytest.param(QUALITY, [], judged(0.2, 0.2), 1200, id="as good"),
        pytest.param(PREDICTIONS, [CAT], predicted(0.5, 0.5), 900, id="predictions alike"),
    ],
)
def test_a_candidate_that_is_alike_passes(spec: EvidenceSpec, first: list[Look], draw: Draw, seconds: float) -> None:
    passed = results(spec, draw, *first, runs=20, until=EITHER)
    assert share(passed, Verdict.PASS) >= 0.95
    assert median(one.seconds for one in passed) <= seconds
