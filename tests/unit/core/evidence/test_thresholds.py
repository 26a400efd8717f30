"""Numbers of a Prometheus server against their bounds."""

from datetime import timedelta
from math import inf, nan

import pytest

from leadsman.api.checks import PrometheusCheck
from leadsman.api.evidence import Threshold
from leadsman.core.evidence import Reading, due
from leadsman.core.evidence.thresholds import is_outside, observe

CHECK = PrometheusCheck(name="revenue", query="q", min=0.98, max=2.0)
OTHER = PrometheusCheck(name="other", query="q", max=1.0, interval=timedelta(minutes=5))


def after(*values: float | None) -> Threshold:
    known: tuple[Threshold, ...] = ()
    for number, value in enumerate(values):
        known = observe((CHECK,), known, [Reading("revenue", value)], 30.0 * number)
    (one,) = known
    return one


@pytest.mark.parametrize(
    ("values", "failures", "value"),
    [
        pytest.param([1.0], 0, 1.0, id="within bounds"),
        pytest.param([0.98], 0, 0.98, id="the bound itself is well"),
        pytest.param([0.5, 3.0], 2, 3.0, id="too little, too much: both are outside"),
        pytest.param([0.5, 0.5, 1.0], 0, 1.0, id="one that is well starts the count afresh"),
        pytest.param([0.5, None, 0.5], 2, 0.5, id="silence neither fails nor excuses"),
        pytest.param([0.5, nan], 1, None, id="what is no number is silence"),
        pytest.param([0.5, inf], 1, None, id="so is infinity, as of a division by zero"),
    ],
)
def test_how_many_times_in_a_row(values: list[float | None], failures: int, value: float | None) -> None:
    assert (after(*values).failures, after(*values).value) == (failures, value)


@pytest.mark.parametrize(
    ("check", "value", "outside"),
    [
        (PrometheusCheck(name="a", query="q", min=1), 0.9, True),
        (PrometheusCheck(name="a", query="q", min=1), 1e9, False),
        (PrometheusCheck(name="a", query="q", max=1), 1.1, True),
        (PrometheusCheck(name="a", query="q", max=0), 0.0, False),
        (PrometheusCheck(name="a", query="q", max=0), -5.0, False),
    ],
)
def test_bounds(check: PrometheusCheck, value: float, outside: bool) -> None:
    assert is_outside(check, value) is outside


def test_numbers_of_other_checks_are_left_alone_and_unknown_ones_ignored() -> None:
    known = observe((CHECK, OTHER), (), [Reading("revenue", 1.0), Reading("other", 2.0)], 0.0)
    later = observe((CHECK, OTHER), known, [Reading("revenue", 0.1), Reading("nobody", 2.0)], 30.0)
    assert [(one.name, one.failures, one.asked_at) for one in later] == [("revenue", 1, 30.0), ("other", 1, 0.0)]


def test_a_check_that_the_policy_lost_is_forgotten() -> None:
    known = observe((CHECK, OTHER), (), [Reading("other", 2.0)], 0.0)
    assert observe((CHECK,), known, [], 30.0) == ()


@pytest.mark.parametrize(
    ("now", "names"),
    [
        pytest.param(1000.0, [], id="asked a moment ago"),
        pytest.param(1030.0, ["revenue"], id="after its interval"),
        pytest.param(1300.0, ["revenue", "other"], id="each after its own"),
        pytest.param(999.0, ["revenue", "other"], id="a clock that was set back silences none"),
    ],
)
def test_due(now: float, names: list[str]) -> None:
    known = [Threshold(name=name, asked_at=1000.0) for name in ("revenue", "other")]
    assert [check.name for check in due((CHECK, OTHER), known, now)] == names


def test_a_check_never_asked_is_due() -> None:
    assert due((CHECK,), (), 0.0) == (CHECK,)
