"""The sentences that people read."""

from math import log

import pytest

from leadsman.api.checks import PrometheusCheck
from leadsman.api.evidence import ArmTotals, LatencyBound
from leadsman.core.evidence import message
from unit.core.evidence.world import Answers


def arm(answers: Answers) -> ArmTotals:
    return ArmTotals(requests=answers[0], events=answers[1])


@pytest.mark.parametrize(
    ("candidate", "stable", "sentence"),
    [
        ((212, 14), (1930, 3), "errors 14 of 212 at 10 % against 3 of 1,930"),
        ((1, 1), (999, 0), "errors 1 of 1 at 0.1 % against 0 of 999"),
        ((8, 0), (992, 0), "errors 0 of 8 at 0.8 % against 0 of 992"),
        ((500, 0), (500, 0), "errors 0 of 500 at 50 % against 0 of 500"),
        ((40, 9), (0, 0), "errors 9 of 40 against 0 of 0"),
        ((0, 0), (40, 9), "errors 0 of 0 against 9 of 40"),
    ],
)
def test_counts(candidate: Answers, stable: Answers, sentence: str) -> None:
    assert message.against("errors", arm(candidate), arm(stable)) == sentence


def test_latencies_are_told_with_both_bounds() -> None:
    bound = LatencyBound(quantile=0.95, stable=0.1, candidate=1.25, tolerated=0.1)
    sentence = message.against(message.slower(bound), arm((100, 9)), arm((300, 15)), bound)
    assert sentence == "answers beyond p95: 9 of 100 over 1.25 s at 25 % against 15 of 300 over 100 ms"


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (None, ""),
        (14801.3, "; odds 14,801x"),
        (41.2, "; odds 41x"),
        (1.84, "; odds 1.8x"),
        (0.13, "; odds 0.1x"),
        (0.096, "; odds 0.1x"),
        (0.0432, "; odds 0.04x"),
        (0.0011, "; odds 0.001x"),
        (0.0004, "; odds under 0.001x"),
    ],
)
def test_odds(ratio: float | None, words: str) -> None:
    assert message.odds(ratio) == words


@pytest.mark.parametrize(
    ("evidence", "bet"),
    [
        (log(5200), "1 : 5,200"),
        (log(101), "1 : 101"),
        (0.0, "1 : 1"),
        (-5.0, "1 : 1"),
        (log(1e6), "1 : 1,000,000"),
        (log(3e9), "1 : 10^9"),
        (1e5, "1 : 10^43429"),
    ],
)
def test_bets(evidence: float, bet: str) -> None:
    assert message.bet(evidence) == bet


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (45, "45 s"), (119, "119 s"), (120, "2 min"), (700, "12 min"), (7199, "120 min"), (10800, "3 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert message.spoken(seconds) == words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"min": 0.98}, "at least 0.98"),
        ({"max": 3}, "at most 3"),
        ({"min": 0.0, "max": 1e-6}, "at least 0 and at most 1e-06"),
    ],
)
def test_bounds(limits: dict[str, float], words: str) -> None:
    assert message.bounds(PrometheusCheck.model_validate({"name": "n", "query": "q", **limits})) == words


def test_a_rollback_says_why() -> None:
    assert message.harm("errors 14 of 212", log(5200), log(100)) == (
        "errors 14 of 212; evidence 1 : 5,200 at a budget of 1 : 100"
    )


@pytest.mark.parametrize(
    ("needed", "eta", "sentence"),
    [
        (1234, 720, "counts; about 1,234 more requests needed (about 12 min)"),
        (1234, None, "counts; about 1,234 more requests needed"),
        (None, None, "counts; at this rate no number of requests would pass"),
    ],
)
def test_what_a_step_waits_for(needed: int | None, eta: int | None, sentence: str) -> None:
    assert message.progress("counts", needed, eta) == sentence


def test_why_a_step_passes() -> None:
    assert message.passed("counts", log(40)) == "counts; evidence 1 : 40 that this is tolerable"
