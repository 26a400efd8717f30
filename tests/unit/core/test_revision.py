"""What makes a revision: its hash must survive every upgrade of Leadsman."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.modeldeployment import ModelDeployment, ModelDeploymentSpec
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.status import Phase, RolloutState
from leadsman.core.revision import Role, new_revision, revision_hash, revisions_with_role, role_of
from support.machine import candidate, rolled_back
from support.objects import model_deployment, model_revision

URI = "https://models.example.com/fraud.onnx"

# If one of these fails, an upgrade of Leadsman would roll out every model that it manages. A default that has been
# released can never change: the API server has written it into the objects that exist.
GOLDEN: dict[str, tuple[dict[str, Any], str]] = {
    "the least": ({"model": {"uri": URI}}, "272x475j"),
    "the least, with every default written out": (
        {
            "model": {"uri": URI, "digest": None, "version": None, "secretName": None},
            "runtime": {
                "executionProvider": "CPU",
                "threads": None,
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
                "serviceAccountName": None,
            },
        },
        "272x475j",
    ),
    "everything": (
        {
            "model": {
                "uri": "s3://models/fraud/2026.onnx",
                "digest": f"sha256:{'0123456789abcdef' * 4}",
                "version": "2026.11.20",
                "secretName": "store",
            },
            "runtime": {
                "threads": 4,
                "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"cpu": 4, "memory": "8Gi"}},
                "serviceAccountName": "fraud",
            },
        },
        "x2mgrbjb",
    ),
}


@pytest.mark.parametrize(("spec", "expected"), GOLDEN.values(), ids=GOLDEN.keys())
def test_a_hash_is_for_ever(spec: dict[str, Any], expected: str) -> None:
    assert revision_hash(ModelDeploymentSpec.model_validate(spec)) == expected


SAME: dict[str, dict[str, Any]] = {
    "more replicas": {"scaling": {"minReplicas": 7}},
    "another gateway": {"traffic": {"gateway": {"name": "public"}, "hostnames": ["fraud.example.com"]}},
    "another policy": {"rolloutPolicy": {"name": "careless"}},
    "the default runtime written out": {"runtime": {"executionProvider": "CPU", "threads": None}},
    "every default of the server written out": {
        "runtime": {
            "batching": {"maxSize": 64, "maxDelay": "0s"},
            "timeout": "60s",
            "maxInFlight": 1000,
            "maxBodySize": "64Mi",
            "schemaViolations": "Count",
            "accessLog": False,
            "env": [],
        }
    },
    "a field of a newer Leadsman": {"explain": {"method": "shap"}},
}
OTHER: dict[str, dict[str, Any]] = {
    "other bytes": {"model": {"uri": "https://models.example.com/fraud2.onnx"}},
    "a digest": {"model": {"uri": URI, "digest": f"sha256:{'0' * 64}"}},
    "a version": {"model": {"uri": URI, "version": "2"}},
    "a secret": {"model": {"uri": URI, "secretName": "store"}},
    "more threads": {"runtime": {"threads": 2}},
    "one thread": {"runtime": {"threads": 1}},
    "more memory": {"runtime": {"resources": {"requests": {"cpu": "100m", "memory": "256Mi"}}}},
    "another account": {"runtime": {"serviceAccountName": "fraud"}},
    "smaller batches": {"runtime": {"batching": {"maxSize": 32}}},
    "a delay": {"runtime": {"batching": {"maxDelay": "1ms"}}},
    "a timeout": {"runtime": {"timeout": "20s"}},
    "fewer at once": {"runtime": {"maxInFlight": 10}},
    "smaller requests": {"runtime": {"maxBodySize": "1Mi"}},
    "stricter": {"runtime": {"schemaViolations": "Reject"}},
    "an access log": {"runtime": {"accessLog": True}},
    "a variable": {"runtime": {"env": [{"name": "A", "value": "b"}]}},
    "an empty variable": {"runtime": {"env": [{"name": "A", "value": ""}]}},
    "a Secret's key": {"runtime": {"env": [{"name": "A", "valueFrom": {"secret": "b", "key": "c"}}]}},
    "another Secret's key": {"runtime": {"env": [{"name": "A", "valueFrom": {"secret": "b2", "key": "c"}}]}},
}


def hash_with(changes: dict[str, Any]) -> str:
    """The hash of the least spec with changes."""
    return revision_hash(ModelDeploymentSpec.model_validate({"model": {"uri": URI}} | changes))


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME.keys())
def test_is_the_same_revision(changes: dict[str, Any]) -> None:
    assert hash_with(changes) == hash_with({})


def test_each_of_these_is_another_revision() -> None:
    hashes = {hash_with(changes) for changes in OTHER.values()}
    assert len(hashes | {hash_with({})}) == len(OTHER) + 1


quantities = st.sampled_from(["100m", "1", "2.5", "64Mi", "1Gi"])
specs = st.fixed_dictionaries(
    {"model": st.fixed_dictionaries({"uri": st.sampled_from([URI, "pvc://claim/m.onnx"])})},
    optional={
        "runtime": st.fixed_dictionaries(
            {},
            optional={
                "threads": st.integers(1, 256),
                "timeout": st.sampled_from(["60s", "1m", "20s", "1h"]),
                "maxInFlight": st.integers(998, 1002),
                "accessLog": st.booleans(),
                "batching": st.fixed_dictionaries(
                    {}, optional={"maxSize": st.integers(60, 66), "maxDelay": st.sampled_from(["0s", "1ms", "1s"])}
                ),
                "env": st.lists(
                    st.fixed_dictionaries({"name": st.sampled_from("ABC"), "value": st.sampled_from(["", "x"])}),
                    max_size=3,
                    unique_by=lambda variable: variable["name"],
                ),
                "resources": st.fixed_dictionaries(
                    {}, optional={"limits": st.dictionaries(st.sampled_from(["cpu", "memory", "gpu"]), quantities)}
                ),
            },
        ),
        "scaling": st.fixed_dictionaries({"minReplicas": st.integers(1, 9)}),
    },
)


@given(specs)
def test_the_hash_survives_json_and_the_defaults_that_the_api_server_writes(raw: dict[str, Any]) -> None:
    spec = ModelDeploymentSpec.model_validate(raw)
    stored = json.loads(spec.model_dump_json(by_alias=True))
    assert ModelDeploymentSpec.model_validate(stored) == spec
    assert revision_hash(ModelDeploymentSpec.model_validate(stored)) == revision_hash(spec)
    reordered = dict(reversed(list(stored.items())))
    assert revision_hash(ModelDeploymentSpec.model_validate(reordered)) == revision_hash(spec)
    assert set(revision_hash(spec)) <= set("bcdfghjklmnpqrstvwxz2456789")


def test_a_revision_pins_the_image_of_its_day() -> None:
    deployment = model_deployment(model={"version": "2"})
    revision = revision_hash(deployment.spec)
    old, new = (new_revision(deployment, revision, image) for image in ("serving:1", "serving:2"))
    assert (old.model, old.runtime, old.revision) == (new.model, new.runtime, new.revision)
    assert old.pod_template["spec"]["containers"][0]["image"] == "serving:1"
    assert new.pod_template["spec"]["containers"][0]["image"] == "serving:2"


def test_a_model_deployment_survives_json() -> None:
    deployment = model_deployment()
    assert ModelDeployment.model_validate_json(deployment.model_dump_json(by_alias=True)) == deployment


@pytest.mark.parametrize(
    ("revision", "role"),
    [("a", Role.STABLE), ("b", Role.CANDIDATE), ("c", Role.RETIRED)],
)
def test_the_role_of_a_revision(revision: str, role: Role) -> None:
    state = RolloutState(stable="a", phase=Phase.PREPARING, candidate=candidate("b"))
    assert role_of(revision, state) is role


def test_the_role_of_a_rejected_revision() -> None:
    assert role_of("b", rolled_back()) is Role.REJECTED


def test_revisions_are_found_by_role_newest_first() -> None:
    found = [
        ModelRevision.model_validate(model_revision(name, role=role, born=timedelta(minutes=minutes)))
        for name, role, minutes in (("old", "stable", 1), ("new", "stable", 2), ("bad", "rejected", 3))
    ]
    assert [one.spec.revision for one in revisions_with_role(found, Role.STABLE)] == ["new", "old"]
    assert [one.spec.revision for one in revisions_with_role(found, Role.REJECTED)] == ["bad"]
    assert revisions_with_role(found, Role.CANDIDATE) == []
