"""Whole rollouts, pass by pass, against a real API server: each test is what a user would miss."""

import pytest

from apiserver.kubeapi import LEADSMAN, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.world import World

pytestmark = pytest.mark.apiserver

KIND = {"apiVersion": "leadsman.dev/v1alpha1", "kind": "ModelRevision"}


async def first_serves(it: Pilot) -> None:
    """Submit the policy and version 1, and run passes until it serves."""
    it.world.api.submit(policy(it.world.namespace), model(it.world.namespace))
    await it.run(until=lambda it: it.serves("1"))


def submit_version(it: Pilot, version: str) -> None:
    it.world.api.submit(with_version(model(it.world.namespace), version))


def rolled_back(it: Pilot) -> bool:
    return it.condition("Ready") == ("False", "RolledBack") and it.weights == {"1": 100}


def resource_versions(it: Pilot) -> dict[str, str]:
    """Of everything that the operator writes."""
    paths = (
        f"{LEADSMAN}/namespaces/{it.world.namespace}/modeldeployments",
        f"{LEADSMAN}/namespaces/{it.world.namespace}/modelrevisions",
        f"apis/apps/v1/namespaces/{it.world.namespace}/deployments",
        f"api/v1/namespaces/{it.world.namespace}/services",
        f"apis/gateway.networking.k8s.io/v1/namespaces/{it.world.namespace}/httproutes",
        f"apis/events.k8s.io/v1/namespaces/{it.world.namespace}/events",
    )
    return {
        f"{path}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for path in paths
        for item in it.world.api.items(path)
    }


async def test_the_first_revision_becomes_stable(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        assert it.condition("Available") == ("True", "Serving")
        assert it.condition("Reconciling") == ("", "")
        assert it.status["observedGeneration"] == 1
        services = {
            item["metadata"]["name"] for item in world.api.items(f"api/v1/namespaces/{world.namespace}/services")
        }
        assert "fraud" in services


async def test_a_good_candidate_walks_every_step_and_is_promoted_without_touching_a_pod(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "2")
        await it.run(until=lambda it: it.serves("2"))
        assert it.history == [{"1": 100}, {"1": 80, "2": 20}, {"1": 50, "2": 50}, {"2": 100}]
        assert world.made == 2
        revisions = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
        trail = {item["spec"]["model"]["version"]: item["status"] for item in revisions}
        assert trail["2"]["outcome"] == "Promoted"
        assert [decision["reason"] for decision in trail["2"]["receipts"]] == [
            "RolloutStarted",
            "StepStarted",
            "StepStarted",
            "Promoted",
        ]
        events = world.api.items(f"apis/events.k8s.io/v1/namespaces/{world.namespace}/events")
        assert sum(event["reason"] == "Promoted" for event in events) == 1


async def test_a_failing_candidate_is_rolled_back_and_stays_so_after_restart_and_reapply(world: World) -> None:
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "bad")
        await it.run(until=rolled_back)
        assert it.history == [{"1": 100}, {"1": 80, "bad": 20}, {"1": 100}]
        assert it.condition("Available") == ("True", "Serving")
        assert it.condition("Stalled") == ("True", "RolledBack")
        got = world.served["bad"]
        it.restart()
        submit_version(it, "bad")
        for _ in range(10):
            await it.one_pass()
            assert rolled_back(it)
        assert world.served["bad"] == got
        assert len(world.api.items(f"api/v1/namespaces/{world.namespace}/pods")) == 1


async def test_going_back_to_the_stable_version_ends_the_complaint_about_the_rejected_one(world: World) -> None:
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "bad")
        await it.run(until=rolled_back)
        submit_version(it, "1")
        await it.run(until=lambda it: it.serves("1"))
        assert it.condition("Stalled") == ("", "")


async def test_a_model_that_cannot_be_loaded_says_why_and_users_notice_nothing(world: World) -> None:
    world.broken["torn"] = "the file is not an ONNX model"
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "torn")
        await it.run(until=rolled_back)
        ready = next(c for c in it.status["conditions"] if c["type"] == "Ready")
        assert "the file is not an ONNX model" in ready["message"]
        assert it.history == [{"1": 100}]


async def test_a_new_spec_in_mid_rollout_supersedes_and_starts_against_the_last_stable(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "2")
        await it.run(until=lambda it: it.weights == {"1": 80, "2": 20})
        submit_version(it, "3")
        await it.run(until=lambda it: it.serves("3"))
        assert it.history == [
            {"1": 100},
            {"1": 80, "2": 20},
            {"1": 100},
            {"1": 80, "3": 20},
            {"1": 50, "3": 50},
            {"3": 100},
        ]
        revisions = world.api.items(f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions")
        assert {item["spec"]["model"]["version"]: item["status"]["outcome"] for item in revisions} == {
            "1": "Promoted",
            "2": "Superseded",
            "3": "Promoted",
        }


async def test_the_way_back_to_the_version_before_is_at_once_while_it_is_warm(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "2")
        await it.run(until=lambda it: it.serves("2"))
        submit_version(it, "1")
        await it.run(until=lambda it: it.serves("1"), passes=4)
        assert it.history[-2:] == [{"2": 100}, {"1": 100}]
        assert world.made == 2


async def test_without_evidence_nothing_moves(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        world.requests_per_turn = 0
        submit_version(it, "2")
        for _ in range(15):
            await it.one_pass()
        assert it.weights == {"1": 80, "2": 20}
        assert it.condition("Ready") == ("False", "RolloutInProgress")


async def test_steady_state_writes_nothing(world: World) -> None:
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "bad")
        await it.run(until=rolled_back)
        for _ in range(8):  # the rejected revision's pods drain
            await it.one_pass()
        before, writes = resource_versions(it), len(it.kube.writes)
        for _ in range(5):
            await it.one_pass()
        assert it.kube.writes[writes:] == []
        assert resource_versions(it) == before


async def test_without_status_the_stable_revision_stays_and_the_rejected_stays_out(world: World) -> None:
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "bad")
        await it.run(until=rolled_back)
        got = world.served["bad"]
        world.api.patch(f"{it.path}/status", {"status": None})
        for _ in range(8):
            await it.one_pass()
            assert it.weights == {"1": 100}
        assert rolled_back(it)
        assert it.status["stableVersion"] == "1"
        assert world.served["bad"] == got


async def test_without_status_in_mid_rollout_the_candidate_starts_anew_against_the_same_stable(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "2")
        await it.run(until=lambda it: it.weights == {"1": 50, "2": 50})
        world.api.patch(f"{it.path}/status", {"status": None})
        await it.run(until=lambda it: it.serves("2"))
        anew = [{"1": 100}, {"1": 80, "2": 20}, {"1": 50, "2": 50}, {"2": 100}]
        assert it.history[3:] == anew, "from its preflight on, and nobody is sent to it meanwhile"


async def test_what_somebody_changed_by_hand_is_put_back(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        [route] = world.api.items(f"apis/gateway.networking.k8s.io/v1/namespaces/{world.namespace}/httproutes")
        route["spec"]["rules"][0]["backendRefs"][0]["weight"] = 1
        world.api.put(
            f"apis/gateway.networking.k8s.io/v1/namespaces/{world.namespace}/httproutes/fraud",
            {**route, "metadata": {**route["metadata"], "managedFields": None}},
        )
        world.api.delete(f"api/v1/namespaces/{world.namespace}/services/fraud")
        await it.run(until=lambda it: it.serves("1"), passes=3)
        world.api.get(f"api/v1/namespaces/{world.namespace}/services/fraud")


async def test_a_missing_policy_is_said_and_the_stable_revision_keeps_serving(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        world.api.submit(with_version(model(world.namespace, rolloutPolicy={"name": "gone"}), "2"))
        await it.one_pass()
        assert it.condition("Ready") == ("False", "PolicyNotFound")
        assert it.weights == {"1": 100}
        world.api.submit(policy(world.namespace, "gone"))
        await it.run(until=lambda it: it.serves("2"))


async def test_restored_under_a_new_uid_the_proven_model_serves_and_the_rejected_one_stays_out(world: World) -> None:
    world.errors["bad"] = 0.3
    revisions = f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions"
    async with pilot(world) as it:
        await first_serves(it)
        submit_version(it, "bad")
        await it.run(until=rolled_back)
        backup = world.api.items(revisions)
        for path in (it.path, revisions):
            world.api.delete(path)
        for revision in backup:
            kept = {key: revision["metadata"][key] for key in ("name", "namespace", "labels")}
            world.api.create(revisions, {**revision, **KIND, "metadata": kept})
        submit_version(it, "bad")
        got = world.served["bad"]
        for _ in range(8):
            await it.one_pass()
        assert rolled_back(it)
        assert world.served["bad"] == got
        owners = {item["metadata"]["ownerReferences"][0]["uid"] for item in world.api.items(revisions)}
        assert owners == {world.api.get(it.path)["metadata"]["uid"]}
