"""The normaliser of the hypergeometric law, against enumeration and against scipy."""

from math import comb, isfinite, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom, nchypergeom_fisher

from leadsman.core.evidence.hypergeometric import Margins, log_mgf

margins = st.builds(
    lambda candidate, stable, share: Margins(candidate, stable, round(share * (candidate + stable))),
    st.integers(1, 60),
    st.integers(1, 60),
    st.floats(0, 1),
)
odds_ratios = st.floats(0.01, 200)


@given(margins, odds_ratios)
def test_it_is_the_mean_of_psi_to_the_x(one: Margins, psi: float) -> None:
    ways = range(max(0, one.events - one.stable), min(one.events, one.candidate) + 1)
    total = comb(one.candidate + one.stable, one.events)
    mean = sum(comb(one.candidate, j) * comb(one.stable, one.events - j) / total * psi**j for j in ways)
    assert log_mgf(one, psi) == pytest.approx(log(mean), abs=1e-9)


# A table and no random values: scipy's code ends the process for some that it does not like.
@pytest.mark.parametrize("psi", [0.01, 0.5, 1.0, 3.0, 200.0])
@pytest.mark.parametrize("one", [Margins(5, 5, 3), Margins(60, 10, 25), Margins(10, 190, 12), Margins(40, 40, 70)])
def test_it_normalises_fishers_noncentral_law(one: Margins, psi: float) -> None:
    requests = one.candidate + one.stable
    for x in range(max(0, one.events - one.stable), min(one.events, one.candidate) + 1):
        central = float(hypergeom.logpmf(x, requests, one.events, one.candidate))
        expected = float(nchypergeom_fisher.logpmf(x, requests, one.events, one.candidate, psi))
        if expected > -25:  # scipy's own tails end there
            assert central + x * log(psi) - log_mgf(one, psi) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("psi", [0.25, 1.0, 1.5, 100.0])
@pytest.mark.parametrize(
    "one",
    [
        pytest.param(Margins(10**6, 10**6, 10**6), id="half of millions"),
        pytest.param(Margins(10**6, 10, 10**6 + 5), id="nearly all of millions, hardly any stable"),
        pytest.param(Margins(5, 10**7, 3), id="a trickle beside a flood"),
    ],
)
def test_it_is_finite_and_convex_at_any_size(one: Margins, psi: float) -> None:
    assert isfinite(log_mgf(one, psi))
    mean = one.events * one.candidate / (one.candidate + one.stable)
    assert log_mgf(one, psi) >= mean * log(psi) - 1e-6 * (1 + abs(mean * log(psi)))  # Jensen


@pytest.mark.parametrize(
    ("one", "informative"),
    [
        pytest.param(Margins(5, 5, 0), False, id="no event says nothing"),
        pytest.param(Margins(5, 5, 10), False, id="nothing but events says nothing"),
        pytest.param(Margins(0, 5, 3), False, id="no candidate request says nothing"),
        pytest.param(Margins(5, 0, 3), False, id="no stable request says nothing"),
        pytest.param(Margins(1, 1, 1), True, id="one of two says something"),
    ],
)
def test_informative(one: Margins, informative: bool) -> None:
    assert one.informative is informative
