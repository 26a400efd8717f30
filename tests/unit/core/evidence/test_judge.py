"""Verdicts and the sentences that explain them."""

from math import log

import pytest

from leadsman.api.checks import ErrorRateCheck, LatencyCheck
from leadsman.api.evidence import Evidence, LatencyBound, Verdict
from leadsman.core.evidence import EvidenceSpec, PodSample, begin, judge, update
from leadsman.core.evidence import message as say
from leadsman.core.evidence.judge import log_needed

ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
BOTH = EvidenceSpec(error_rate=ErrorRateCheck(), latency=LatencyCheck())
LIVE = {"s", "c"}

Answers = tuple[int, int]


def watched(*ticks: tuple[Answers, Answers], spec: EvidenceSpec = ERRORS, seconds: float = 10.0) -> Evidence:
    """Return the evidence after ticks of (candidate requests, errors) and (stable requests, errors)."""
    state = begin("v2", "v1", 0.0)
    total = [0, 0, 0, 0]
    for at, (candidate, stable) in enumerate(ticks):
        total = [old + new for old, new in zip(total, (*candidate, *stable), strict=True)]
        samples = [PodSample("c", 1.0, "v2", *total[:2]), PodSample("s", 1.0, "v1", *total[2:])]
        state = update(spec, state, samples, LIVE, (at + 1) * seconds)
    return state


HEALTHY = [((20, 0), (180, 1))] * 20
BROKEN = [((10, 10), (90, 0))] * 2


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        pytest.param(watched(), Verdict.COLLECTING, id="nothing seen: collecting"),
        pytest.param(watched(*HEALTHY[:5]), Verdict.COLLECTING, id="a hundred clean requests do not suffice"),
        pytest.param(watched(*HEALTHY), Verdict.PASS, id="four hundred do"),
        pytest.param(watched(*BROKEN[:1]), Verdict.COLLECTING, id="one look alone may be a clump"),
        pytest.param(watched(*BROKEN), Verdict.FAIL, id="two looks with nothing but failures"),
        pytest.param(watched(*HEALTHY, *BROKEN), Verdict.FAIL, id="a good start is no licence"),
        pytest.param(watched(*[((20, 10), (180, 90))] * 20), Verdict.PASS, id="as bad as stable: no worse than now"),
        pytest.param(watched(*[((20, 2), (180, 18))] * 3), Verdict.COLLECTING, id="both bad and few: collecting"),
        pytest.param(watched(*[((20, 0), (0, 0))] * 20), Verdict.PASS, id="all traffic on the candidate, all well"),
        pytest.param(
            watched(*[((20, 10), (0, 0))] * 20), Verdict.COLLECTING, id="all traffic on the candidate, nothing to blame"
        ),
    ],
)
def test_verdict(state: Evidence, verdict: Verdict) -> None:
    judgement = judge(ERRORS, state, 1000.0)
    assert judgement.verdict is verdict
    assert [check.verdict for check in judgement.checks] == [verdict]
    assert judgement.message == judgement.checks[0].message


def unseen(state: Evidence, since: float) -> Evidence:
    return state.model_copy(update={"unseen_since": since})


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        pytest.param(unseen(watched(*HEALTHY), 970.0), Verdict.PASS, id="thirty seconds unseen are tolerated"),
        pytest.param(unseen(watched(*HEALTHY), 969.0), Verdict.BLIND, id="then silence never promotes"),
        pytest.param(unseen(watched(*HEALTHY[:5]), 969.0), Verdict.BLIND, id="nor does it collect"),
        pytest.param(unseen(watched(*BROKEN), 900.0), Verdict.FAIL, id="harm seen before stays harm"),
    ],
)
def test_blind(state: Evidence, verdict: Verdict) -> None:
    assert judge(ERRORS, state, 1000.0).verdict is verdict


def test_a_policy_without_checks_passes() -> None:
    assert judge(EvidenceSpec(), watched(spec=EvidenceSpec()), 0.0).verdict is Verdict.PASS


def test_the_least_favourable_check_decides() -> None:
    judgement = judge(BOTH, watched(*HEALTHY, spec=BOTH), 1000.0)
    assert judgement.verdict is Verdict.COLLECTING
    assert [(check.name, check.verdict) for check in judgement.checks] == [
        ("errorRate", Verdict.PASS),
        ("latency", Verdict.COLLECTING),
    ]
    assert judgement.message == "waiting for enough answers of the stable revision to know its latency"


def test_the_check_that_harms_is_named() -> None:
    judgement = judge(BOTH, watched(*BROKEN, spec=BOTH), 1000.0)
    assert [check.verdict for check in judgement.checks] == [Verdict.FAIL, Verdict.COLLECTING]
    assert judgement.checks[0].harm == 1.0


def test_a_check_beside_another_needs_more_evidence() -> None:
    suspicious = [((10, 1), (90, 1))] * 3
    alone = judge(ERRORS, watched(*suspicious), 1000.0).checks[0].harm
    shared = judge(BOTH, watched(*suspicious, spec=BOTH), 1000.0).checks[0].harm
    assert 0 < shared < alone <= 1


BOUNDS = (
    LatencyBound(quantile=0.5, stable=0.05, candidate=0.06, tolerated=0.66),
    LatencyBound(quantile=0.99, stable=1.2, candidate=1.5, tolerated=0.02),
)


def test_a_step_waits_for_the_middle_of_the_latencies_not_for_their_tail() -> None:
    state = watched(*HEALTHY, spec=BOTH).model_copy(update={"bounds": BOUNDS})
    report = judge(BOTH, state, 1000.0).checks[1]
    assert report.verdict is Verdict.COLLECTING
    assert report.requests_needed is not None
    assert report.message.startswith("answers beyond p50: 0 of 0 over 60 ms against 0 of 0 over 50 ms; about ")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        pytest.param(
            watched(*BROKEN),
            "errors 20 of 20 against 0 of 180 (odds 14801x); evidence 1 : ",
            id="a rollback gives counts, odds and evidence",
        ),
        pytest.param(watched(*HEALTHY[:2]), "errors 0 of 40 against 2 of 360 (odds 1.8x); about ", id="collecting"),
        pytest.param(
            watched(*[((20, 2), (180, 18))] * 3), "at this rate no number of requests would pass", id="it never may"
        ),
        pytest.param(watched(*HEALTHY), "errors 0 of 400 against 20 of 3,600", id="a pass gives its evidence"),
    ],
)
def test_sentences(state: Evidence, sentence: str) -> None:
    assert sentence in judge(ERRORS, state, 200.0).message


CLEAN = [((20, 0), (180, 0))]


def test_the_forecast_comes_true() -> None:
    judgement = judge(ERRORS, watched(*CLEAN * 5), 50.0)
    (report,) = judgement.checks
    assert report.requests_needed is not None
    assert report.eta_seconds == pytest.approx(report.requests_needed / 2, abs=1)
    forecast = 5 + report.requests_needed / 20
    passed = next(n for n in range(100) if judge(ERRORS, watched(*CLEAN * n), 0.0).verdict is Verdict.PASS)
    assert passed <= forecast + 1


def test_no_eta_without_traffic() -> None:
    (report,) = judge(ERRORS, watched(*HEALTHY[:3]), 1e6).checks
    assert report.requests_needed is not None
    assert report.eta_seconds is None


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s"), (700, "12 min"), (10800, "3 h"), (0, "0 s")])
def test_durations(seconds: float, words: str) -> None:
    assert say.spoken(seconds) == words


@pytest.mark.parametrize(("rate", "odds"), [(0.01, 101), (0.05, 21)])
def test_evidence_needed(rate: float, odds: float) -> None:
    assert log_needed(rate) == pytest.approx(log(odds))
