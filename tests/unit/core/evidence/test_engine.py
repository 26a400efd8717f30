"""The evidence from look to look: nothing is counted twice, and a restart changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.checks import ErrorRateCheck, LatencyCheck
from leadsman.api.evidence import Evidence
from leadsman.core.evidence import EvidenceSpec, PodSample, begin, judge, reset_promotion, update
from leadsman.core.evidence.engine import rate_at
from unit.core.evidence.world import Traffic, lognormal, scrapes

SPEC = EvidenceSpec(error_rate=ErrorRateCheck(), latency=LatencyCheck())
LIVE = {"stable", "candidate"}
BUSY = Traffic(
    rps=5,
    candidate_errors=0.03,
    candidate_latency=lognormal(0.05),
    stable_latency=lognormal(0.05),
    looks=40,
)


def restored(state: Evidence) -> Evidence:
    return Evidence.model_validate_json(state.model_dump_json(by_alias=True))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rps=st.sampled_from([0.2, 5.0, 50.0]))
def test_a_restart_after_every_look_changes_nothing(seed: int, rps: float) -> None:
    traffic = Traffic(
        rps, candidate_errors=0.03, candidate_latency=lognormal(0.06), stable_latency=lognormal(0.05), looks=25
    )
    through = killed = begin("v2", "v1", 0.0)
    for now, samples in scrapes(traffic, seed):
        through = update(SPEC, through, samples, LIVE, now)
        killed = restored(update(SPEC, restored(killed), list(reversed(samples)), LIVE, now))
        assert killed == through
        assert judge(SPEC, killed, now) == judge(SPEC, through, now)


def test_the_same_samples_again_change_nothing() -> None:
    state = begin("v2", "v1", 0.0)
    for now, samples in scrapes(BUSY, seed=1):
        state = update(SPEC, state, samples, LIVE, now)
        again = update(SPEC, state, samples, LIVE, now + 5)
        assert again.comparisons == state.comparisons
        assert again == state or now == 0  # The look after the bounds were fixed writes their baseline down.


def test_the_state_is_small() -> None:
    state = begin("v2", "v1", 0.0)
    for now, samples in scrapes(BUSY, seed=1):
        state = update(SPEC, state, samples, LIVE, now)
    assert len(state.bounds) == 4
    assert len(state.model_dump_json(by_alias=True)) < 5000


def test_a_new_step_owes_its_own_promotion_evidence_and_forgets_no_harm() -> None:
    state = begin("v2", "v1", 0.0)
    for now, samples in scrapes(BUSY, seed=1):
        state = update(SPEC, state, samples, LIVE, now)
    reset, reset_fields = reset_promotion(state), {"absolute", "relative"}
    for before, after in zip(state.comparisons, reset.comparisons, strict=True):
        assert set(after.absolute + after.relative) == {0.0}
        assert after.model_dump(exclude=reset_fields) == before.model_dump(exclude=reset_fields)
    assert reset_promotion(begin("v2", "v1", 0.0)) == begin("v2", "v1", 0.0)


def test_bounds_once_fixed_stay() -> None:
    state = begin("v2", "v1", 0.0)
    fixed = []
    for now, samples in scrapes(BUSY, seed=1):
        state = update(SPEC, state, samples, LIVE, now)
        fixed.append(state.bounds)
    assert fixed[0] == fixed[-1] != ()


def test_checks_not_asked_for_are_not_kept() -> None:
    state = begin("v2", "v1", 0.0)
    for now, samples in scrapes(BUSY, seed=1):
        state = update(EvidenceSpec(), state, samples, LIVE, now)
    assert state.comparisons == ()
    assert state.bounds == ()


def candidate(requests: int) -> list[PodSample]:
    return [PodSample("candidate", 1.0, "v2", requests, 0)]


@pytest.mark.parametrize(
    ("looks", "at", "rate"),
    [
        pytest.param([], 50, 0.0, id="nothing seen"),
        pytest.param([(10, 20)], 10, 0.0, id="one look gives no rate yet"),
        pytest.param([(10, 20), (20, 40)], 20, 2.0, id="two do"),
        pytest.param([(10, 20), (20, 40), (30, 60)], 30, 2.0, id="a steady rate is kept"),
        pytest.param([(10, 20), (20, 40)], 80, 2.0 * 0.3679, id="silence lowers it"),
        pytest.param([(10, 20), (20, 40), (15, 60)], 15, 2.0, id="a clock that jumps back does not matter"),
    ],
)
def test_rate(looks: list[tuple[float, int]], at: float, rate: float) -> None:
    state = begin("v2", "v1", 0.0)
    for now, requests in looks:
        state = update(SPEC, state, candidate(requests), LIVE, now)
    assert rate_at(state, at) == pytest.approx(rate, rel=1e-3)


def test_since_when_the_candidate_is_not_seen() -> None:
    state = begin("v2", "v1", 0.0)
    seen = []
    for now, samples in [(5.0, []), (10.0, []), (15.0, candidate(1)), (20.0, []), (25.0, [])]:
        state = update(SPEC, state, samples, LIVE, now)
        seen.append(state.unseen_since)
    assert seen == [5.0, 5.0, None, 20.0, 20.0]
