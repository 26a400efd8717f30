"""Preflights and followed references against a real API server: what a user would miss."""

import json
from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, Api, ApiError, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.world import World, digest_of, ended

pytestmark = pytest.mark.apiserver

TAG = "oci://registry.example.com/models/fraud:stable"
FAILED = json.dumps(
    {
        "v": 1,
        "passed": False,
        "digest": digest_of("x"),
        "sentence": "golden: 3 of 10 answers differ",
        "checks": [
            {"name": "fetch", "verdict": "Pass", "expected": "", "found": "", "message": "fetched 3 files"},
            {"name": "golden", "verdict": "Fail", "expected": "10", "found": "7", "message": "3 of 10 answers differ"},
        ],
    }
)


def revisions(it: Pilot) -> dict[str, dict[str, Any]]:
    """The ModelRevisions by version."""
    items = it.world.api.items(f"{LEADSMAN}/namespaces/{it.world.namespace}/modelrevisions")
    return {item["spec"]["model"].get("version", item["spec"]["model"].get("digest")): item for item in items}


def jobs(it: Pilot) -> list[dict[str, Any]]:
    return it.world.api.items(f"apis/batch/v1/namespaces/{it.world.namespace}/jobs")


def events(it: Pilot) -> dict[str, str]:
    """Notes of the Events by reason."""
    items = it.world.api.items(f"apis/events.k8s.io/v1/namespaces/{it.world.namespace}/events")
    return {item["reason"]: item["note"] for item in items}


async def first_serves(it: Pilot) -> None:
    it.world.api.submit(policy(it.world.namespace), model(it.world.namespace))
    await it.run(until=lambda it: it.serves("1"))


async def test_the_api_server_takes_the_job_and_what_it_found_is_kept(world: World) -> None:
    async with pilot(world) as it:
        it.world.api.submit(policy(it.world.namespace), model(it.world.namespace))
        await it.run(until=jobs)
        assert it.status["rollout"]["phase"] == "Preflight"
        assert it.condition("Reconciling") == ("True", "RolloutInProgress")
        await it.run(until=lambda it: it.serves("1"))
        [record] = revisions(it).values()
        digest = digest_of(record["spec"]["model"]["uri"])
        assert record["spec"]["digest"] == digest
        report = record["status"]["preflight"]
        assert (report["passed"], report["digest"], report["message"]) == (True, digest, "ready to serve")
        assert [check["verdict"] for check in report["checks"]] == ["Pass"]
        [deployment] = world.api.items(f"apis/apps/v1/namespaces/{world.namespace}/deployments")
        [fetch] = deployment["spec"]["template"]["spec"]["initContainers"]
        assert fetch["args"][-2:] == ["--digest", digest]
        assert jobs(it) == [], "and the Job is gone"


async def test_a_rejected_revision_has_no_pod_no_weight_and_one_sentence_everywhere(world: World) -> None:
    world.preflights["2"] = [ended(65, FAILED)]
    async with pilot(world) as it:
        await first_serves(it)
        made = world.made
        world.api.submit(with_version(model(world.namespace), "2"))
        await it.run(until=lambda it: it.settled("PreflightFailed"))
        assert world.made == made
        assert it.history == [{"1": 100}]
        assert it.condition("Stalled") == ("True", "PreflightFailed")
        assert it.condition("Available") == ("True", "Serving")
        status = revisions(it)["2"]["status"]
        assert status["outcome"] == "Rejected"
        assert [check["found"] for check in status["preflight"]["checks"]] == ["", "7"]
        message = next(c["message"] for c in it.status["conditions"] if c["type"] == "Ready")
        told = [message, status["message"], status["receipts"][-1]["message"], events(it)["PreflightFailed"]]
        assert all("golden: 3 of 10 answers differ" in words for words in told)
        assert jobs(it) == []
        for _ in range(3):
            await it.one_pass()
            assert it.wrote == []


async def test_a_store_that_fails_for_a_time_is_asked_again(world: World) -> None:
    world.preflights["2"] = [ended(75, json.dumps({"v": 1, "transient": "the store answers 503"}))] * 2
    async with pilot(world) as it:
        await first_serves(it)
        world.api.submit(with_version(model(world.namespace), "2"))

        def waits(it: Pilot) -> bool:
            message = next(c["message"] for c in it.status["conditions"] if c["type"] == "Ready")
            return message.endswith("is in preflight: it is tried again after: the store answers 503")

        await it.run(until=waits)
        await it.run(until=lambda it: it.serves("2"))


async def test_too_little_memory_is_named(world: World) -> None:
    world.preflights["2"] = [ended(137, "", "OOMKilled")]
    async with pilot(world) as it:
        await first_serves(it)
        world.api.submit(with_version(model(world.namespace), "2"))
        await it.run(until=lambda it: it.settled("PreflightFailed"))
        assert "needs more memory than its limit of 1Gi" in events(it)["PreflightFailed"]


async def test_without_a_gateway_a_preflight_comes_first_too(world: World) -> None:
    world.preflights["2"] = [ended(65, FAILED)]
    deployment = model(world.namespace, traffic=None)
    async with pilot(world) as it:
        world.api.submit(policy(world.namespace), deployment)
        await it.run(until=lambda it: it.settled("Serving"))
        made = world.made
        world.api.submit(with_version(deployment, "2"))
        await it.run(until=lambda it: it.settled("PreflightFailed"))
        assert world.made == made
        assert it.status["stableVersion"] == "1"


async def test_a_digest_is_set_once_and_nothing_else_ever(world: World) -> None:
    async with pilot(world) as it:
        await first_serves(it)
        [record] = revisions(it).values()
    path = f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions/{record['metadata']['name']}"
    for changed in (digest_of("other"), None):
        with pytest.raises(ApiError, match="its digest is set once"):
            world.api.patch(path, {"spec": {"digest": changed}})
    with pytest.raises(ApiError, match="a ModelRevision never changes"):
        world.api.patch(path, {"spec": {"runtime": {"threads": 2}}})


async def test_a_tag_is_followed(world: World) -> None:
    one, two = digest_of("one"), digest_of("two")
    world.tags[TAG] = one
    async with pilot(world) as it:
        world.api.submit(
            policy(world.namespace), model(world.namespace, model={"uri": TAG, "follow": {"interval": "30s"}})
        )
        await it.one_pass()
        assert it.condition("Ready") == ("False", "Resolving")
        await it.run(until=lambda it: it.settled("Serving"))
        assert it.status["following"]["digest"] == one
        [record] = revisions(it).values()
        assert record["spec"]["model"] == {"uri": f"{TAG}@{one}", "digest": one}, "where it stays when the tag moves"
        world.tags[TAG] = two
        await it.run(until=lambda it: it.weights == {two: 100} and it.settled("Serving"))
        assert it.history == [{one: 100}, {one: 80, two: 20}, {one: 50, two: 50}, {two: 100}]
        del world.tags[TAG]
        await it.run(until=lambda it: it.status["following"]["failures"] == 1)
        assert it.condition("Ready") == ("True", "Serving")
        assert it.status["following"]["message"] == "cannot resolve the model: there is no such tag"
        assert it.weights == {two: 100}


async def test_between_looks_at_a_tag_nothing_is_written(world: World) -> None:
    world.tags[TAG] = digest_of("one")
    async with pilot(world) as it:
        followed = model(world.namespace, model={"uri": TAG, "follow": {"interval": "1h"}})
        world.api.submit(policy(world.namespace), followed)
        await it.run(until=lambda it: it.settled("Serving"))
        for _ in range(5):
            await it.one_pass()
            assert it.wrote == []


def refused(api: Api, namespace: str, **source: Any) -> str:
    path = f"{LEADSMAN}/namespaces/{namespace}/modeldeployments"
    return api.refusal(path, model(namespace, model={"uri": TAG, **source}))


def test_what_may_be_followed(api: Api, namespace: str) -> None:
    assert refused(api, namespace, follow={"interval": "10s"}) == ""
    assert "must be 10s at least" in refused(api, namespace, follow={"interval": "9s"})
    both = refused(api, namespace, follow={"interval": "1m"}, digest=digest_of("x"))
    assert "digest and follow exclude each other" in both


VERIFY = {
    "a key": ({"publicKey": {"configMap": "signers", "key": "fraud.pub"}}, ""),
    "a person": ({"identity": "ci@example.com", "issuer": "https://accounts.example.com"}, ""),
    "nobody": ({"required": True}, "either a publicKey, or an identity and its issuer"),
    "a person whom nobody vouches for": ({"identity": "ci@example.com"}, "either a publicKey, or an identity"),
    "both": (
        {"publicKey": {"secret": "s", "key": "k"}, "identity": "a", "issuer": "b"},
        "either a publicKey, or an identity",
    ),
    "a key in two places": (
        {"publicKey": {"configMap": "c", "secret": "s", "key": "k"}},
        "in a configMap or in a secret",
    ),
    "a key in no place": ({"publicKey": {"key": "k"}}, "in a configMap or in a secret"),
}


@pytest.mark.parametrize(("verify", "refusal"), VERIFY.values(), ids=VERIFY)
def test_who_may_have_signed(api: Api, namespace: str, verify: dict[str, Any], refusal: str) -> None:
    path = f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies"
    said = api.refusal(path, policy(namespace, preflight={"verify": verify}))
    assert refusal in said
    assert bool(refusal) == bool(said)
