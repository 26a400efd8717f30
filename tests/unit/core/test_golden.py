"""The objects that Leadsman builds, as committed in tests/golden/. A changed pod template would restart every model
that is born after; one that is there already keeps the template that its ModelRevision pins.
"""

from typing import Any

import pytest

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.preflight import PreflightRules
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Candidate, Following
from leadsman.core.autoscaler import desired_autoscaler
from leadsman.core.drift import drifted
from leadsman.core.job import preflight_job, resolve_job
from leadsman.core.names import REVISION_LABEL, preflight_name, resolve_name
from leadsman.core.podtemplate import pod_template
from leadsman.core.revision import Role, desired_revision, new_revision, revision_hash
from leadsman.core.routerules import Pinned
from leadsman.core.situation import Mirror
from leadsman.core.workload import (
    desired_deployment,
    desired_disruption_budget,
    desired_revision_service,
    desired_stable_service,
)
from support.golden import check_golden
from support.machine import START
from support.objects import GATEWAY, built_route, model_deployment

AUTOSCALED: dict[str, dict[str, Any]] = {
    "cpu": {},
    "cpu-at-50": {"targetCPU": 50},
    "keda": {
        "keda": {
            "triggers": [
                {
                    "type": "prometheus",
                    "metadata": {
                        "serverAddress": "http://prometheus.monitoring",
                        "query": 'sum(rate(requests_total{pod=~"{{model}}-{{ revision }}-.*",ns="{{namespace}}"}[1m]))',
                        "threshold": "50",
                        "other": "{{of KEDA}}",
                    },
                    "authenticationRef": {"name": "prometheus"},
                    "metricType": "AverageValue",
                }
            ]
        }
    },
}
IMAGE = "leadsman-serving:0.1.0"

DEPLOYMENTS: dict[str, ModelDeployment] = {
    "https": model_deployment(),
    "s3-with-secret": model_deployment(
        model={
            "uri": "s3://models/fraud/2026.onnx",
            "digest": f"sha256:{'0123456789abcdef' * 4}",
            "version": "2026.11.20",
            "secretName": "store",
        },
        runtime={"threads": 4, "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": 4, "memory": "8Gi"}}},
    ),
    "oci": model_deployment(
        model={"uri": "oci://registry.example.com/models/fraud:2026.11.20", "secretName": "registry"}
    ),
    "configured": model_deployment(
        model={"uri": "oci://registry.example.com/models/fraud:2026.11.20", "secretName": "registry"},
        runtime={
            "batching": {"maxSize": 32, "maxDelay": "1ms"},
            "timeout": "90s",
            "maxInFlight": 200,
            "maxBodySize": "16Mi",
            "schemaViolations": "Reject",
            "accessLog": True,
            "env": [
                {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector.tracing:4318"},
                {"name": "OTEL_EXPORTER_OTLP_HEADERS", "valueFrom": {"secret": "tracing", "key": "headers"}},
                {"name": "AWS_REGION", "value": "$(HOME)"},
            ],
        },
    ),
    "pvc": model_deployment(model={"uri": "pvc://models/fraud/2026.onnx"}, runtime={"serviceAccountName": "fraud"}),
}
FRAUD = model_deployment(scaling={"minReplicas": 2}, traffic={**GATEWAY, "hostnames": ["fraud.example.com"]})


GRPC = model_deployment(
    scaling={"minReplicas": 2},
    traffic={**GATEWAY, "hostnames": ["fraud.example.com"], "grpc": {"hostnames": ["grpc.fraud.example.com"]}},
)


def template(deployment: ModelDeployment) -> dict[str, Any]:
    """The pod template of the revision that a deployment describes."""
    spec = deployment.spec
    return pod_template(deployment.metadata.name, revision_hash(spec), spec.model, spec.runtime, IMAGE)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pod_template(name: str, update_golden: bool) -> None:
    check_golden(f"pod-template-{name}", template(DEPLOYMENTS[name]), update=update_golden)


def test_deployment(update_golden: bool) -> None:
    revision = revision_hash(FRAUD.spec)
    check_golden("deployment", desired_deployment(FRAUD, revision, template(FRAUD), 2), update=update_golden)


def test_autoscalers(update_golden: bool) -> None:
    for name, scaling in AUTOSCALED.items():
        deployment = model_deployment(scaling={"minReplicas": 2, "maxReplicas": 8, **scaling})
        built = desired_autoscaler(deployment, revision_hash(deployment.spec), 5)
        check_golden(f"autoscaler-{name}", built, update=update_golden)


def test_disruption_budget(update_golden: bool) -> None:
    check_golden("disruptionbudget", desired_disruption_budget(FRAUD, revision_hash(FRAUD.spec)), update=update_golden)


def test_services(update_golden: bool) -> None:
    revision = revision_hash(FRAUD.spec)
    built = [desired_revision_service(FRAUD, revision), desired_stable_service(FRAUD, revision)]
    check_golden("services", built, update=update_golden)


def test_services_for_grpc_have_a_port_more(update_golden: bool) -> None:
    revision = revision_hash(FRAUD.spec)
    built = [desired_revision_service(GRPC, revision), desired_stable_service(GRPC, revision)]
    check_golden("services-grpc", built, update=update_golden)


ROUTES: dict[str, dict[str, Any]] = {
    "httproute": built_route(FRAUD, {"bcdfghjk": 95, revision_hash(FRAUD.spec): 5}),
    "httproute-shadow": built_route(FRAUD, {"bcdfghjk": 100}, Mirror(revision_hash(FRAUD.spec), 20)),
    "httproute-testers": built_route(
        FRAUD,
        {"bcdfghjk": 100},
        Mirror(revision_hash(FRAUD.spec), 100),
        pinned=Pinned(revision_hash(FRAUD.spec), "x-tester", "yes"),
    ),
    "httproute-affinity": built_route(
        model_deployment(traffic={**GATEWAY, "affinity": {"type": "Header"}}), {"bcdfghjk": 95, "kjhgfdcb": 5}
    ),
    "grpcroute": built_route(GRPC, {"bcdfghjk": 95, revision_hash(FRAUD.spec): 5}, kind="GRPCRoute"),
    "grpcroute-shadow": built_route(GRPC, {"bcdfghjk": 100}, Mirror(revision_hash(FRAUD.spec), 20), kind="GRPCRoute"),
}


@pytest.mark.parametrize("name", ROUTES)
def test_route(name: str, update_golden: bool) -> None:
    check_golden(name, ROUTES[name], update=update_golden)


def test_model_revision(update_golden: bool) -> None:
    deployment = DEPLOYMENTS["s3-with-secret"]
    revision = revision_hash(deployment.spec)
    spec = new_revision(deployment, revision, IMAGE).model_dump(mode="json", by_alias=True, exclude_none=True)
    built = desired_revision(deployment, revision, spec, Role.CANDIDATE)
    check_golden("modelrevision", built, update=update_golden)


def job(
    name: str,
    rules: PreflightRules | None = None,
    stable: str | None = None,
    stable_digest: str | None = f"sha256:{'ab' * 32}",
) -> dict[str, Any]:
    """The preflight Job of what a deployment describes, against what another one does."""
    records = [
        ModelRevision.model_validate(
            {
                "metadata": {"name": "fraud"},
                "spec": new_revision(DEPLOYMENTS[one], revision_hash(DEPLOYMENTS[one].spec), IMAGE, digest),
            }
        )
        for one, digest in ((name, None), (stable, stable_digest))
        if one
    ]
    policy = RolloutPolicySpec(preflight=rules or PreflightRules())
    candidate = Candidate(revision=records[0].spec.revision, started_at=START, policy=policy)
    return preflight_job(DEPLOYMENTS[name], candidate, records[0], records[1] if stable else None)


STRICT = PreflightRules.model_validate(
    {
        "deadline": "30m",
        "signatureChange": "Allow",
        "agreement": {"atLeast": 0.95},
        "latency": {"maxMilliseconds": 50, "tolerateRatio": 1.5},
        "verify": {"publicKey": {"configMap": "signers", "key": "fraud.pub"}, "required": True},
    }
)
KEYLESS = PreflightRules.model_validate(
    {"verify": {"identity": "ci@example.com", "issuer": "https://accounts.example.com"}}
)
JOBS = {
    "first": job("https"),
    "s3-against-pvc": job("s3-with-secret", stable="pvc"),
    "oci-by-all-rules": job("oci", STRICT, stable="s3-with-secret"),
    "pvc-keyless": job("pvc", KEYLESS, stable="https"),
    "configured": job("configured"),
}


@pytest.mark.parametrize("name", JOBS)
def test_preflight_job(name: str, update_golden: bool) -> None:
    check_golden(f"job-preflight-{name}", JOBS[name], update=update_golden)


def test_resolve_job(update_golden: bool) -> None:
    before = Following(
        uri="oci://registry.example.com/fraud:stable",
        identity="sha256:$(HOME)",
        digest=f"sha256:{'ab' * 32}",
        checked_at=START,
    )
    check_golden("job-resolve", resolve_job(DEPLOYMENTS["oci"], before, IMAGE), update=update_golden)


@pytest.mark.parametrize("name", JOBS)
def test_no_service_and_no_deployment_selects_the_pods_of_a_job(name: str) -> None:
    labels = JOBS[name]["spec"]["template"]["metadata"]["labels"]
    assert REVISION_LABEL not in labels
    selector = desired_deployment(FRAUD, "a", template(FRAUD), 1)["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= labels.items()


@pytest.mark.parametrize("name", JOBS)
def test_a_preflight_runs_as_its_pods_will(name: str) -> None:
    """The same image, limits, rights and credentials."""
    source = {"first": "https", "s3-against-pvc": "s3-with-secret", "oci-by-all-rules": "oci", "pvc-keyless": "pvc"}
    source |= {"configured": "configured"}
    pod, job = template(DEPLOYMENTS[source[name]])["spec"], JOBS[name]["spec"]["template"]["spec"]
    [fetch], [server], [container] = pod["initContainers"], pod["containers"], job["containers"]
    for part in ("image", "securityContext"):
        assert container[part] == server[part]
    mine, theirs = container["resources"], server["resources"]
    assert mine["requests"] == theirs["requests"]
    assert {**mine["limits"], "memory": ""} == {**theirs["limits"], "memory": ""}
    told = container["args"][container["args"].index("--memory-limit") + 1]
    assert not drifted(told, theirs["limits"]["memory"]), "what the model may need is what its pods will have"
    for part in ("serviceAccountName", "automountServiceAccountToken", "securityContext"):
        assert job.get(part) == pod.get(part)
    assert container.get("env", []) == fetch.get("env", [])
    assert all(variable in fetch.get("env", []) for variable in server.get("env", []))
    assert all(secret in container.get("envFrom", []) for secret in fetch.get("envFrom", []))
    assert all(mount in container["volumeMounts"] for mount in fetch["volumeMounts"])
    assert all(volume in job["volumes"] for volume in pod["volumes"])


def test_a_preflight_has_room_for_what_measures() -> None:
    """A model that needs nearly all that its pods will have is not rejected for the preflight's own memory."""
    limits = [JOBS[name]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] for name in JOBS]
    gib, more = 1 << 30, 128 << 20
    assert [int(one["memory"]) - more for one in limits] == [gib, 8 * gib, gib, gib, gib]


def test_a_stable_model_is_asked_for_by_its_digest_under_the_same_uri_too() -> None:
    """It may be there still, as after a change of the runtime; whether its bytes are, preflight says."""
    arguments = container_of(job("https", STRICT, stable="https"))["args"]
    against = arguments.index("--against")
    assert arguments[against : against + 4] == ["--against", arguments[1], "--against-digest", f"sha256:{'ab' * 32}"]


def test_a_model_is_not_compared_with_itself_for_want_of_a_digest() -> None:
    assert "--against" not in container_of(job("https", stable="https", stable_digest=None))["args"]


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    """The only container of a Job."""
    [container] = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_a_job_s_name_is_a_label_whatever_the_model_is_called() -> None:
    """Kubernetes puts it onto the Job's pods. Two models of long names have two Jobs."""
    long = "a" * 51
    names = {preflight_name(f"{long}{letter}", "bcdfghjk") for letter in "bc"}
    assert len(names) == 2
    assert all(len(name) <= 63 and name.endswith("-bcdfghjk-preflight") for name in names)
    assert preflight_name("fraud", "bcdfghjk") == "fraud-bcdfghjk-preflight"
    assert len(resolve_name("a" * 52)) <= 63


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_keep_to_the_restricted_profile(name: str) -> None:
    spec = template(DEPLOYMENTS[name])["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] == ("serviceAccountName" in spec)
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
