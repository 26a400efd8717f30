"""How many more requests a step needs: told so that it comes true."""

from dataclasses import replace

import pytest

from leadsman.api.checks import AgreementCheck, ErrorRateCheck, PredictionsCheck, QualityCheck
from leadsman.api.evidence import CheckReport, Verdict
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs, judge, verdict
from unit.core.evidence.world import after, look

CLASSES = Look(0.0, top_class="cat")
ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
AGREEMENT = EvidenceSpec(agreement=AgreementCheck())
QUALITY = EvidenceSpec(quality=QualityCheck(tolerate=0.1))
PREDICTIONS = EvidenceSpec(predictions=PredictionsCheck())

CLEAN = look((20, 0), (180, 0))
AGREED = replace(look((20, 0), (20, 0)), pairs=Pairs(20, 0))
HALF_PAIRED = replace(look((40, 0), (40, 0)), pairs=Pairs(20, 0))
JUDGED = Look(0.0, candidate=ArmCounts(100, labelled=10, wrong=2), stable=ArmCounts(300, labelled=30, wrong=6))
"""One answer in ten is judged."""
PREDICTED = Look(0.0, candidate=ArmCounts(20, predicted=40, top=20), stable=ArmCounts(20, predicted=40, top=20))
"""Each request asks for two predictions."""


def report(spec: EvidenceSpec, *looks: Look) -> CheckReport:
    return judge(spec, after(spec, *looks), 10.0 * len(looks)).checks[0]


@pytest.mark.parametrize(
    ("spec", "first", "one", "seen"),
    [
        pytest.param(ERRORS, [], CLEAN, 5, id="errors"),
        pytest.param(AGREEMENT, [], AGREED, 2, id="answers to the same requests"),
        pytest.param(AGREEMENT, [], HALF_PAIRED, 3, id="of which only every other can be told apart"),
        pytest.param(QUALITY, [], JUDGED, 5, id="feedback, which few requests bring"),
        pytest.param(PREDICTIONS, [CLASSES], PREDICTED, 5, id="predictions, of which a request brings many"),
    ],
)
def test_the_forecast_comes_true(spec: EvidenceSpec, first: list[Look], one: Look, seen: int) -> None:
    told = report(spec, *first, *[one] * seen)
    assert told.verdict is Verdict.COLLECTING
    assert told.requests_needed is not None
    assert told.eta_seconds == pytest.approx(told.requests_needed * 10 / one.candidate.requests, abs=1)
    looks = next(n for n in range(1000) if verdict(spec, after(spec, *first, *[one] * n), 10.0 * n) is Verdict.PASS)
    assert looks == pytest.approx(seen + told.requests_needed / one.candidate.requests, abs=1.01, rel=0.15)


@pytest.mark.parametrize(
    ("spec", "looks"),
    [
        pytest.param(ERRORS, [look((20, 2), (180, 18))] * 3, id="errors beyond what is tolerated"),
        pytest.param(AGREEMENT, [replace(AGREED, pairs=Pairs(20, 2))] * 5, id="a tenth of the answers differ"),
        pytest.param(
            QUALITY,
            [Look(0.0, candidate=ArmCounts(30, labelled=30, wrong=9), stable=ArmCounts(30, labelled=30, wrong=5))] * 3,
            id="wrong a little too often",
        ),
    ],
)
def test_what_never_suffices_is_said(spec: EvidenceSpec, looks: list[Look]) -> None:
    told = report(spec, *looks)
    assert told.requests_needed is told.eta_seconds is None
    assert told.message.endswith("; at this rate no number of requests would pass")


def test_what_suffices_needs_nothing_more() -> None:
    told = report(ERRORS, *[CLEAN] * 20)
    assert (told.verdict, told.requests_needed, told.eta_seconds) == (Verdict.PASS, 0, 0)


def test_no_time_is_told_without_traffic() -> None:
    state = after(ERRORS, *[CLEAN] * 3)
    (told,) = judge(ERRORS, state, 1e6).checks
    assert told.requests_needed is not None
    assert told.eta_seconds is None


def test_without_a_pair_it_is_unknown_how_many_requests_make_one() -> None:
    told = report(AGREEMENT, look((20, 0), (20, 0)))
    assert told.requests_needed is told.eta_seconds is None
    assert told.message == "waiting for answers of both revisions to the same requests"


def test_half_of_the_feedback_missing_is_unknown() -> None:
    waiting = Look(0.0, candidate=ArmCounts(20, labelled=5), stable=ArmCounts(20))
    assert report(QUALITY, waiting).requests_needed is None
