"""Requests come and fail as often as they are said to."""

import numpy as np
import pytest

from leadsman.simulation.latency import GRID, bounds, slower_share
from leadsman.simulation.scenario import Arm, Burst, Outage, Scenario
from leadsman.simulation.traffic import also_failing, answers, in_cells, traffic
from leadsman_serving.metrics import DURATION_BOUNDS


def random(seed: int = 1) -> np.random.Generator:
    """Randomness."""
    return np.random.default_rng(seed)


@pytest.mark.parametrize("clump", [1, 2, 10])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("mean", [0.2, 30.0])
def test_clumps_change_neither_the_traffic_nor_the_error_rate(mean: float, rate: float, clump: int) -> None:
    draws = random()
    requests, errors = answers(draws, draws.poisson(mean, 200_000), rate, clump)
    assert requests.mean() == pytest.approx(mean, rel=0.02)
    assert errors.mean() == pytest.approx(mean * rate, rel=0.1)
    assert (errors <= requests).all()
    assert (errors % clump == 0).all()


def test_the_history_has_the_same_clumps_and_ends_where_the_run_begins() -> None:
    history = traffic(Scenario(rps=2, clump=5, stable=Arm(errors=0.1), history_hours=10), random()).history
    assert [minute.minute for minute in history] == list(range(-600, 0))
    assert {minute.errors % 5 for minute in history} == {0}
    assert sum(minute.requests for minute in history) == pytest.approx(72_000, rel=0.02)
    assert sum(minute.errors for minute in history) == pytest.approx(7_200, rel=0.1)


def test_without_history_there_is_none() -> None:
    assert traffic(Scenario(history_hours=0), random()).history == ()


def test_a_daily_cycle_goes_up_and_down_around_the_mean() -> None:
    day = in_cells(traffic(Scenario(rps=10, hours=24, daily_cycle=0.8), random()).arrivals, 3600)
    assert day.mean() == pytest.approx(36_000, rel=0.01)
    assert day.max() == pytest.approx(1.8 * 36_000, rel=0.05)
    assert day.min() == pytest.approx(0.2 * 36_000, rel=0.1)


def test_runs_begin_at_different_hours_of_the_day() -> None:
    scenario = Scenario(rps=50, hours=0.1, daily_cycle=1.0, history_hours=0)
    totals = [traffic(scenario, random(seed)).arrivals.sum() for seed in range(30)]
    assert min(totals) < 0.2 * 18_000
    assert max(totals) > 1.8 * 18_000


def test_bursts_come_again_and_again() -> None:
    seconds = traffic(Scenario(rps=10, burst=Burst(factor=20, seconds=30, every=600)), random()).arrivals
    busy = seconds > 100
    assert busy.sum() == pytest.approx(7200 / 600 * 30, abs=2)
    assert seconds[~busy].mean() == pytest.approx(10, rel=0.05)


def test_an_outage_lasts_as_long_as_it_is_said_to_and_comes_on_top() -> None:
    outage = traffic(Scenario(outage=Outage(start=180, seconds=60, rate=0.3)), random()).outage
    assert outage.nonzero()[0].tolist() == list(range(180, 240))
    assert also_failing(0.1, outage)[[179, 180, 240]] == pytest.approx([0.1, 1 - 0.9 * 0.7, 0.1])


def test_the_same_randomness_gives_the_same_traffic() -> None:
    one, other = (traffic(Scenario(), random(7)) for _ in range(2))
    assert (one.arrivals == other.arrivals).all()
    assert one.history == other.history


def test_cells_leave_out_what_does_not_fill_one() -> None:
    assert in_cells(np.arange(7), 3).tolist() == [3, 12]


def test_latency_is_counted_in_the_buckets_of_the_serving_pods() -> None:
    assert GRID == DURATION_BOUNDS


def test_latency_has_the_median_that_it_is_given() -> None:
    assert slower_share(20.0, 0.020) == pytest.approx(0.5)
    assert slower_share(20.0, 0.051) == pytest.approx(0.01, abs=0.002)
    assert slower_share(20.0, 1e-9) == pytest.approx(1.0)


def test_bounds_are_chosen_near_the_quantiles_once_enough_is_known() -> None:
    assert bounds(20.0, 99, 1.2) == ()
    chosen = bounds(20.0, 1_000_000, 1.2)
    assert [bound.quantile for bound in chosen] == [0.5, 0.9, 0.95, 0.99]
    for bound in chosen:
        assert 1 - slower_share(20.0, bound.stable) == pytest.approx(bound.quantile, abs=0.1)
        assert slower_share(20.0 * 1.2, bound.candidate) <= slower_share(20.0, bound.stable) + 1e-3
