"""What times come to: medians that are sure within so much, and verdicts that noise does not make."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman_serving.preflight.figures import estimate, percentile
from leadsman_serving.preflight.judge import judge
from leadsman_serving.preflight.measured import Batch, Demands, Files, Measured, Model, Signed, Times, Trial
from leadsman_serving.signature import Signature

_DIGEST = "sha256:" + "a" * 64


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=60))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    told = estimate(values)
    assert told.low <= told.middle <= told.high
    assert told.middle == median(values)
    assert percentile(values, 0.99) in values


def test_below_eight_values_nothing_is_sure() -> None:
    assert estimate([1.0] * 7).low == 0.0
    assert estimate([1.0] * 8).low == 1.0


def test_the_true_median_is_in_the_interval_as_often_as_promised() -> None:
    draw = random.Random(5)
    missed = 0
    for _ in range(2000):
        told = estimate([draw.expovariate(1) for _ in range(20)])
        missed += not told.low <= 0.6931 <= told.high
    assert missed <= 0.01 * 2000 + 3 * (2000 * 0.01 * 0.99) ** 0.5


def _measured(candidate: list[float], stable: list[float]) -> Measured:
    times = Times(1, tuple((each,) for each in candidate), tuple((each,) for each in stable))
    mine, other = Files(_DIGEST, 1), Files("sha256:" + "b" * 64, 1)
    trial = Trial(seconds=0.1, signature=Signature((), ()), batch=Batch(1, made_up=True), peak=1 << 20)
    return Measured(Model(mine, trial), Signed.NOT_ASKED, Model(other, trial), times=(times,))


def _latency(measured: Measured, **demands: float) -> tuple[str, str]:
    report = judge(measured, Demands(**demands))  # type: ignore[arg-type]
    (check,) = (check for check in report.checks if check.name == "latency")
    return check.verdict, check.message


def test_noise_alone_fails_nobody() -> None:
    """The same model on both sides, on a machine that stops for a while now and then."""
    draw = random.Random(11)
    failed = 0
    for _ in range(500):
        sides = ([draw.lognormvariate(-6, 0.5) * (20 if draw.random() < 0.1 else 1) for _ in range(20)] for _ in "cs")
        failed += _latency(_measured(*sides), latency_ratio=1.1)[0] == "Fail"
    assert failed <= 5


def test_twice_the_time_fails_in_spite_of_noise() -> None:
    draw = random.Random(12)
    failed = 0
    for _ in range(200):
        shared = [draw.lognormvariate(-6, 1) for _ in range(30)]
        candidate = [2 * each * draw.lognormvariate(0, 0.1) for each in shared]
        failed += _latency(_measured(candidate, shared), latency_ratio=1.2)[0] == "Fail"
    assert failed >= 190


RULES: dict[str, tuple[list[float], list[float], dict[str, float], str, str]] = {
    "no limit": ([0.010] * 8, [0.001] * 8, {}, "Pass", "ratio 10.00"),
    "within the ratio": ([0.0011] * 8, [0.001] * 8, {"latency_ratio": 1.2}, "Pass", "ratio 1.10"),
    "beyond the ratio": ([0.002] * 8, [0.001] * 8, {"latency_ratio": 1.2}, "Fail", "2 times as long as stable's"),
    "beyond the ratio, but not surely": (
        [0.002] * 5 + [0.001] * 3,
        [0.001] * 8,
        {"latency_ratio": 1.2},
        "Warn",
        "may be noise",
    ),
    "beyond the ratio, in too few rounds": ([0.002] * 3, [0.001] * 3, {"latency_ratio": 1.2}, "Warn", "may be noise"),
    "within the limit": ([0.010] * 8, [], {"max_latency": 11}, "Pass", "p50 10 ms"),
    "beyond the limit": ([0.012] * 8, [], {"max_latency": 11}, "Fail", "takes 12 ms in the median, and 11 ms are"),
    "compared as asked, with nothing to compare": ([0.01] * 8, [], {"latency_ratio": 2}, "Fail", "could not be timed"),
}


@pytest.mark.parametrize("case", RULES)
def test_latency(case: str) -> None:
    candidate, stable, demands, verdict, message = RULES[case]
    found = _latency(_measured(candidate, stable), **demands)
    assert found[0] == verdict, found
    assert message in found[1]
