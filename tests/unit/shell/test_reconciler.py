"""Passes that fail half-way: what is still done, what is said, and what is left alone."""

import asyncio
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from leadsman.api.checks import Check, LatencyCheck
from leadsman.api.status import Phase, Rejection, Watch
from leadsman.core.names import model_labels
from leadsman.core.revision import revision_hash
from leadsman.shell.kube import CONFLICT, KubeError, NotFoundError, Resource, TakenError
from leadsman.shell.reconciler import Reconciler
from leadsman.shell.telemetry import Heartbeat, Metrics
from support.machine import POLICY, canary, policy, serving, warm
from support.objects import GATEWAY, NOW, UID, as_written, model_deployment, model_revision, route

OWNED = {"ownerReferences": [{"uid": UID}]}
KEY = ("payments", "fraud")
LAST_STEP = 1


@dataclass
class FakeKube:
    """Objects in a dictionary, and calls that fail on demand. What is written is noted, not merged."""

    objects: dict[tuple[str, str], dict[str, Any]]
    fails: dict[str, KubeError] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        if error := self.fails.get(f"get {resource.kind} {name}"):
            raise error
        if (resource.kind, name) not in self.objects:
            raise NotFoundError("no such object", 404)
        return deepcopy(self.objects[resource.kind, name])

    async def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        return [deepcopy(item) for (kind, _), item in self.objects.items() if kind == resource.kind]

    async def apply(
        self, resource: Resource, body: dict[str, Any], subresource: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        what = f"{resource.kind} {body['metadata']['name']} {subresource}".strip()
        if error := self.fails.get(what):
            raise error
        if not force and self.fails.get("taken"):
            raise TakenError(resource, body["metadata"]["name"], "it was made meanwhile")
        self.written.append(what)
        self.bodies[what] = body
        return body

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        self.written.append(f"{resource.kind} {body['reason']}")
        return body

    async def delete(self, resource: Resource, namespace: str, name: str) -> None:
        self.written.append(f"delete {resource.kind} {name}")


def running_canary(*, healthy: bool, weight_index: int = 0, desired: str | None = None) -> FakeKube:
    """b is on trial against a; its pods are ready, or none of them is."""
    spec: dict[str, Any] = {"traffic": GATEWAY}
    b = revision_hash(model_deployment(**spec).spec)
    named = model_deployment(model={"version": desired} if desired else None, **spec)
    state = canary(weight_index)
    assert state.candidate is not None
    state = state.model_copy(update={"candidate": state.candidate.model_copy(update={"revision": b})})
    weight = 50 if weight_index else 10
    deployment = named.model_dump(mode="json", by_alias=True, exclude_none=True)
    deployment["status"] = {
        "observedGeneration": 3,
        "rollout": state.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    objects: dict[tuple[str, str], dict[str, Any]] = {
        ("ModelDeployment", "fraud"): deployment,
        ("HTTPRoute", "fraud"): route({"a": 100 - weight, b: weight}),
    }
    objects["HTTPRoute", "fraud"]["metadata"] |= {"labels": model_labels("fraud"), **OWNED}
    for revision in ("a", b):
        name = f"fraud-{revision}"
        objects["ModelRevision", name] = model_revision(revision)
        for kind in ("Deployment", "Service"):
            objects[kind, name] = {"kind": kind, "metadata": {"name": name, **OWNED}}
        objects["Pod", name] = {
            "kind": "Pod",
            "metadata": {"name": name, "uid": name, "labels": {"leadsman.dev/revision": revision}},
            "status": {"conditions": [{"type": "Ready", "status": str(healthy or revision == "a")}]},
        }
    return FakeKube(objects)


def reconciler(kube: FakeKube) -> Reconciler:
    return Reconciler(
        kube=kube,
        http=httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(404))),
        metrics=Metrics(CollectorRegistry()),
        heartbeat=Heartbeat(),
        serving_image="serving:2",
        identity="test",
        clock=lambda: NOW + timedelta(minutes=1),
        slots=asyncio.Semaphore(1),
    )


def weights(kube: FakeKube) -> list[int]:
    return [backend["weight"] for backend in kube.bodies["HTTPRoute fraud"]["spec"]["rules"][0]["backendRefs"]]


def down(status: int = 503) -> KubeError:
    return KubeError("the API server says no", status)


async def test_a_rollback_takes_traffic_away_even_when_its_status_cannot_be_written() -> None:
    kube = running_canary(healthy=False)
    kube.fails["ModelDeployment fraud status"] = down()
    await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]
    assert not [what for what in kube.written if what.startswith(("Deployment", "delete"))], "only the route is moved"


async def test_a_rollback_takes_traffic_away_even_when_its_receipt_cannot_be_written() -> None:
    kube = running_canary(healthy=False)
    b = next(name for kind, name in kube.objects if kind == "Pod" and name != "fraud-a")
    kube.fails[f"ModelRevision {b} status"] = down()
    await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]


def ask(kube: FakeKube, name: str, verb: str, **spec: Any) -> None:
    """Somebody asks for something."""
    kube.objects["RolloutAction", name] = {
        "metadata": {"name": name, "namespace": "payments", "uid": name, "creationTimestamp": NOW.isoformat()},
        "spec": {"modelDeployment": "fraud", "verb": verb, **spec},
    }


async def test_a_rollback_does_not_wait_for_an_answer_that_cannot_be_written() -> None:
    kube = running_canary(healthy=False)
    ask(kube, "first", "Pause")
    ask(kube, "second", "Resume")
    kube.fails["RolloutAction first status"] = down(403)
    again = await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]
    assert "Event CandidateUnready" in kube.written
    assert "RolloutAction second status" in kube.written, "one that is refused does not stand before the others"
    conditions = kube.bodies["ModelDeployment fraud status"]["status"]["conditions"]
    assert {c["type"]: c["reason"] for c in conditions}["Stalled"] == "Refused"
    assert again <= timedelta(seconds=1)


SECONDARY = {
    "an answer that a policy refuses": ("RolloutAction first status", 403),
    "an answer whose webhook is down": ("RolloutAction first status", 500),
    "a disruption budget beyond a quota": ("PodDisruptionBudget fraud-a", 403),
    "a receipt that a policy refuses": ("ModelRevision fraud-a", 403),
    "a status whose webhook is down": ("ModelDeployment fraud status", 500),
}


async def waits(one: Reconciler) -> list[float]:
    """Seconds between looks, once nothing doubles any more."""
    return [(await one.reconcile(KEY)).total_seconds() for _ in range(12)][-3:]


@pytest.mark.parametrize(("what", "status"), SECONDARY.values(), ids=SECONDARY)
async def test_whatever_cannot_be_written_a_candidate_is_looked_at_as_often_as_ever(what: str, status: int) -> None:
    kube = running_canary(healthy=True)
    kube.objects["ModelDeployment", "fraud"]["spec"]["scaling"] = {"minReplicas": 2}
    ask(kube, "first", "Resume")
    one = reconciler(kube)
    usual = max(await waits(one))
    kube.fails[what] = down(status)
    assert max(await waits(one)) <= usual
    assert (await one.reconcile(KEY)).total_seconds() >= 0.5, "nor does it spin"


async def test_what_was_promoted_is_watched_as_often_as_ever() -> None:
    kube = running_canary(healthy=True)
    [b] = [name.removeprefix("fraud-") for kind, name in kube.objects if kind == "Pod" and name != "fraud-a"]
    watched = policy(checks=(Check(latency=LatencyCheck()),), interval=timedelta(seconds=5))
    watch = Watch(previous="a", until=NOW + timedelta(minutes=30), policy=watched, copies=100)
    state = serving(b, phase=Phase.WATCHING, watch=watch, retiring=(warm("a"),))
    dumped = state.model_dump(mode="json", by_alias=True, exclude_none=True)
    kube.objects["ModelDeployment", "fraud"]["status"]["rollout"] = dumped
    ask(kube, "first", "Resume")
    kube.fails["RolloutAction first status"] = down(403)
    assert max(await waits(reconciler(kube))) <= 5


async def test_a_route_that_cannot_be_written_after_a_rollback_is_tried_every_ten_seconds_at_least() -> None:
    kube = running_canary(healthy=False)
    [b] = [name.removeprefix("fraud-") for kind, name in kube.objects if kind == "Pod" and name != "fraud-a"]
    rejected = Rejection(revision=b, at=NOW, reason="EvidenceFailed", message="it errs")
    state = serving("a", phase=Phase.ROLLED_BACK, rejected=rejected)
    kube.objects["ModelDeployment", "fraud"]["status"]["rollout"] = as_written(state)
    kube.fails["HTTPRoute fraud"] = down(403)
    assert max(await waits(reconciler(kube))) <= 10


@pytest.mark.parametrize(("status", "least", "most"), [(403, 60, 120), (503, 10, 30)])
async def test_what_cannot_be_written_is_tried_less_often_where_nothing_is_on_trial(
    status: int, least: float, most: float
) -> None:
    """An API server that is back is not kept waiting for long."""
    kube = running_canary(healthy=True)
    [b] = [name.removeprefix("fraud-") for kind, name in kube.objects if kind == "Pod" and name != "fraud-a"]
    kube.objects["ModelDeployment", "fraud"]["status"]["rollout"] = as_written(serving(b))
    kube.objects["HTTPRoute", "fraud"] |= {key: route({b: 100})[key] for key in ("spec", "status")}
    ask(kube, "first", "Resume")
    kube.fails["RolloutAction first status"] = down(status)
    found = await waits(reconciler(kube))
    assert least <= min(found)
    assert max(found) <= most


async def test_without_a_gateway_the_service_goes_back_even_when_the_status_cannot_be_written() -> None:
    kube = running_canary(healthy=False)
    [b] = [name.removeprefix("fraud-") for kind, name in kube.objects if kind == "Pod" and name != "fraud-a"]
    del kube.objects["HTTPRoute", "fraud"]
    deployment = kube.objects["ModelDeployment", "fraud"]
    del deployment["spec"]["traffic"]
    watch = Watch(previous="a", until=NOW + timedelta(minutes=30), policy=POLICY)
    state = serving(b, phase=Phase.WATCHING, watch=watch, retiring=(warm("a"),))
    deployment["status"]["rollout"] = state.model_dump(mode="json", by_alias=True, exclude_none=True)
    selector = {"leadsman.dev/model": "fraud", "leadsman.dev/revision": b}
    metadata = {"name": "fraud", "resourceVersion": "7", **OWNED}
    kube.objects["Service", "fraud"] = {"kind": "Service", "metadata": metadata, "spec": {"selector": selector}}
    kube.fails["ModelDeployment fraud status"] = down()
    await reconciler(kube).reconcile(KEY)
    assert kube.bodies["Service fraud"]["spec"]["selector"]["leadsman.dev/revision"] == "a"
    assert "resourceVersion" not in kube.bodies["Service fraud"]["metadata"], "it waits for nobody"
    assert not [what for what in kube.written if what.startswith(("Deployment", "delete"))], "only traffic is moved"


async def test_a_new_spec_takes_traffic_from_the_old_candidate_even_when_the_new_record_is_refused() -> None:
    kube = running_canary(healthy=True, desired="3")
    deployment = model_deployment(model={"version": "3"}, traffic=GATEWAY)
    kube.fails[f"ModelRevision fraud-{revision_hash(deployment.spec)}"] = down(403)
    await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]


async def test_a_promotion_whose_status_cannot_be_written_moves_nothing() -> None:
    # Back to a by the spec is a retreat; a promotion of b is not, though no candidate is left after either.
    kube = running_canary(healthy=True, weight_index=LAST_STEP)
    rollout = kube.objects["ModelDeployment", "fraud"]["status"]["rollout"]
    rollout["candidate"]["policy"]["onInconclusive"] = "Promote"
    rollout["candidate"]["stepStartedAt"] = (NOW - timedelta(days=1)).isoformat()
    kube.fails["ModelDeployment fraud status"] = down(CONFLICT)
    await reconciler(kube).reconcile(KEY)
    assert [what for what in kube.written if not what.endswith("status")] == []


async def test_a_decision_is_told_even_when_acting_on_it_fails() -> None:
    kube = running_canary(healthy=False)
    kube.fails["HTTPRoute fraud"] = down()
    again = await reconciler(kube).reconcile(KEY)
    assert "Event CandidateUnready" in kube.written
    assert again <= timedelta(seconds=1)


async def test_a_refusal_is_written_over_the_status_that_was_committed_before_it() -> None:
    kube = running_canary(healthy=False)
    kube.fails["HTTPRoute fraud"] = down(403)
    one = reconciler(kube)
    again = await one.reconcile(KEY)
    conditions = kube.bodies["ModelDeployment fraud status"]["status"]["conditions"]
    assert {c["type"]: c["reason"] for c in conditions}["Stalled"] == "Refused"
    assert again <= timedelta(seconds=1), "a candidate may be on trial: it is looked at again soon"


async def test_an_object_of_somebody_else_is_not_taken_over() -> None:
    kube = running_canary(healthy=True)
    del kube.objects["ModelDeployment", "fraud"]["status"]
    for key in [key for key in kube.objects if key[0] in ("Service", "ModelRevision", "HTTPRoute", "Deployment")]:
        del kube.objects[key]
    kube.fails["taken"] = down(CONFLICT)
    await reconciler(kube).reconcile(KEY)
    conditions = kube.bodies["ModelDeployment fraud status"]["status"]["conditions"]
    assert "is there already" in json.dumps(conditions)


async def test_a_policy_that_went_wrong_does_not_end_the_watch_on_a_running_candidate() -> None:
    kube = running_canary(healthy=False)
    kube.objects["ModelDeployment", "fraud"]["spec"]["rolloutPolicy"] = {"name": "careful"}
    kube.objects["RolloutPolicy", "careful"] = {"metadata": {"name": "careful"}, "spec": {"interval": "soon"}}
    await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]


async def test_a_query_that_cannot_be_asked_is_refused_before_anything_is_rolled_out() -> None:
    kube = running_canary(healthy=True)
    deployment = kube.objects["ModelDeployment", "fraud"]
    del deployment["status"]
    deployment["spec"]["rolloutPolicy"] = {"name": "careful"}
    check = {"prometheus": {"name": "revenue", "query": 'revenue{pod="{{pod}}"}', "min": 1}}
    kube.objects["RolloutPolicy", "careful"] = {"metadata": {"name": "careful"}, "spec": {"checks": [check]}}
    await reconciler(kube).reconcile(KEY)
    conditions = kube.bodies["ModelDeployment fraud status"]["status"]["conditions"]
    [stalled] = [condition for condition in conditions if condition["type"] == "Stalled"]
    assert stalled["reason"] == "InvalidSpec"
    assert "RolloutPolicy careful: spec.checks.0.prometheus.query: {{pod}} stands for nothing" in stalled["message"]
    assert "candidate" not in kube.bodies["ModelDeployment fraud status"]["status"]["rollout"]


def names_config_map(kube: FakeKube) -> FakeKube:
    """Have the ModelDeployment name a ConfigMap."""
    variable = {"name": "AWS_REGION", "valueFrom": {"configMap": "store", "key": "region"}}
    kube.objects["ModelDeployment", "fraud"]["spec"]["runtime"] = {"env": [variable]}
    return kube


@pytest.mark.parametrize("status", [0, 403, 404, 500])
async def test_a_rollback_needs_no_config_map(status: int) -> None:
    kube = names_config_map(running_canary(healthy=False))
    kube.fails["get ConfigMap store"] = down(status) if status != 404 else NotFoundError("no such object", 404)
    await reconciler(kube).reconcile(KEY)
    assert weights(kube) == [100]


async def test_a_config_map_that_cannot_be_read_now_is_tried_again_and_nothing_is_said() -> None:
    kube = names_config_map(running_canary(healthy=True))
    del kube.objects["ModelDeployment", "fraud"]["status"]
    kube.fails["get ConfigMap store"] = down()
    assert await reconciler(kube).reconcile(KEY) <= timedelta(seconds=1)
    assert kube.written == []


async def test_a_config_map_that_may_not_be_read_is_said_and_nothing_is_born() -> None:
    kube = names_config_map(running_canary(healthy=True))
    del kube.objects["ModelDeployment", "fraud"]["status"]
    kube.fails["get ConfigMap store"] = down(403)
    await reconciler(kube).reconcile(KEY)
    conditions = kube.bodies["ModelDeployment fraud status"]["status"]["conditions"]
    [stalled] = [condition for condition in conditions if condition["type"] == "Stalled"]
    assert stalled["reason"] == "ConfigUnknown"
    assert stalled["message"].startswith(
        "ConfigMap store, which spec.runtime.env names for AWS_REGION, cannot be read: the API server says no"
    )
    records = {f"ModelRevision {name}" for kind, name in kube.objects if kind == "ModelRevision"}
    assert {what for what in kube.written if what.startswith("ModelRevision")} <= records
