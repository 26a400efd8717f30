"""How often containers ended since the last look, and for how long they were watched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.checks import CrashesCheck
from leadsman.api.evidence import MAX_PODS, Evidence, Verdict
from leadsman.core.evidence import ArmCounts, EvidenceSpec, LivePod, Sight, begin, verdict
from leadsman.core.evidence.lives import observe, with_lives
from unit.core.evidence.world import CANDIDATE, STABLE, update

SPEC = EvidenceSpec(crashes=CrashesCheck())
BEGAN = 1000.0


def candidate(restarts: int, pod: str = "c") -> LivePod:
    return LivePod(pod, CANDIDATE, restarts)


def stable(restarts: int, pod: str = "s") -> LivePod:
    return LivePod(pod, STABLE, restarts)


def counted(state: Evidence, *looks: tuple[float, list[LivePod]]) -> tuple[int, float]:
    """Return how often the candidate's containers ended in all looks, and for how long they were watched."""
    state = after(state, *looks)
    crashes = state.crashes
    return (crashes.candidate.count, crashes.candidate.pod_seconds) if crashes else (0, 0.0)


def after(state: Evidence, *looks: tuple[float, list[LivePod]]) -> Evidence:
    for seconds, pods in looks:
        state = update(SPEC, state, Sight(pods, []), BEGAN + seconds)
    return state


def fresh() -> Evidence:
    return begin(SPEC, CANDIDATE, STABLE, BEGAN)


@pytest.mark.parametrize(
    ("looks", "crashes", "seconds"),
    [
        pytest.param([(0, [candidate(5)])], 0, 0, id="what was before the rollout is no evidence"),
        pytest.param([(0, [candidate(5)]), (10, [candidate(6)])], 1, 10, id="a restart is"),
        pytest.param(
            [(0, [candidate(5)]), (10, [candidate(5)]), (3600, [candidate(6)])],
            1,
            3600,
            id="the quiet hour before it was watched too, though nothing was served",
        ),
        pytest.param(
            [(0, [candidate(0)]), (10, [candidate(1)]), (30, [candidate(1)]), (40, [candidate(2)])],
            2,
            40,
            id="and the quiet time between two",
        ),
        pytest.param([(0, [stable(0)]), (10, [stable(0), candidate(2)])], 2, 10, id="a later pod counts from zero"),
        pytest.param([(0, [candidate(5)]), (10, []), (20, [candidate(5)])], 0, 0, id="a list that lags is no crash"),
        pytest.param([(0, [candidate(5)]), (10, [candidate(0)]), (20, [candidate(1)])], 1, 20, id="fewer than before"),
        pytest.param([(0, [candidate(0)]), (-3600, [candidate(1)])], 1, 0, id="a clock that was set back"),
        pytest.param([(0, [LivePod("x", "v3", 0)]), (10, [LivePod("x", "v3", 9)])], 0, 0, id="other revisions"),
    ],
)
def test_crashes(looks: list[tuple[float, list[LivePod]]], crashes: int, seconds: float) -> None:
    count, watched = counted(fresh(), *looks)
    assert count == crashes
    assert watched == pytest.approx(seconds)


def test_pods_are_added_up() -> None:
    looks = [(0, [candidate(0), candidate(0, "d")]), (10, [candidate(1), candidate(2, "d")])]
    assert counted(fresh(), *looks) == (3, 20.0)


def test_one_crash_of_an_idle_candidate_after_a_quiet_hour_decides_nothing() -> None:
    looks = [(10.0 * at, [candidate(int(at == 360)), stable(0)]) for at in range(361)]
    assert verdict(SPEC, after(fresh(), *looks), BEGAN + 3600) is not Verdict.FAIL


def test_pods_gone_for_good_do_not_pile_up() -> None:
    state = after(fresh(), *((float(at), [candidate(0, f"c{at}")]) for at in range(100)))
    assert len(state.lives) < 40
    assert {"c98", "c99"} <= {mark.pod for mark in state.lives}


def test_beyond_the_limit_further_pods_are_left_out() -> None:
    state = after(fresh(), (0.0, [candidate(0, f"{at:04}") for at in range(MAX_PODS + 5)]))
    assert len(state.lives) == MAX_PODS


def test_a_pod_that_there_was_no_mark_for_has_its_past_behind_it() -> None:
    """It is not known to be new: where pods are more than marks, those that leave make room for the marks of others."""
    pods = [candidate(3, f"{at:04}") for at in range(MAX_PODS + 50)]
    state = after(fresh(), (0.0, pods), (10.0, pods[200:]))
    assert f"{MAX_PODS + 49:04}" in {mark.pod for mark in state.lives}
    assert state.crashes is None
    assert counted(state, (20.0, [candidate(4, pods[-1].pod)]))[0] == 1, "what it does from then on is evidence"


looks_at_pods = st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)), max_size=12)
jumps = st.lists(st.sampled_from([-3600.0, 0.0, 10.0, 3600.0]), min_size=12, max_size=12)


@given(looks_at_pods, jumps)
def test_whatever_the_clock_does_nothing_is_negative(looks: list[dict[str, int]], steps: list[float]) -> None:
    state, now = fresh(), BEGAN
    for pods, step in zip(looks, steps, strict=False):
        now += step
        seen = observe(state, [candidate(restarts, pod) for pod, restarts in pods.items()], now)
        assert seen.candidate.count >= 0
        assert seen.candidate.pod_seconds >= 0
        state = after(state, (now - BEGAN, [candidate(restarts, pod) for pod, restarts in pods.items()]))


def test_a_look_carries_them() -> None:
    state = after(fresh(), (0.0, [candidate(0)]))
    born = observe(state, [candidate(1)], BEGAN + 10).candidate
    assert with_lives(ArmCounts(requests=3), born) == ArmCounts(requests=3, crashes=1, pod_seconds=10.0)
