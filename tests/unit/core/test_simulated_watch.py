"""After the promotion, in fake time: the revision is watched for keepWarm, and its predecessor takes over again."""

from dataclasses import replace
from datetime import timedelta
from math import inf

import pytest

from leadsman.api.checks import Check, CrashesCheck, ErrorRateCheck, LatencyCheck
from leadsman.api.evidence import Verdict
from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutpolicy import OnBadStable, OnSkew, RolloutPolicySpec, WatchRules
from leadsman.api.status import Phase, RolloutState, Watch
from leadsman.core.rollout import step
from support.machine import MINUTE, POLICY, START, report, situation, told, warm
from support.simulated import careful, no_orphans, world
from support.world import World

OBJECTIVE = (Check(error_rate=ErrorRateCheck(objective=0.01)), Check(crashes=CrashesCheck()))


def watching(copies: int = 100, **changes: object) -> World:
    """Version 2 was promoted a moment ago; version 1 is warm."""
    made = world(policy=careful(watch=WatchRules(copies=copies), keep_warm=timedelta(minutes=10), **changes))
    made.apply("2")
    made.until("Promoted")
    made.rest(30)
    return made


def test_while_it_is_watched_its_predecessor_gets_copies_and_the_revision_is_fully_out() -> None:
    at = watching()
    assert at.state.phase is Phase.WATCHING
    assert at.weights() == {at.hash_of("2"): 100}
    assert at.copies() == {at.hash_of("1"): 100}
    assert at.condition("Ready") == "True/Serving"
    at.rest(700)
    assert at.state.phase is Phase.IDLE
    assert at.copies() == {}
    assert at.state.watch is None
    assert no_orphans(at)


def test_a_revision_that_turns_bad_after_its_promotion_is_taken_back_in_seconds() -> None:
    at = watching()
    served = at.served[at.hash_of("2")]
    at.turn("2", errors=1.0)
    at.until("EvidenceFailed", seconds=60)
    assert at.served[at.hash_of("2")] - served <= 40 * 10, "ten seconds of all requests"
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.status_of(at.hash_of("2")).outcome is Outcome.ROLLED_BACK
    assert at.status_of(at.hash_of("1")).outcome is Outcome.PROMOTED
    assert "after its promotion" in at.status_of(at.hash_of("2")).receipts[-1].message
    assert at.condition("Ready") == "False/RolledBack"
    at.rest(600)
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.lost == 0


def test_a_shared_outage_after_a_promotion_takes_nobody_back() -> None:
    at = watching()
    at.outage = 0.5
    at.rest(300)
    assert at.weights() == {at.hash_of("2"): 100}
    at.outage = 0.0
    at.rest(600)
    assert at.state.phase is Phase.IDLE


def test_without_copies_the_objective_still_speaks() -> None:
    at = watching(copies=0, checks=OBJECTIVE)
    assert at.copies() == {}
    at.turn("2", errors=0.5)
    at.until("EvidenceFailed", seconds=120)
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}


def test_without_a_gateway_the_service_goes_back() -> None:
    at = world(policy=careful(checks=OBJECTIVE, keep_warm=timedelta(minutes=10)), gateway=False)
    at.apply("2")
    at.until("Switched")
    at.rest(30)
    at.turn("2", errors=1.0)
    at.until("EvidenceFailed", seconds=120)
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}


def test_pods_that_die_after_the_promotion_are_answered_by_the_predecessors() -> None:
    at = watching()
    at.turn("2", dies_at=at.now)
    at.until("CandidateUnready", seconds=20)
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}


def test_a_predecessor_that_is_gone_is_no_way_back() -> None:
    at = watching()
    at.turn("1", dies_at=at.now)
    at.turn("2", errors=0.5)
    at.rest(60)
    assert at.weights() == {at.hash_of("2"): 100}, "half of the answers are better than none"


def test_slowness_is_held_against_it_only_where_both_have_the_same_load() -> None:
    slow = (Check(latency=LatencyCheck(tolerate_ratio=1.5)),)
    for copies, taken_back in ((100, True), (20, False)):
        at = watching(copies=copies, checks=slow)
        at.turn("2", median=0.1)
        at.rest(120)
        assert (at.hash_of("1") in at.weights()) is taken_back


def test_a_spec_that_changes_ends_the_watch_and_begins_a_rollout_against_what_serves() -> None:
    at = watching()
    at.models["3"] = at.models["2"]
    at.apply("3")
    at.until("StepStarted")
    assert at.weights() == {at.hash_of("2"): 80, at.hash_of("3"): 20}
    assert at.copies() == {}


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_revision_survives_its_watch(seed: int) -> None:
    at = world(policy=careful(watch=WatchRules(copies=100), keep_warm=timedelta(minutes=30)), seed=seed)
    at.apply("2")
    at.until("Promoted")
    at.rest(1900)
    assert at.weights() == {at.hash_of("2"): 100}
    assert at.state.phase is Phase.IDLE


# the split, the route and a bad stable


def test_a_gateway_that_does_not_split_as_configured_holds_the_step_and_says_so() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.sticky = 0.8
    at.rest(900)
    assert at.weights()[at.hash_of("2")] == 20
    assert at.condition("Skewed") == "True/SplitDisagrees"
    at.turn("2", errors=0.5)
    at.until("EvidenceFailed")
    assert at.condition("Skewed") == ""


def test_testers_who_always_get_the_candidate_hold_no_step() -> None:
    at = world()
    at.apply(
        "2",
        traffic={
            "gateway": {"name": "public", "namespace": "gateways"},
            "testers": {"header": {"name": "x-tester", "value": "yes"}},
        },
    )
    at.until("StepStarted")
    at.testers = at.rps
    for _ in at.run(300):
        assert at.condition("Skewed") == ""
    assert at.reasons[-1] == "Promoted"


def test_where_callers_go_round_the_gateway_the_split_may_be_ignored() -> None:
    at = world(policy=careful(on_skew=OnSkew.IGNORE))
    at.apply("2")
    at.until("StepStarted")
    at.sticky = 0.8
    at.until("Promoted")


@pytest.mark.parametrize("seed", range(5))
def test_a_gateway_that_splits_as_configured_is_never_called_skewed(seed: int) -> None:
    at = world(seed=seed, rps=200.0)
    at.apply("2")
    for _ in at.run(400):
        assert at.condition("Skewed") == ""
    assert at.reasons[-1] == "Promoted"


def bad_stable(choice: OnBadStable) -> RolloutPolicySpec:
    return careful(on_bad_stable=choice, checks=OBJECTIVE)


def test_a_stable_revision_without_pods_is_not_in_the_way_of_its_fix_where_the_policy_says_so() -> None:
    for choice, stable in ((OnBadStable.HOLD, "1"), (OnBadStable.PROMOTE, "2")):
        at = world(policy=bad_stable(choice))
        at.rps = 0.2
        at.turn("1", dies_at=at.now)
        at.apply("2")
        at.rest(200)
        assert at.state.stable == at.hash_of(stable)
        at.turn("1", dies_at=inf)


def test_a_stable_revision_that_exceeds_the_objective_is_replaced_by_one_that_keeps_it() -> None:
    at = world(policy=bad_stable(OnBadStable.PROMOTE))
    at.turn("1", errors=0.2)
    at.apply("2")
    at.until("Promoted")
    forced = [receipt for receipt in at.status_of(at.hash_of("2")).receipts if receipt.reason == "Forced"]
    assert forced
    assert forced[0].by == "policy"
    assert "exceeds the objective" in forced[0].message


def test_a_rollout_has_a_deadline_whatever_it_waits_for() -> None:
    at = world(policy=careful(deadline=timedelta(minutes=5)), rps=0.05)
    at.apply("2")
    at.until("DeadlineExceeded", seconds=400)
    assert at.weights() == {at.hash_of("1"): 100}


def test_harm_is_borne_a_minute_where_the_predecessor_lacks_a_pod_and_no_longer() -> None:
    at = watching()
    lame = next(pod for pod in at.pods.values() if pod.revision == at.hash_of("1"))
    lame.model = replace(lame.model, dies_at=at.now)
    at.turn("2", errors=0.5)
    lame.model = replace(lame.model, dies_at=0.0)
    at.until("Held", seconds=60)
    at.until("EvidenceFailed", seconds=90)
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}


def test_time_that_a_split_was_skewed_is_not_held_against_the_route() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.sticky = 0.9
    at.rest(400)
    assert at.condition("Skewed") == "True/SplitDisagrees"
    route = at.objects["HTTPRoute", "fraud"]
    route["status"]["parents"][0]["conditions"][0]["observedGeneration"] = 0
    at.look()
    assert at.weights()[at.hash_of("2")] == 20


def test_no_number_of_failed_checks_is_too_long_to_be_rolled_back_for() -> None:
    failed = tuple(report(Verdict.FAIL, message="x" * 500, name=f"check-{number}") for number in range(20))
    watch = Watch(previous="a", until=START + 10 * MINUTE, policy=POLICY, checks=failed)
    state = RolloutState(phase=Phase.WATCHING, stable="b", watch=watch, retiring=(warm("a"),))
    decision = step(situation(verdict=Verdict.FAIL), state)
    assert told(decision) == ["EvidenceFailed b", "Returned a"]
    assert RolloutState.model_validate_json(decision.state.model_dump_json(by_alias=True)) == decision.state
