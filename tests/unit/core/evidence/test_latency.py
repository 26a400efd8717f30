"""Which bounds the latency test looks at."""

from math import inf

import numpy as np
import pytest

from leadsman.core.evidence import Histogram, PodSample
from leadsman.core.evidence.latency import PROMOTING_QUANTILES, choose_bounds, comparison_name
from unit.core.evidence.world import BOUNDS, STABLE, Pod, lognormal


def stable(histogram: Histogram, revision: str = STABLE, pod: str = "a") -> PodSample:
    return PodSample(pod, 0.0, revision, histogram.total, 0, histogram)


COARSE = Histogram((0.01, 0.1, 1.0, inf), (50, 90, 99, 100))
ALL_FAST = Histogram((0.01, 0.1, 1.0, inf), (100, 100, 100, 100))
ALL_BETWEEN = Histogram((0.01, 0.1, 1.0, inf), (0, 100, 100, 100))
ALL_SLOW = Histogram((0.01, inf), (0, 100))
FEW = Histogram((0.01, 0.1, 1.0, inf), (50, 90, 99, 99))


@pytest.mark.parametrize(
    ("samples", "ratio", "expected"),
    [
        pytest.param([], 1.2, [], id="no stable pod: wait"),
        pytest.param([stable(FEW)], 1.2, [], id="fewer than a hundred answers: wait"),
        pytest.param(
            [stable(COARSE), stable(Histogram((0.5, inf), (0, 900)), pod="b")],
            1.2,
            [(0.5, 0.01, 0.1), (0.9, 0.1, 1.0)],
            id="a pod with other bounds is left out",
        ),
        pytest.param([stable(COARSE, "v2")], 1.2, [], id="the candidate's own answers do not count"),
        pytest.param([stable(ALL_SLOW)], 1.2, [], id="all beyond the last bound: nothing to compare"),
        pytest.param([stable(Histogram((0.01, inf), (99, 100)))], 1.2, [], id="no finite bound a ratio away"),
        pytest.param([stable(COARSE)], 1.2, [(0.5, 0.01, 0.1), (0.9, 0.1, 1.0)], id="coinciding bounds are merged"),
        pytest.param([stable(COARSE)], 20, [(0.5, 0.01, 1.0)], id="the candidate's bound is a ratio away, or more"),
        pytest.param([stable(COARSE)], 1, [(0.5, 0.01, 0.01), (0.9, 0.1, 0.1), (0.99, 1, 1)], id="ratio 1: same bound"),
        pytest.param([stable(ALL_FAST)], 1.2, [(0.5, 0.01, 0.1)], id="all below the first bound: it stands for all"),
        pytest.param([stable(ALL_BETWEEN)], 1.2, [(0.5, 0.1, 1.0)], id="one bucket holds all: its upper bound"),
        pytest.param(
            [stable(Histogram((0.01, 0.1, 1.0, inf), (25, 45, 50, 50)), pod=pod) for pod in "ab"],
            1.2,
            [(0.5, 0.01, 0.1), (0.9, 0.1, 1.0)],
            id="pods are added up",
        ),
    ],
)
def test_bounds(samples: list[PodSample], ratio: float, expected: list[tuple[float, float, float]]) -> None:
    bounds = choose_bounds(samples, STABLE, ratio)
    assert [(bound.quantile, bound.stable, bound.candidate) for bound in bounds] == expected


def test_a_fine_histogram_gives_four_bounds_one_bucket_apart() -> None:
    pod = Pod("a", STABLE, latencies=lognormal(0.05))
    pod.serve(np.random.default_rng(1), 5000)
    bounds = choose_bounds([pod.sample()], STABLE, 1.2)
    assert [comparison_name(bound) for bound in bounds] == ["latency/p50", "latency/p90", "latency/p95", "latency/p99"]
    for bound in bounds:
        assert BOUNDS.index(bound.candidate) == BOUNDS.index(bound.stable) + 1
        assert bound.tolerated >= 0.02


def test_the_tolerated_share_has_twice_the_odds() -> None:
    (half, tenth) = choose_bounds([stable(COARSE)], STABLE, 1.2)
    assert half.tolerated == pytest.approx(2 / 3, abs=0.01)
    assert tenth.tolerated == pytest.approx(0.18, abs=0.01)


def test_every_quantile_within_reach_has_its_promotion_at_stake() -> None:
    """The lowest is always among those that a step needs, else a check would pass without evidence."""
    for histogram in (COARSE, ALL_FAST, ALL_BETWEEN):
        assert choose_bounds([stable(histogram)], STABLE, 1.2)[0].quantile in PROMOTING_QUANTILES
