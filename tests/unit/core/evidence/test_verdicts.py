"""Each kind of check: its verdict, and the sentence that explains it."""

from dataclasses import replace

import pytest

from leadsman.api.checks import (
    AgreementCheck,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.api.evidence import LatencyBound, Verdict
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Look, Pairs, Reading, judge, verdict
from unit.core.evidence.world import QUIET_DAY, Answers, after, look

PASS, FAIL, COLLECTING, BLIND = Verdict.PASS, Verdict.FAIL, Verdict.COLLECTING, Verdict.BLIND
ERRORS = EvidenceSpec(error_rate=ErrorRateCheck())
OBJECTIVE = EvidenceSpec(error_rate=ErrorRateCheck(objective=0.01))
LATENCY = EvidenceSpec(latency=LatencyCheck())
AGREEMENT = EvidenceSpec(agreement=AgreementCheck(at_least=0.95))
QUALITY = EvidenceSpec(quality=QualityCheck(tolerate=0.1))
PREDICTIONS = EvidenceSpec(predictions=PredictionsCheck(within=0.1))
CRASHES = EvidenceSpec(crashes=CrashesCheck(at_most_per_day=1))
REVENUE = EvidenceSpec(prometheus=(PrometheusCheck(name="revenue", query="q", min=0.98),))


def said(spec: EvidenceSpec, *looks: Look) -> tuple[Verdict, str]:
    """Return the verdict after the looks, and its sentence."""
    state, now = after(spec, *looks), 1000.0
    judgement = judge(spec, state, now)
    assert verdict(spec, state, now) is judgement.verdict
    return judgement.verdict, judgement.message


HEALTHY = [look((20, 0), (180, 1))] * 20
BROKEN = [look((10, 10), (90, 0))] * 2
IN_OUTAGE = look((10, 5), (90, 45))


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([], COLLECTING, id="nothing seen: collecting"),
        pytest.param(HEALTHY[:5], COLLECTING, id="a hundred clean requests do not suffice"),
        pytest.param(HEALTHY, PASS, id="four hundred do"),
        pytest.param(BROKEN[:1], COLLECTING, id="one look alone may be a clump"),
        pytest.param(BROKEN, FAIL, id="two looks with nothing but failures"),
        pytest.param([*HEALTHY, *BROKEN], FAIL, id="a good start is no licence"),
        pytest.param([look((20, 10), (180, 90))] * 20, COLLECTING, id="as bad as stable, which is in trouble: hold"),
        pytest.param([look((20, 0), (0, 0))] * 20, PASS, id="all traffic on the candidate, all well"),
        pytest.param([look((20, 10), (0, 0))] * 20, COLLECTING, id="all traffic on the candidate, nothing to blame"),
    ],
)
def test_error_rate(looks: list[Look], expected: Verdict) -> None:
    assert said(ERRORS, *looks)[0] is expected


def test_as_bad_as_stable_always_was_is_no_worse() -> None:
    bad_day = [replace(minute, errors=100) for minute in QUIET_DAY]
    state = after(ERRORS, *[look((20, 2), (180, 18))] * 20, history=bad_day)
    assert judge(ERRORS, state, 1000.0).verdict is PASS


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param(
            [look((10, 6), (0, 0))] * 8,
            FAIL,
            "errors 48 of 80 against 0 of 0; evidence 1 : ",
            id="stable answers nothing for more than a minute: the objective decides",
        ),
        pytest.param(
            [look((10, 6), (0, 0))] * 6,
            COLLECTING,
            "errors 36 of 60 against 0 of 0",
            id="but not before: it may be an outage of both",
        ),
        pytest.param([look((10, 9), (0, 0))], COLLECTING, "errors 9 of 10 against 0 of 0", id="nor by one look"),
        pytest.param(
            [IN_OUTAGE] * 20,
            COLLECTING,
            "errors 100 of 200 at 10 % against 900 of 1,800; odds 1.0x; the stable revision is in trouble too; ",
            id="both bad: hold, and say so",
        ),
        pytest.param(
            [*[IN_OUTAGE] * 20, *[look((10, 3), (0, 0))] * 20],
            COLLECTING,
            "errors 160 of 400 at 18 % against 900 of 1,800; odds 1.0x; the stable revision is in trouble too; ",
            id="once shared, the objective blames no more",
        ),
        pytest.param(
            [*[IN_OUTAGE] * 3, *BROKEN * 3],
            FAIL,
            "errors 75 of 90 at 10 % against 135 of 810; odds ",
            id="but the comparison of both goes on",
        ),
    ],
)
def test_objective(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(OBJECTIVE, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


BOUNDS = (
    LatencyBound(quantile=0.5, stable=0.05, candidate=0.06, tolerated=0.66),
    LatencyBound(quantile=0.99, stable=1.2, candidate=1.5, tolerated=0.02),
)
FIXED = Look(0.0, bounds=BOUNDS)


def timed(candidate: tuple[int, int, int], stable: tuple[int, int, int]) -> Look:
    """Return a look with (answers, beyond p50, beyond p99) of both revisions."""
    arms = [ArmCounts(requests=arm[0], answered=arm[0], slower=arm[1:]) for arm in (candidate, stable)]
    return Look(0.0, candidate=arms[0], stable=arms[1])


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param(
            [],
            COLLECTING,
            "waiting for enough answers of the stable revision to know its latency",
            id="no bounds yet",
        ),
        pytest.param(
            [FIXED],
            COLLECTING,
            "answers beyond p50: 0 of 0 over 60 ms against 0 of 0 over 50 ms; about ",
            id="a step waits for the middle of the latencies, not for their tail",
        ),
        pytest.param(
            [FIXED, *[timed((20, 10, 0), (180, 90, 2))] * 20],
            PASS,
            "answers beyond p50: 200 of 400 over 60 ms at 10 % against 1,800 of 3,600 over 50 ms; odds 1.0x; evidence ",
            id="as fast",
        ),
        pytest.param(
            [FIXED, *[timed((20, 10, 10), (180, 90, 2))] * 4],
            FAIL,
            "answers beyond p99: 40 of 80 over 1.5 s at 10 % against 8 of 720 over 1.2 s; odds ",
            id="a slow tail",
        ),
    ],
)
def test_latency(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(LATENCY, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


def paired(compared: int, disagreed: int) -> Look:
    return replace(look((compared, 0), (compared, 0)), pairs=Pairs(compared, disagreed))


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param([], COLLECTING, "waiting for answers of both revisions to the same requests", id="none yet"),
        pytest.param([paired(20, 0)] * 2, COLLECTING, "same answers to 40 of 40 requests (at least 0.95", id="too few"),
        pytest.param([paired(100, 1)] * 6, PASS, "same answers to 594 of 600 requests (at least ", id="they agree"),
        pytest.param([paired(50, 15)] * 6, FAIL, "same answers to 210 of 300 requests (at least ", id="they do not"),
    ],
)
def test_agreement(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(AGREEMENT, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


def judged(candidate: Answers, stable: Answers) -> Look:
    """Return a look with 50 requests of each revision, and (judged, wrong) of them."""
    arms = [ArmCounts(50, labelled=one[0], wrong=one[1]) for one in (candidate, stable)]
    return Look(0.0, candidate=arms[0], stable=arms[1])


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param([], COLLECTING, "waiting for feedback: no user has judged an answer yet", id="none yet"),
        pytest.param(
            [judged((20, 2), (20, 2))] * 2,
            COLLECTING,
            "wrong answers 4 of 40 at 50 % against 4 of 40; odds 1.0x; about ",
            id="too few",
        ),
        pytest.param(
            [judged((40, 4), (40, 4))] * 20,
            PASS,
            "wrong answers 80 of 800 at 50 % against 80 of 800; odds 1.0x; evidence 1 : ",
            id="as good",
        ),
        pytest.param(
            [judged((40, 20), (40, 4))] * 4,
            FAIL,
            "wrong answers 80 of 160 at 50 % against 16 of 160; odds ",
            id="wrong half of the time",
        ),
        pytest.param(
            [judged((40, 30), (10, 1))] * 4,
            COLLECTING,
            "users have judged 80.0% of the candidate's answers and 20.0% of the stable revision's: not comparable yet",
            id="no like samples: hold",
        ),
    ],
)
def test_quality(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(QUALITY, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


def predicted(candidate: int, stable: int) -> Look:
    """Return a look with 50 predictions of each revision, and so many of the top class."""
    arms = [ArmCounts(50, predicted=50, top=top) for top in (candidate, stable)]
    return Look(0.0, candidate=arms[0], stable=arms[1])


KNOWN = Look(0.0, top_class="cat")


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param([], COLLECTING, "waiting for predictions of the stable revision", id="no class yet"),
        pytest.param([KNOWN], COLLECTING, "class cat: predicted 0 of 0 against 0 of 0", id="nothing predicted since"),
        pytest.param(
            [KNOWN, *[predicted(27, 26)] * 20],
            PASS,
            "class cat: predicted 540 of 1,000 at 50 % against 520 of 1,000; evidence 1 : ",
            id="two points are within ten",
        ),
        pytest.param(
            [KNOWN, *[predicted(45, 26)] * 20],
            FAIL,
            "class cat: predicted 900 of 1,000 at 50 % against 520 of 1,000; evidence 1 : ",
            id="38 points are not",
        ),
        pytest.param(
            [KNOWN, *[predicted(7, 26)] * 20],
            FAIL,
            "class cat: predicted 140 of 1,000 at 50 % against 520 of 1,000; evidence 1 : ",
            id="neither are 38 points less",
        ),
    ],
)
def test_predictions(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(PREDICTIONS, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


def crashed(candidate: int, stable: int) -> Look:
    """Return a look with so many crashes in ten minutes of pod time, and in twenty of stable's."""
    arms = [ArmCounts(crashes=count, pod_seconds=seconds) for count, seconds in ((candidate, 600), (stable, 1200))]
    return Look(0.0, candidate=arms[0], stable=arms[1])


LIMIT = "(at most 1 a day and pod)"


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param(
            [],
            PASS,
            f"containers ended 0 times in 0 s of pod time against 0 in 0 s {LIMIT}",
            id="a step owes nothing",
        ),
        pytest.param(
            [crashed(1, 0)],
            PASS,
            f"containers ended 1 times in 10 min of pod time against 0 in 20 min {LIMIT}",
            id="one may be chance",
        ),
        pytest.param(
            [crashed(3, 0)],
            FAIL,
            f"containers ended 3 times in 10 min of pod time against 0 in 20 min {LIMIT}; evidence 1 : ",
            id="three in ten minutes",
        ),
        pytest.param(
            [crashed(3, 3)],
            COLLECTING,
            f"containers ended 3 times in 10 min of pod time against 3 in 20 min {LIMIT}; the stable revision's end ",
            id="both: hold, and say so",
        ),
        pytest.param(
            [crashed(0, 3)],
            PASS,
            f"containers ended 0 times in 10 min of pod time against 3 in 20 min {LIMIT}",
            id="stable alone: the candidate may be the cure",
        ),
    ],
)
def test_crashes(looks: list[Look], expected: Verdict, sentence: str) -> None:
    verdict_, message = said(CRASHES, *looks)
    assert verdict_ is expected
    assert message.startswith(sentence)


def told(*values: float | None) -> list[Look]:
    """Return looks that see the candidate all the while; where there is no value it is the server that is silent."""
    return [Look(0.0, readings=(Reading("revenue", value),)) for value in values]


OUTSIDE = "a bound, outside the guarantee"
SILENT = "the Prometheus server gave no number for revenue"


@pytest.mark.parametrize(
    ("looks", "expected", "sentence"),
    [
        pytest.param([], COLLECTING, "waiting for a number of the Prometheus server", id="not asked yet"),
        pytest.param(told(1.0), PASS, f"revenue is 1 (at least 0.98); {OUTSIDE}", id="well"),
        pytest.param(
            told(0.5, 0.5),
            COLLECTING,
            f"revenue is 0.5 (at least 0.98), 2 times in a row out of bounds; {OUTSIDE}",
            id="two of three do not fail",
        ),
        pytest.param(
            told(0.5, 0.5, 0.5),
            FAIL,
            f"revenue is 0.5 (at least 0.98), 3 times in a row out of bounds; {OUTSIDE}",
            id="three do",
        ),
        pytest.param(told(None), BLIND, SILENT, id="no number"),
        pytest.param(told(0.5, 0.5, None), BLIND, SILENT, id="silence does not fail"),
        pytest.param(
            told(0.5, 0.5, None, 0.5),
            FAIL,
            f"revenue is 0.5 (at least 0.98), 3 times in a row out of bounds; {OUTSIDE}",
            id="nor does it excuse",
        ),
        pytest.param(
            told(0.5, 0.5, 0.5, None),
            FAIL,
            f"{SILENT}, after 3 times in a row out of bounds; {OUTSIDE}",
            id="nor pardon",
        ),
        pytest.param(told(0.5, 0.5, 1.0), PASS, f"revenue is 1 (at least 0.98); {OUTSIDE}", id="in a row is in a row"),
    ],
)
def test_prometheus(looks: list[Look], expected: Verdict, sentence: str) -> None:
    assert said(REVENUE, *looks) == (expected, sentence)
