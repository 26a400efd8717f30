"""Whole rollouts with autoscalers, in fake time: no request ever comes to a revision that has too few pods for it."""

from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.rolloutpolicy import Shadow, Step
from support.simulated import careful, no_orphans, world
from support.world import NAME, World

POD_RPS = 5.0
SECONDS = timedelta(seconds=1)
LONG = tuple(Step(weight=weight, min_duration=90 * SECONDS, max_duration=900 * SECONDS) for weight in (10, 50))


def autoscaled(**changes: Any) -> World:
    """A world whose autoscalers have found what its load needs."""
    at = world(**{"max_replicas": 60, "pod_rps": POD_RPS, "rps": 10.0, "policy": careful(steps=LONG)} | changes)
    at.rest(240)
    at.overloaded = 0
    return at


def pods(at: World) -> dict[str, int]:
    """The number of pods by revision."""
    found = {name: raw["spec"]["replicas"] for (kind, name), raw in at.objects.items() if kind == "Deployment"}
    return {name.removeprefix(f"{NAME}-"): replicas for name, replicas in found.items()}


def floors(at: World) -> dict[str, int]:
    """What each revision's autoscaler may not go below."""
    found = {
        n: raw["spec"]["minReplicas"] for (kind, n), raw in at.objects.items() if kind == "HorizontalPodAutoscaler"
    }
    return {name.removeprefix(f"{NAME}-"): floor for name, floor in found.items()}


def spared(at: World) -> bool:
    """Whether nobody had too much to do. The lot may send a few requests more in one second than its share is."""
    return at.lost == 0 and at.overloaded <= 5


@pytest.mark.parametrize(("version", "end"), [("2", "Promoted"), ("bad", "EvidenceFailed")])
def test_nobody_has_too_much_to_do_on_the_way_in_or_back(version: str, end: str) -> None:
    at = autoscaled(rps=50.0)
    needed = pods(at)[at.hash_of("1")]
    assert needed >= 50 / POD_RPS
    at.apply(version)
    at.until(end)
    serves = at.hash_of("2" if end == "Promoted" else "1")
    for _ in range(20):
        at.rest(30)
        assert pods(at)[serves] >= needed
    assert spared(at)
    at.rest(600)
    assert at.state.capacity is None
    assert floors(at) == {serves: 2}, "and is left to its autoscaler again"
    assert no_orphans(at)


def test_copies_of_all_requests_go_to_pods_for_all_of_them() -> None:
    copied = (Step(shadow=Shadow(percent=100), min_duration=30 * SECONDS, max_duration=900 * SECONDS), *LONG)
    at = autoscaled(rps=50.0, policy=careful(steps=copied))
    at.apply("2")
    at.until("StepStarted")
    assert pods(at)[at.hash_of("2")] >= 50 / POD_RPS
    at.until("Promoted")
    assert spared(at)


@pytest.mark.parametrize(("version", "end"), [("2", "Promoted"), ("bad", "EvidenceFailed")])
def test_ten_times_the_load_in_mid_rollout_is_carried_to_its_end(version: str, end: str) -> None:
    at = autoscaled(
        policy=careful(steps=(Step(weight=10, min_duration=400 * SECONDS, max_duration=900 * SECONDS), *LONG[1:]))
    )
    at.apply("2")
    at.until("StepStarted")
    at.rest(60)
    at.rps = 100.0
    at.rest(120)
    at.overloaded = at.lost = 0
    if version == "bad":
        at.models["2"] = at.models["bad"]
        for pod in at.pods.values():
            if pod.revision == at.hash_of("2"):
                pod.model = at.models["bad"]
    at.until(end)
    at.rest(600)
    assert spared(at)


def test_the_previous_revision_is_kept_for_all_of_the_requests_as_long_as_it_is_kept_warm() -> None:
    at = autoscaled(rps=50.0, policy=careful(steps=LONG, keep_warm=timedelta(minutes=30)))
    needed = pods(at)[at.hash_of("1")]
    at.apply("2")
    at.until("Promoted")
    at.rest(700)
    assert pods(at)[at.hash_of("1")] >= needed
    at.apply("1")
    at.until("Returned")
    at.rest(600)
    assert spared(at)


def test_a_spec_that_changes_on_the_way_takes_nothing_from_who_serves() -> None:
    at = autoscaled(rps=50.0)
    needed = pods(at)[at.hash_of("1")]
    at.apply("2")
    at.until("StepStarted")
    at.rest(60)
    at.apply("bad")
    at.until("EvidenceFailed")
    at.apply("1")
    for _ in range(20):
        at.rest(30)
        assert pods(at)[at.hash_of("1")] >= needed
    assert spared(at)


def test_autoscaling_is_turned_on_and_off_while_the_model_serves() -> None:
    at = world(pod_rps=POD_RPS, rps=10.0, replicas=6)
    stable = at.hash_of("1")
    at.max_replicas = 40
    at.apply("1", scaling={"minReplicas": 2, "maxReplicas": 40})
    before = pods(at)[stable]
    at.look()
    assert pods(at)[stable] == before, "handed over, not reset"
    at.rest(900)
    assert 2 <= pods(at)[stable] < 6
    at.apply("1", scaling={"minReplicas": 5})
    at.rest(60)
    assert (pods(at), floors(at)) == ({stable: 5}, {})
    assert spared(at)


def test_a_steady_state_writes_nothing() -> None:
    at = autoscaled()
    writes = at.writes
    at.rest(300)
    assert at.writes == writes


def test_a_crash_on_the_way_leaves_nobody_with_too_few_pods() -> None:
    calm = autoscaled()
    begins = calm.writes
    calm.apply("2")
    calm.until("Promoted")
    for write in sorted(number for number in calm.notable if begins <= number < calm.writes)[::9]:
        at = autoscaled()
        at.crash_before = write
        at.apply("2")
        at.until("Promoted")
        assert at.crashes == 1
        assert spared(at)
