"""The same figures by another library: ville, which has the textbook forms of what the engine keeps as sums."""

from math import log

import numpy as np
import pytest
import ville  # type: ignore[import-untyped]

from leadsman.api.evidence import ArmTotals, Difference, Dispersion
from leadsman.core.evidence.confidence import ALPHA, rate_interval
from leadsman.core.evidence.difference import interval, log_below

RHO = 10.0


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.5, 1.0])
def test_the_interval_of_a_rate_is_the_beta_binomial_one(rate: float) -> None:
    stream = (np.random.default_rng(5).random(400) < rate).astype(float)
    theirs = ville.BernoulliCS(alpha=ALPHA, intersect=False).fit(stream)
    for n in (1, 2, 10, 100, 400):
        ours = rate_interval(ArmTotals(requests=n, events=int(stream[:n].sum())), 1.0)
        assert ours == pytest.approx((theirs.lower_[n - 1], theirs.upper_[n - 1]), abs=1e-7)


# Enough independent events that nothing is inflated but for the engine's own caution, a millionth here.
STEADY = Dispersion(observed=0.0, expected=1e8)


@pytest.mark.parametrize("weight", [0.5, 10.0, 300.0, 1e5])
@pytest.mark.parametrize("gap", [-0.01, 0.0, 0.02])
def test_the_interval_of_a_difference_is_robbins_normal_mixture(weight: float, gap: float) -> None:
    one = Difference(name="quality", weight=weight, weighted=weight * gap, stable_dispersion=STEADY)
    reach = float(ville.normal_mixture(weight / 4, ALPHA, RHO)) / weight
    assert interval(one, ALPHA) == pytest.approx((max(-1.0, gap - reach), min(1.0, gap + reach)), rel=1e-5)


@pytest.mark.parametrize("weight", [0.5, 10.0, 300.0, 1e5])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-6])
def test_evidence_of_a_difference_reaches_a_bound_where_the_half_normal_mixture_does(
    weight: float, alpha: float
) -> None:
    margin = 0.1
    boundary = float(ville.normal_mixture(weight / 4, alpha, RHO, one_sided=True))
    one = Difference(name="quality", weight=weight, weighted=margin * weight - boundary)
    assert log_below(one, margin) == pytest.approx(log(1 / alpha), abs=1e-6)
