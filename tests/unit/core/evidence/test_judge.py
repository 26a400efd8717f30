"""Verdicts and the sentences that explain them."""

from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.api.evidence import Evidence, LatencyBound, Verdict
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs, Reading, judge, verdict
from leadsman.core.evidence.judge import log_needed
from unit.core.evidence.world import EVERYTHING, after, look

PASS, FAIL, COLLECTING, BLIND = Verdict.PASS, Verdict.FAIL, Verdict.COLLECTING, Verdict.BLIND
ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
OBJECTIVE = EvidenceSpec(error_rate=ErrorRateCheck(objective=0.01))
LATENCY = EvidenceSpec(latency=LatencyCheck())
BOTH = EvidenceSpec(error_rate=ErrorRateCheck(), latency=LatencyCheck())
AGREEMENT = EvidenceSpec(agreement=AgreementCheck(at_least=0.95))
QUALITY = EvidenceSpec(quality=QualityCheck(tolerate=0.1))
PREDICTIONS = EvidenceSpec(predictions=PredictionsCheck(within=0.1))
CRASHES = EvidenceSpec(crashes=CrashesCheck(at_most_per_day=1))
REVENUE = EvidenceSpec(prometheus=(PrometheusCheck(name="revenue", query="q", min=0.98),))

HEALTHY = [look((20, 0), (180, 1))] * 20
BROKEN = [look((10, 10), (90, 0))] * 2
IN_OUTAGE = look((10, 5), (90, 45))


def said(spec: EvidenceSpec, *looks: Look, now: float = 1000.0) -> tuple[Verdict, str]:
    """Return the verdict after the looks, and its sentence."""
    state = after(spec, *looks)
    judgement = judge(spec, state, now)
    assert verdict(spec, state, now) is judgement.verdict
    return judgement.verdict, judgement.message


BOUNDS = (
    LatencyBound(quantile=0.5, stable=0.05, candidate=0.06, tolerated=0.66),
    LatencyBound(quantile=0.99, stable=1.2, candidate=1.5, tolerated=0.02),
)


def crashed(candidate: int, seconds: float) -> Look:
    return Look(0.0, candidate=ArmCounts(crashes=candidate, pod_seconds=seconds))


def unseen(state: Evidence, since: float) -> Evidence:
    return state.model_copy(update={"unseen_since": since})


@pytest.mark.parametrize(
    ("looks", "since", "expected"),
    [
        pytest.param(HEALTHY, 970.0, PASS, id="thirty seconds unseen are tolerated"),
        pytest.param(HEALTHY, 969.0, BLIND, id="then silence never promotes"),
        pytest.param(HEALTHY[:5], 969.0, BLIND, id="nor does it collect"),
        pytest.param(BROKEN, 900.0, FAIL, id="harm seen before stays harm"),
    ],
)
def test_blind(looks: list[Look], since: float, expected: Verdict) -> None:
    assert judge(ERRORS, unseen(after(ERRORS, *looks), since), 1000.0).verdict is expected


def test_blind_says_for_how_long() -> None:
    message = judge(ERRORS, unseen(after(ERRORS, *HEALTHY), 700.0), 1000.0).message
    assert message == "no counters of the candidate could be read for 5 min"


def test_a_policy_without_checks_passes() -> None:
    assert said(EvidenceSpec()) == (PASS, "the policy has no checks")


def test_the_least_favourable_check_decides() -> None:
    judgement = judge(BOTH, after(BOTH, *HEALTHY), 1000.0)
    assert judgement.verdict is COLLECTING
    assert [(check.name, check.verdict) for check in judgement.checks] == [("errorRate", PASS), ("latency", COLLECTING)]
    assert judgement.message == "waiting for enough answers of the stable revision to know its latency"


def test_the_check_that_harms_is_named() -> None:
    judgement = judge(BOTH, after(BOTH, *BROKEN), 1000.0)
    assert [check.verdict for check in judgement.checks] == [FAIL, COLLECTING]
    assert judgement.checks[0].harm == 1.0
    assert judgement.message == judgement.checks[0].message


def test_a_check_beside_another_needs_more_evidence() -> None:
    suspicious = [look((10, 1), (90, 1))] * 3
    alone, shared = (judge(spec, after(spec, *suspicious), 100.0).checks[0].harm for spec in (ERRORS, BOTH))
    assert 0 < shared < alone < 1


def test_checks_that_suspect_it_together_can_decide_what_neither_can_alone() -> None:
    spec = EvidenceSpec(error_rate=ErrorRateCheck(), crashes=CrashesCheck())
    errors, crash = [look((20, 2), (180, 2))] * 3, crashed(1, 60.0)
    assert said(spec, *errors)[0] is COLLECTING
    assert said(spec, crash)[0] is COLLECTING
    assert said(spec, *errors, crash)[0] is FAIL


def test_a_receipt_tells_it_in_one_sentence() -> None:
    looks = [look((60, 3), (500, 1)), look((72, 5), (700, 1)), look((80, 6), (730, 1))]
    message = said(ERRORS, *looks)[1]
    counts, odds, evidence = message.split("; ")
    assert counts == "errors 14 of 212 at 10 % against 3 of 1,930"
    assert odds.startswith("odds 4")
    assert odds.endswith("x")
    assert evidence.startswith("evidence 1 : ")
    assert evidence.endswith(" at a budget of 1 : 100")


def test_a_report_has_the_figures_of_its_sentence() -> None:
    (report,) = judge(ERRORS, after(ERRORS, *HEALTHY[:5]), 50.0).checks
    assert (report.candidate.requests, report.stable.events) == (100, 5)
    assert report.quantity == "odds ratio"
    assert report.estimate is not None
    assert 0 < report.promotion < 1
    assert f"about {report.requests_needed:,} more requests needed" in report.message


@pytest.mark.parametrize(("rate", "odds"), [(0.01, 101), (0.05, 21)])
def test_evidence_needed(rate: float, odds: float) -> None:
    assert log_needed(rate) == pytest.approx(log(odds))


def arms(random: st.DrawFn) -> ArmCounts:
    requests = random(st.integers(0, 60))
    errors, labelled = random(st.integers(0, requests)), random(st.integers(0, requests))
    answered = requests - errors
    return ArmCounts(
        requests=requests,
        errors=errors,
        answered=answered,
        slower=(random(st.integers(0, answered)), random(st.integers(0, answered))),
        labelled=labelled,
        wrong=random(st.integers(0, labelled)),
        predicted=requests,
        top=random(st.integers(0, requests)),
        crashes=random(st.sampled_from([0, 0, 0, 1, 3])),
        pod_seconds=random(st.floats(0, 1e5)),
    )


@st.composite
def any_look(random: st.DrawFn) -> Look:
    compared = random(st.integers(0, 40))
    value = random(st.none() | st.floats(0.5, 1.5))
    return Look(
        0.0,
        seen=random(st.booleans()),
        candidate=arms(random),
        stable=arms(random),
        pairs=Pairs(compared, random(st.integers(0, compared))),
        readings=(Reading("revenue", value),),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(any_look(), max_size=5), st.floats(0, 200))
def test_the_cheap_verdict_is_that_of_the_judgement(looks: list[Look], now: float) -> None:
    state = after(EVERYTHING, Look(0.0, bounds=BOUNDS, top_class="cat"), *looks)
    judgement = judge(EVERYTHING, state, now)
    assert verdict(EVERYTHING, state, now) is judgement.verdict
    assert all(0 < len(report.message) <= 512 for report in judgement.checks)
    assert judgement.message in [report.message for report in judgement.checks if report.verdict is judgement.verdict]
