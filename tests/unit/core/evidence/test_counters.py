"""Cumulative counters of pods that come, go, restart and cannot be read."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.evidence import MAX_PODS, Evidence, LatencyBound
from leadsman.core.evidence import ArmCounts, EvidenceSpec, Feedback, Histogram, PodSample, begin
from leadsman.core.evidence.counters import growth

BEGAN = 1000.0
OLD, NEW = BEGAN - 500, BEGAN + 5
ALL = {"s", "s2", "c", "c2"}


def fresh() -> Evidence:
    return begin(EvidenceSpec(), "v2", "v1", BEGAN)


def stable(requests: int, errors: int = 0, pod: str = "s", started: float = OLD) -> PodSample:
    return PodSample(pod, started, "v1", requests, errors)


def candidate(requests: int, errors: int = 0, pod: str = "c", started: float = NEW) -> PodSample:
    return PodSample(pod, started, "v2", requests, errors)


def run(state: Evidence, *scrapes: list[PodSample], live: set[str] = ALL) -> tuple[Evidence, list[tuple[int, ...]]]:
    """Return the state after the scrapes, and what each brought: stable's requests, errors, then the candidate's."""
    brought: list[tuple[int, ...]] = []
    for samples in scrapes:
        new = growth(state, samples, live)
        state = state.model_copy(update={"pods": new.pods})
        brought.append((new.stable.requests, new.stable.errors, new.candidate.requests, new.candidate.errors))
    return state, brought


@pytest.mark.parametrize(
    ("scrapes", "expected"),
    [
        pytest.param([[stable(900, 9)]], [(0, 0, 0, 0)], id="what stable answered before the rollout is no evidence"),
        pytest.param([[stable(900, 9)], [stable(950, 10)]], [(0,) * 4, (50, 1, 0, 0)], id="growth is"),
        pytest.param([[candidate(7, 2)]], [(0, 0, 7, 2)], id="a candidate pod counts from zero"),
        pytest.param(
            [[candidate(70, 2, started=OLD)], [candidate(71, 3, started=OLD)]],
            [(0,) * 4, (0, 0, 1, 1)],
            id="not so one that was kept warm from an earlier rollout",
        ),
        pytest.param([[], [stable(5, pod="s2", started=NEW)]], [(0,) * 4, (5, 0, 0, 0)], id="a new stable pod, too"),
        pytest.param(
            [[candidate(7)], [], [candidate(9)]], [(0, 0, 7, 0), (0,) * 4, (0, 0, 2, 0)], id="a missed scrape"
        ),
        pytest.param([[candidate(7, 1)]] * 3, [(0, 0, 7, 1), (0,) * 4, (0,) * 4], id="the same again adds nothing"),
        pytest.param(
            [[candidate(7, 1)], [candidate(3, 1)]], [(0, 0, 7, 1), (0, 0, 3, 1)], id="a smaller value counts from zero"
        ),
        pytest.param(
            [[candidate(7, 1)], [candidate(9, 2, started=NEW + 60)]],
            [(0, 0, 7, 1), (0, 0, 9, 2)],
            id="a restarted container counts from zero although its counters are larger",
        ),
        pytest.param(
            [[stable(900)], [stable(20, started=NEW)]],
            [(0,) * 4, (20, 0, 0, 0)],
            id="a stable container that restarted under watch counts from zero",
        ),
        pytest.param([[candidate(2, 5)]], [(0, 0, 2, 2)], id="more errors than requests: a scrape is no snapshot"),
        pytest.param(
            [[candidate(2), PodSample("x", NEW, "v3", 9, 9)]], [(0, 0, 2, 0)], id="other revisions are not looked at"
        ),
        pytest.param([[PodSample("x", NEW, "v2", 9, 9)]], [(0, 0, 0, 0)], id="samples of pods that are gone are void"),
        pytest.param([[candidate(2), candidate(3, 1, pod="c2")]], [(0, 0, 5, 1)], id="pods are added up"),
    ],
)
def test_growth(scrapes: list[list[PodSample]], expected: list[tuple[int, ...]]) -> None:
    assert run(fresh(), *scrapes)[1] == expected


def test_a_pod_that_a_lagging_list_lacks_is_not_counted_twice() -> None:
    state, _ = run(fresh(), [candidate(7)])
    state, _ = run(state, [candidate(7)], live=set())
    assert run(state, [candidate(8)])[1] == [(0, 0, 1, 0)]


def test_pods_gone_for_good_do_not_pile_up() -> None:
    state = fresh()
    for at in range(100):
        state, _ = run(state, [candidate(1, pod=f"c{at}", started=NEW + at)], live={f"c{at}"})
    assert len(state.pods) < 40
    assert "c99" in {mark.pod for mark in state.pods}


def test_beyond_the_limit_further_pods_are_left_out_and_known_ones_kept() -> None:
    pods = [f"{at:04}" for at in range(MAX_PODS + 5)]
    state, _ = run(fresh(), [candidate(1, pod=pod) for pod in pods[5:]], live=set(pods))
    state, brought = run(state, [candidate(2, pod=pod) for pod in pods], live=set(pods))
    assert brought == [(0, 0, MAX_PODS, 0)]
    assert {mark.pod for mark in state.pods} == set(pods[5:])


BOUND = LatencyBound(quantile=0.9, stable=0.1, candidate=0.2, tolerated=0.18)


def timed(pod: str, revision: str, *counts: int, bounds: tuple[float, ...] = (0.1, 0.2, inf)) -> PodSample:
    return PodSample(pod, NEW, revision, counts[-1], 0, Histogram(bounds, counts))


def test_latency_counts_from_the_look_after_the_bounds_were_fixed() -> None:
    state, _ = run(fresh(), [timed("s", "v1", 6, 8, 10), timed("c", "v2", 6, 8, 10)])
    state = state.model_copy(update={"bounds": (BOUND,)})
    first = growth(state, [timed("s", "v1", 7, 9, 12), timed("c", "v2", 6, 9, 12)], ALL)
    assert first.candidate == ArmCounts(requests=2, slower=(0,))
    state = state.model_copy(update={"pods": first.pods})
    second = growth(state, [timed("s", "v1", 7, 9, 15), timed("c", "v2", 6, 9, 15)], ALL)
    assert second.stable == ArmCounts(requests=3, answered=3, slower=(3,))
    assert second.candidate == ArmCounts(requests=3, answered=3, slower=(3,))


def test_each_revision_is_counted_over_its_own_bound() -> None:
    state = fresh().model_copy(update={"bounds": (BOUND,)})
    new = growth(state, [timed("s", "v1", 6, 8, 10), timed("c", "v2", 6, 8, 10)], ALL)
    assert new.stable.slower == (4,)
    assert new.candidate.slower == (2,)


def test_a_histogram_without_the_bound_gives_requests_but_no_latency() -> None:
    state = fresh().model_copy(update={"bounds": (BOUND,)})
    new = growth(state, [timed("c", "v2", 6, 8, 10, bounds=(0.1, 0.3, inf))], ALL)
    assert new.candidate == ArmCounts(requests=10, slower=(0,))


def predicting(pod: str, revision: str, **predictions: int) -> PodSample:
    return PodSample(pod, NEW, revision, 0, 0, predictions=predictions)


def test_predictions_count_from_the_look_after_the_class_was_chosen() -> None:
    first = [predicting("s", "v1", cat=90, dog=10), predicting("c", "v2", cat=1, dog=1)]
    state, _ = run(fresh(), first)
    state, _ = run(state.model_copy(update={"top_class": "cat"}), first)
    new = growth(state, [predicting("s", "v1", cat=97, dog=13), predicting("c", "v2", cat=1, dog=5)], ALL)
    assert (new.stable.predicted, new.stable.top) == (10, 7)
    assert (new.candidate.predicted, new.candidate.top) == (4, 0)


def told(pod: str, revision: str, **feedback: Feedback) -> PodSample:
    return PodSample(pod, OLD, revision, 0, 0, feedback=feedback)


def test_feedback_counts_for_the_revision_that_predicted_whoever_was_told() -> None:
    state, _ = run(fresh(), [told("s", "v1", v1=Feedback(50, 5)), told("c", "v2")])
    new = growth(
        state,
        [told("s", "v1", v1=Feedback(60, 6), v2=Feedback(4, 3)), told("c", "v2", v1=Feedback(1, 0), v0=Feedback(9, 9))],
        ALL,
    )
    assert (new.stable.labelled, new.stable.wrong) == (11, 1)
    assert (new.candidate.labelled, new.candidate.wrong) == (4, 3)


def test_feedback_of_a_restarted_pod_counts_from_zero() -> None:
    state, _ = run(fresh(), [told("s", "v1", v1=Feedback(50, 5))])
    new = growth(state, [told("s", "v1", v1=Feedback(3, 1))], ALL)
    assert (new.stable.labelled, new.stable.wrong) == (3, 1)


MOST = 10**8
"""What one pod can have done between two looks."""


def slow(count: int) -> PodSample:
    return PodSample("c", NEW, "v2", 0, 0, Histogram((0.1, 0.2, inf), (0, 0, count)))


@pytest.mark.parametrize(
    ("counter", "counted"),
    [
        pytest.param(candidate, "requests", id="requests"),
        pytest.param(slow, "answered", id="answers in the histogram"),
        pytest.param(lambda count: predicting("c", "v2", dog=count), "predicted", id="predictions"),
        pytest.param(lambda count: told("c", "v2", v2=Feedback(count)), "labelled", id="feedback"),
    ],
)
def test_counters_that_leap_are_a_baseline_and_no_evidence(counter: Callable[[int], PodSample], counted: str) -> None:
    state = fresh().model_copy(update={"bounds": (BOUND,), "top_class": "cat"})
    grown = []
    counts = (1, 1 + MOST, 2 + 2 * MOST, 5 + 2 * MOST)
    for sample in map(counter, counts):
        new = growth(state, [replace(sample, started=OLD)], ALL)
        state = state.model_copy(update={"pods": new.pods})
        grown.append(getattr(new.candidate, counted))
    assert grown == [0, MOST, 0, 3]


@dataclass
class Fleet:
    """What really happened, and what can be read of it."""

    counters: dict[str, int] = field(default_factory=dict)
    served: int = 0

    def serve(self, pod: str, requests: int) -> None:
        self.counters[pod] = self.counters.get(pod, 0) + requests
        self.served += requests

    def samples(self, hidden: set[str]) -> list[PodSample]:
        return [candidate(count, pod=pod) for pod, count in self.counters.items() if pod not in hidden]


looks = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)), st.sets(st.sampled_from("abc"))),
    max_size=30,
)


@settings(max_examples=60)
@given(looks)
def test_whatever_scrapes_are_missed_every_request_counts_once(script: list[tuple[dict[str, int], set[str]]]) -> None:
    fleet, state, counted = Fleet(), fresh(), 0
    for served, hidden in [*script, ({}, set())]:
        for pod, requests in served.items():
            fleet.serve(pod, requests)
        for _ in range(2):  # A look that is repeated adds nothing.
            state, brought = run(state, fleet.samples(hidden), live=set("abc"))
            counted += sum(look[2] for look in brought)
    assert counted == fleet.served


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 3)), max_size=20))
def test_whatever_counters_say_no_growth_is_negative_and_no_share_above_one(
    script: list[tuple[int, int, int]],
) -> None:
    state = fresh()
    for requests, errors, start in script:
        sample = PodSample("c", NEW + start, "v2", requests, errors, feedback={"v2": Feedback(requests, errors)})
        new = growth(state, [sample], ALL)
        state = state.model_copy(update={"pods": new.pods})
        assert 0 <= new.candidate.errors <= new.candidate.requests
        assert 0 <= new.candidate.wrong <= new.candidate.labelled


@given(st.permutations(["a", "b", "c"]), st.permutations(["a", "b", "c"]))
def test_the_order_of_samples_does_not_matter(one: list[str], other: list[str]) -> None:
    live = {"a", "b", "c"}
    scrapes = [[candidate(len(pod) + 5, pod=pod) for pod in order] for order in (one, other)]
    assert growth(fresh(), scrapes[0], live) == growth(fresh(), scrapes[1], live)
