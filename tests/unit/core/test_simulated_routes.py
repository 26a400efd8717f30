"""Routes through whole rollouts in fake time: all of them say the same, and what is other people's stays."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from leadsman.api.rolloutpolicy import Shadow, Step
from support.simulated import BAD, GOOD, careful, no_orphans, world
from support.world import NAME, CrashError, World

TRAFFIC = {
    "gateway": {"name": "public", "namespace": "gateways"},
    "hostnames": ["fraud.example.com"],
    "grpc": {"hostnames": ["grpc.fraud.example.com"]},
    "testers": {"header": {"name": "x-tester", "value": "yes"}},
}
OTHER = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/other"}}],
    "backendRefs": [{"name": "other", "port": 80, "weight": 100}],
}


def rules(at: World, kind: str) -> list[dict[str, Any]]:
    """The live rules of a kind of route."""
    found: list[dict[str, Any]] = at.objects[kind, NAME]["spec"]["rules"]
    return found


def of_testers(rule: dict[str, Any]) -> bool:
    """Whether a rule is for testers alone."""
    return str(rule.get("name", "")).startswith("leadsman-testers")


def weights_in(at: World, kind: str) -> set[tuple[tuple[str, int], ...]]:
    """What the rules for everybody say, each a way to split."""
    return {
        tuple((ref["name"], ref["weight"]) for ref in rule["backendRefs"])
        for rule in rules(at, kind)
        if not of_testers(rule) and rule["backendRefs"] != OTHER["backendRefs"]
    }


def pinned_to(at: World) -> set[str]:
    """The revisions that answer testers."""
    kinds = ("HTTPRoute", "GRPCRoute")
    refs = [rule["backendRefs"][0] for kind in kinds for rule in rules(at, kind) if of_testers(rule)]
    return {ref["name"].removeprefix(f"{NAME}-") for ref in refs}


def routed_world(seed: int) -> World:
    """Version 1 serves behind both kinds of routes, and somebody has added a rule and a timeout to the HTTPRoute."""
    copies = Step(shadow=Shadow(), min_duration=careful().steps[0].min_duration)
    policy = careful(steps=(copies, *careful().steps))
    at = world(policy=policy, models={"1": GOOD, "2": GOOD, "bad": BAD}, seed=seed)
    at.apply("1", traffic=TRAFFIC)
    at.rest(30)
    [ours] = rules(at, "HTTPRoute")
    at.objects["HTTPRoute", NAME]["spec"]["rules"] = [{**ours, "timeouts": {"request": "7s"}}, OTHER]
    return at


@pytest.mark.parametrize("version", ["2", "bad"])
@pytest.mark.parametrize("seed", range(2))
def test_every_route_says_the_same_at_every_moment_and_testers_are_only_sent_where_pods_are_ready(
    version: str, seed: int
) -> None:
    """With crashes before writes drawn by lot: the next pass brings both routes together."""
    at, chance = routed_world(seed), Random(seed)
    revision = at.apply(version, traffic=TRAFFIC)
    pinned = 0
    for _ in range(200):
        at.crash_before = at.writes + chance.randrange(8) if chance.random() < 0.1 else None
        try:
            plan = at.look()
        except CrashError:
            continue
        assert weights_in(at, "HTTPRoute") == weights_in(at, "GRPCRoute")
        assert len(weights_in(at, "HTTPRoute")) == 1
        assert pinned_to(at) <= {revision}
        ready = any(pod.revision == revision and pod.ready(at.now) for pod in at.pods.values())
        assert ready or not pinned_to(at)
        pinned += bool(pinned_to(at))
        assert OTHER in rules(at, "HTTPRoute")
        at.live(min(plan.requeue_after.total_seconds(), 5.0))
    assert pinned, "testers saw it"
    assert at.lost == 0
    assert [rule.get("timeouts") for rule in rules(at, "HTTPRoute")] == [{"request": "7s"}, None]
    assert pinned_to(at) == set()
    assert at.weights() == {at.hash_of("1" if version == "bad" else "2"): 100}
    at.rest(300)
    assert no_orphans(at)


def test_pods_that_a_slow_gateway_still_sends_requests_to_are_kept() -> None:
    at = world(models={"1": GOOD, "2": GOOD, "bad": BAD})
    bad = at.apply("bad")
    at.until("StepStarted")
    at.rest(5)
    at.gateway_stuck = True
    at.until("EvidenceFailed")
    at.rest(300)
    assert bad in at.running()
    [ready] = [one["message"] for one in at.status["conditions"] if one["type"] == "Ready"]
    assert ready.endswith("; Gateway public has not looked at the HTTPRoute's latest change yet")
    assert at.lost == 0
    at.gateway_stuck = False
    at.objects["HTTPRoute", NAME]["spec"]["rules"] = []  # and whoever changed it meanwhile
    at.rest(10)
    assert bad in at.running(), "requests may be under way"
    at.rest(60)
    assert bad not in at.running()
    assert at.lost == 0


def test_what_cannot_be_had_of_a_route_keeps_no_pods_that_get_nothing() -> None:
    at = world(policy=careful(keep_warm=timedelta(minutes=1)), rule_fields=frozenset({"name"}))
    at.apply("2")
    at.until("Promoted")
    at.apply("2", traffic={"gateway": TRAFFIC["gateway"], "affinity": {"type": "Cookie"}})
    at.rest(300)
    assert at.condition("Ready") == "False/RouteNotAccepted"
    assert at.running() == {at.hash_of("2")}


def test_a_gateway_that_is_gone_for_good_keeps_no_more_than_it_may_know() -> None:
    versions = [f"v{number}" for number in range(8)]
    at = world(models={"1": GOOD, "2": GOOD, **dict.fromkeys(versions, GOOD)})
    known = at.apply("2")
    at.until("StepStarted")
    at.gateway_stuck = True
    for version in versions:
        at.apply(version)
        at.until("Superseded")
        at.rest(130)
    assert known in at.running()
    assert len(at.running()) <= 5, "stable, the last one, and three"
    assert at.lost == 0


def test_the_former_stable_revision_stays_while_the_gateway_still_sends_it_requests() -> None:
    at = world(policy=careful(keep_warm=timedelta(minutes=1)))
    at.apply("2")
    at.until("StepStarted")
    at.until("StepStarted")
    at.rest(5)
    at.gateway_stuck = True
    at.until("Promoted")
    at.rest(300)
    assert at.hash_of("1") in at.running()
    assert at.lost == 0


def test_testers_see_the_candidate_while_nobody_else_does() -> None:
    at = routed_world(1)
    revision = at.apply("2", traffic=TRAFFIC)
    at.until("StepStarted")
    assert pinned_to(at) == {revision}
    assert at.weights() == {at.hash_of("1"): 100}


def test_testers_go_to_stable_as_soon_as_the_candidate_has_no_pod_that_is_ready() -> None:
    at = routed_world(1)
    revision = at.apply("2", traffic=TRAFFIC)
    at.until("StepStarted")
    for pod in at.pods.values():
        if pod.revision == revision:
            pod.started = at.now + 1e6
    at.look()
    assert pinned_to(at) == set()
