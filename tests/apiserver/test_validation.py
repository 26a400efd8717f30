"""What the API server refuses, and in which words; what it has to take. Nothing of ours runs here but the CRDs."""

from typing import Any

import pytest
import yaml

from apiserver.kubeapi import LEADSMAN, Api, ApiError, model, policy
from leadsman.api.runtime import Runtime
from support.docs import ROOT, section

pytestmark = pytest.mark.apiserver

URI = "s3://models/1.onnx"
HEX = "0123456789abcdef" * 4


def step(weight: int, **durations: str) -> dict[str, Any]:
    return {"weight": weight, **durations}


def shadow(**fields: Any) -> dict[str, Any]:
    return {"shadow": fields}


PROMETHEUS = {"query": "up", "min": 1}
EVERY_KIND: list[dict[str, Any]] = [
    {"errorRate": {"objective": 0.005}},
    {"latency": {}},
    {"agreement": {}},
    {"quality": {}},
    {"predictions": {}},
    {"crashes": {}},
]


def env(name: str, **variable: Any) -> dict[str, Any]:
    """A spec with one variable."""
    return {"runtime": {"env": [{"name": name, **variable}]}}


TRIGGER = {"type": "prometheus", "metadata": {"query": "sum(rate(requests{revision='{{revision}}'}[1m]))"}}

REFUSED_MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "spec.model: Required value"),
    "a model without a URI": ({"model": {}}, "spec.model.uri: Required value"),
    "a URI of an unknown scheme": ({"model": {"uri": "ftp://host/model"}}, "spec.model.uri"),
    "a URI without a path": ({"model": {"uri": "s3://bucket"}}, "spec.model.uri"),
    "a URI with a blank": ({"model": {"uri": "s3://bucket/a b"}}, "spec.model.uri"),
    "a plain path": ({"model": {"uri": "/models/1.onnx"}}, "spec.model.uri"),
    "a digest that is not SHA-256": ({"model": {"uri": URI, "digest": "md5:" + "0" * 32}}, "spec.model.digest"),
    "a digest that is too short": ({"model": {"uri": URI, "digest": "sha256:" + HEX[:-1]}}, "spec.model.digest"),
    "a digest in capitals": ({"model": {"uri": URI, "digest": "sha256:" + HEX.upper()}}, "spec.model.digest"),
    "an empty version": ({"model": {"uri": URI, "version": ""}}, "spec.model.version"),
    "a version that is no label": ({"model": {"uri": URI, "version": "a b"}}, "spec.model.version"),
    "a version that is a number": ({"model": {"uri": URI, "version": 3}}, "must be of type string"),
    "no replicas": ({"scaling": {"minReplicas": 0}}, "spec.scaling.minReplicas"),
    "negative replicas": ({"scaling": {"minReplicas": -1}}, "should be greater than or equal to 1"),
    "fewer pods at most than at least": (
        {"scaling": {"minReplicas": 3, "maxReplicas": 2}},
        "maxReplicas must be minReplicas at least",
    ),
    "a CPU target for a fixed number of pods": ({"scaling": {"targetCPU": 50}}, "targetCPU and keda need maxReplicas"),
    "triggers for a fixed number of pods": ({"scaling": {"keda": {"triggers": [TRIGGER]}}}, "need maxReplicas"),
    "two autoscalers": (
        {"scaling": {"maxReplicas": 2, "targetCPU": 50, "keda": {"triggers": [TRIGGER]}}},
        "targetCPU and keda exclude each other",
    ),
    "no trigger": ({"scaling": {"maxReplicas": 2, "keda": {"triggers": []}}}, "should have at least 1 items"),
    "a percentage of a CPU that nobody requests": (
        {"scaling": {"maxReplicas": 2}, "runtime": {"resources": {"requests": {"memory": "1Gi"}}}},
        "runtime.resources.requests must name cpu",
    ),
    "no threads": ({"runtime": {"threads": 0}}, "spec.runtime.threads"),
    "an execution provider that does not exist": ({"runtime": {"executionProvider": "TPU"}}, 'supported values: "CPU"'),
    "a quantity that is none": ({"runtime": {"resources": {"limits": {"memory": "much"}}}}, "limits.memory"),
    "no batches at all": ({"runtime": {"batching": {"maxSize": 0}}}, "spec.runtime.batching.maxSize"),
    "a delay that is too long": ({"runtime": {"batching": {"maxDelay": "2s"}}}, "spec.runtime.batching.maxDelay"),
    "a delay without a unit": ({"runtime": {"batching": {"maxDelay": "5"}}}, "spec.runtime.batching.maxDelay"),
    "a timeout of no time": ({"runtime": {"timeout": "0s"}}, "the timeout must be 1s to 1h"),
    "a timeout of a day": ({"runtime": {"timeout": "24h"}}, "the timeout must be 1s to 1h"),
    "no request at once": ({"runtime": {"maxInFlight": 0}}, "spec.runtime.maxInFlight"),
    "a size in decimal units": ({"runtime": {"maxBodySize": "64M"}}, "spec.runtime.maxBodySize"),
    "a size that is a number": ({"runtime": {"maxBodySize": 1000}}, "must be of type string"),
    "violations that are ignored": (
        {"runtime": {"schemaViolations": "Ignore"}},
        'supported values: "Count", "Reject"',
    ),
    "a variable with a blank": (env("A B", value="x"), "spec.runtime.env[0].name"),
    "a variable without a value": (env("A"), "a variable has either a value or a valueFrom"),
    "a variable with two values": (
        env("A", value="x", valueFrom={"configMap": "c", "key": "k"}),
        "a variable has either a value or a valueFrom",
    ),
    "a value from nowhere": (env("A", valueFrom={"key": "k"}), "a value is from a configMap or from a secret"),
    "a value from two places": (
        env("A", valueFrom={"configMap": "c", "secret": "s", "key": "k"}),
        "a value is from a configMap or from a secret",
    ),
    "a value of no key": (env("A", valueFrom={"configMap": "c"}), "spec.runtime.env[0].valueFrom.key: Required value"),
    "a value that is too long": (env("A", value="x" * 4097), "may not be more than 4096"),
    "a value with a NUL": (env("A", value="a\0b"), "spec.runtime.env[0].value"),
    "a variable twice": (
        {"runtime": {"env": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}},
        "spec.runtime.env[1]: Duplicate value",
    ),
    "too many variables": (
        {"runtime": {"env": [{"name": f"A{number}", "value": "x"} for number in range(33)]}},
        "spec.runtime.env: Too many",
    ),
    **{
        f"the variable {name}": (env(name, value="x"), "the variable is reserved")
        for name in (
            *("LEADSMAN_PORT", "LEADSMAN_MAX_BATCH_SIZE", "PATH", "HOME", "DOCKER_CONFIG", "ORT_DISABLE_TELEMETRY"),
            *("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "GLIBC_TUNABLES", "GCONV_PATH"),
            *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"),
        )
    },
    "a gateway without a name": ({"traffic": {"gateway": {}}}, "spec.traffic.gateway.name: Required value"),
    "a route beside a gateway": (
        {"traffic": {"route": {"name": "own"}, "gateway": {"name": "public"}}},
        "route excludes gateway and hostnames",
    ),
    "host names beside a route": (
        {"traffic": {"route": {"name": "own"}, "hostnames": ["a.example.com"]}},
        "route excludes gateway and hostnames",
    ),
    "gRPC behind a gateway without a host name": (
        {"traffic": {"gateway": {"name": "public"}, "grpc": {}}},
        "grpc.hostnames are needed with a gateway",
    ),
    "host names of gRPC without a gateway": (
        {"traffic": {"grpc": {"hostnames": ["a.example.com"]}}},
        "grpc.hostnames are needed with a gateway, and need one",
    ),
    "one host name for both": (
        {
            "traffic": {
                "gateway": {"name": "public"},
                "hostnames": ["a.example.com"],
                "grpc": {"hostnames": ["a.example.com"]},
            }
        },
        "grpc.hostnames must differ from hostnames",
    ),
    "testers without a gateway": (
        {"traffic": {"testers": {"header": {"name": "x-tester", "value": "yes"}}}},
        "testers need a gateway or a route",
    ),
    "testers by a header that is none": (
        {"traffic": {"gateway": {"name": "public"}, "testers": {"header": {"name": "x tester", "value": "yes"}}}},
        "spec.traffic.testers.header.name",
    ),
    "affinity in a route of somebody else": (
        {"traffic": {"route": {"name": "own"}, "affinity": {}}},
        "affinity needs a gateway; with route, set sessionPersistence in the HTTPRoute itself",
    ),
    "a policy without a name": ({"rolloutPolicy": {}}, "spec.rolloutPolicy.name: Required value"),
}

REFUSED_NAMES = {
    "a name too long for its Services": ("a" * 53, "at most 52 characters"),
    "a name with a dot": ("fraud.v1", "must be a DNS label"),
    "a name that begins with a digit": ("1fraud", "must be a DNS label"),
}

REFUSED_POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "weights that fall": ({"steps": [step(50), step(10)]}, "the weights of the steps must rise"),
    "weights that stay": ({"steps": [step(10), step(10)]}, "the weights of the steps must rise"),
    "weights that fall behind a shadow step": (
        {"steps": [shadow(), step(50), step(10)]},
        "the weights of the steps must rise",
    ),
    "weights that stay behind a shadow step": (
        {"steps": [shadow(), step(10), step(10)]},
        "the weights of the steps must rise",
    ),
    "a step without weight or shadow": (
        {"steps": [{"minDuration": "1m"}]},
        "a step has either a weight or a shadow",
    ),
    "a step with weight and shadow": (
        {"steps": [{"weight": 5, "shadow": {}}]},
        "a step has either a weight or a shadow",
    ),
    "a shadow step after users have seen the candidate": (
        {"steps": [step(5), shadow(), step(10)]},
        "shadow steps must come before all steps with a weight",
    ),
    "a shadow of nothing": ({"steps": [shadow(percent=0)]}, "should be greater than or equal to 1"),
    "a shadow of more than everything": ({"steps": [shadow(percent=101)]}, "should be less than or equal to 100"),
    "a step that ends by whim": ({"steps": [step(5, until="Noon")]}, 'supported values: "Evidence", "Time"'),
    "agreement without a shadow step": (
        {"steps": [step(5)], "checks": [{"agreement": {}}]},
        "the agreement check compares answers to the same requests: it needs a shadow step",
    ),
    "agreement with the default steps": (
        {"checks": [{"agreement": {}}]},
        "the agreement check compares answers to the same requests: it needs a shadow step",
    ),
    "a weight of nothing": ({"steps": [step(0)]}, "should be greater than or equal to 1"),
    "a weight of everything": ({"steps": [step(100)]}, "should be less than or equal to 99"),
    "a weight that is no whole number": ({"steps": [step(2.5)]}, "must be of type integer"),  # type: ignore[arg-type]
    "no steps": ({"steps": []}, "spec.steps"),
    "too many steps": ({"steps": [step(weight) for weight in range(1, 22)]}, "spec.steps: Too many"),
    "a maximum below the minimum": (
        {"steps": [step(5, minDuration="1h", maxDuration="30m")]},
        "maxDuration must not be shorter than minDuration",
    ),
    "a minimum above the maximum left out": (
        {"steps": [step(5, minDuration="1h")]},
        "maxDuration must not be shorter than minDuration",
    ),
    "a duration without a unit": ({"keepWarm": "90"}, "spec.keepWarm"),
    "a duration of days": ({"keepWarm": "1d"}, "spec.keepWarm"),
    "an empty duration": ({"keepWarm": ""}, "spec.keepWarm"),
    "a negative duration": ({"keepWarm": "-1m"}, "spec.keepWarm"),
    "an interval of no time": ({"interval": "0s"}, "the interval must be 1s at least"),
    "two checks in one entry": ({"checks": [{"errorRate": {}, "latency": {}}]}, "exactly one check per entry"),
    "an entry without a check": ({"checks": [{}]}, "exactly one check per entry"),
    **{
        f"{kind} twice": (
            {
                "steps": [shadow()],
                "checks": [{kind: {}}, {"latency" if kind != "latency" else "crashes": {}}, {kind: {}}],
            },
            "each kind of check but prometheus may stand once",
        )
        for kind in ("errorRate", "latency", "agreement", "quality", "predictions", "crashes")
    },
    "a number without bounds": (
        {"checks": [{"prometheus": {"name": "revenue", "query": "up"}}]},
        "a prometheus check needs min, max or both",
    ),
    "too many checks": (
        {"checks": [{"prometheus": {"name": f"n{number}", **PROMETHEUS}} for number in range(21)]},
        "spec.checks: Too many",
    ),
    "no checks": ({"checks": []}, "spec.checks"),
    "certainty of never being wrong": ({"falseRollbackRate": 0}, "falseRollbackRate must be 0.0001 at least"),
    "more false rollbacks than right ones": ({"falseRollbackRate": 0.6}, "spec.falseRollbackRate"),
    "an error rate that tolerates all": ({"checks": [{"errorRate": {"tolerate": 1}}]}, "tolerate"),
    "an error rate that tolerates none": ({"checks": [{"errorRate": {"tolerate": 0}}]}, "tolerate"),
    "a candidate that has to be quicker": ({"checks": [{"latency": {"tolerateRatio": 0.5}}]}, "tolerateRatio"),
    "an unknown answer to silence": ({"onInconclusive": "Shrug"}, 'supported values: "Hold", "Promote", "Rollback"'),
}

TAKEN_MODELS: dict[str, dict[str, Any]] = {
    "https": {"model": {"uri": "https://host.example.com:8443/a/b.onnx?c=d"}},
    "a store inside the cluster by http": {"model": {"uri": "http://minio.models.svc/1.onnx"}},
    "a volume": {"model": {"uri": "pvc://claim/dir/1.onnx"}},
    "a digest and a version": {"model": {"uri": URI, "digest": f"sha256:{HEX}", "version": "2026.11.20-rc.1"}},
    "resources as numbers and as text": {"runtime": {"resources": {"requests": {"cpu": 1, "memory": "1.5Gi"}}}},
    "no gateway": {"traffic": {}},
    "an empty variable": env("A", value=""),
    "a long variable": env("A", value="x" * 4096),
    "a variable of the fetching image": env("LEADSMAN_OCI_INSECURE", value="registry.models.svc:5000"),
    "variables that only begin like ours": env("PATHS", value="x"),
    "a value of a Secret": env("TOKEN", valueFrom={"secret": "s", "key": "k.txt"}),
    "as many variables as there may be": {
        "runtime": {"env": [{"name": f"A{number}", "value": "x" * 4096} for number in range(32)]}
    },
    "the shortest waits": {"runtime": {"timeout": "1s", "batching": {"maxSize": 1, "maxDelay": "0s"}}},
    "the longest waits": {"runtime": {"timeout": "1h", "batching": {"maxSize": 1024, "maxDelay": "1s"}}},
    "as many pods at most as at least": {"scaling": {"minReplicas": 2, "maxReplicas": 2, "targetCPU": 60}},
    "a percentage of a CPU that is only limited": {
        "scaling": {"maxReplicas": 2},
        "runtime": {"resources": {"requests": {"memory": "1Gi"}, "limits": {"cpu": 2}}},
    },
    "KEDA for pods that request no CPU": {
        "scaling": {"maxReplicas": 2, "keda": {"triggers": [TRIGGER]}},
        "runtime": {"resources": {"requests": {"memory": "1Gi"}}},
    },
}

TAKEN_POLICIES: dict[str, dict[str, Any]] = {
    "one small step": {"steps": [step(1)]},
    "steps that rise by one": {"steps": [step(1), step(2), step(99)]},
    "a step of exactly one duration": {"steps": [step(5, minDuration="1h", maxDuration="60m")]},
    "a step that evidence alone decides": {"steps": [step(5, minDuration="0s")]},
    "a step that time decides": {"steps": [step(5, until="Time", minDuration="30m")]},
    "a shadow step alone": {"steps": [shadow()]},
    "shadow steps, then weights": {"steps": [shadow(percent=10), shadow(percent=100), step(1), step(50)]},
    "twenty steps": {"steps": [shadow(), *(step(weight) for weight in range(1, 20))]},
    "a duration of all units": {"keepWarm": "1h30m15s"},
    "one check alone": {"checks": [{"latency": {"tolerateRatio": 2}}]},
    "every kind of check, and numbers up to twenty": {
        "steps": [shadow(), step(5)],
        "checks": [*EVERY_KIND, *({"prometheus": {"name": f"n{number}", **PROMETHEUS}} for number in range(14))],
    },
}


def test_the_configuration_that_the_documentation_shows_is_taken(api: Api) -> None:
    """With every field that there is for it."""
    shown = section(ROOT / "docs/concepts.md", "Configuration").split("```yaml\n")[1].split("```")[0]
    spec = yaml.safe_load(shown)
    assert api.refusal(models_of("default"), model("default", **spec), fieldValidation="Strict") == ""
    usual = {"executionProvider", "threads", "resources", "serviceAccountName"}
    assert spec["runtime"].keys() | usual == {field.alias for field in Runtime.model_fields.values()}


def models_of(namespace: str) -> str:
    return f"{LEADSMAN}/namespaces/{namespace}/modeldeployments"


def policies_of(namespace: str) -> str:
    return f"{LEADSMAN}/namespaces/{namespace}/rolloutpolicies"


@pytest.mark.parametrize(("spec", "message"), REFUSED_MODELS.values(), ids=REFUSED_MODELS)
def test_a_model_deployment_is_refused_with(api: Api, spec: dict[str, Any], message: str) -> None:
    assert message in api.refusal(models_of("default"), model("default", **spec))


@pytest.mark.parametrize(("name", "message"), REFUSED_NAMES.values(), ids=REFUSED_NAMES)
def test_a_model_deployment_is_refused_by(api: Api, name: str, message: str) -> None:
    assert message in api.refusal(models_of("default"), model("default", name, model={"uri": URI}))


def test_the_longest_name_is_taken(api: Api) -> None:
    assert api.refusal(models_of("default"), model("default", "a" * 52, model={"uri": URI})) == ""


@pytest.mark.parametrize(("spec", "message"), REFUSED_POLICIES.values(), ids=REFUSED_POLICIES)
def test_a_rollout_policy_is_refused_with(api: Api, spec: dict[str, Any], message: str) -> None:
    assert message in api.refusal(policies_of("default"), policy("default", **spec))


@pytest.mark.parametrize("spec", TAKEN_MODELS.values(), ids=TAKEN_MODELS)
def test_a_model_deployment_may_have(api: Api, spec: dict[str, Any]) -> None:
    assert api.refusal(models_of("default"), model("default", **spec)) == ""


@pytest.mark.parametrize("spec", TAKEN_POLICIES.values(), ids=TAKEN_POLICIES)
def test_a_rollout_policy_may_have(api: Api, spec: dict[str, Any]) -> None:
    assert api.refusal(policies_of("default"), policy("default", **spec)) == ""


def test_an_unknown_field_is_refused_by_kubectl_and_dropped_for_who_does_not_ask(api: Api, namespace: str) -> None:
    wrong = model(namespace, scalling={"minReplicas": 3})
    refusal = api.refusal(models_of(namespace), wrong, fieldValidation="Strict")
    assert 'unknown field "spec.scalling"' in refusal
    stored = api.create(models_of(namespace), wrong, fieldValidation="Ignore")
    assert "scalling" not in stored["spec"]


def revision(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelRevision",
        "metadata": {"name": "fraud-a", "namespace": namespace},
        "spec": {
            "modelDeployment": "fraud",
            "revision": "a",
            "model": {"uri": URI},
            "runtime": {},
            "podTemplate": {"spec": {"containers": [{"name": "server", "image": "serving:1"}]}},
        },
    }


CHANGES = {
    "its model": {"model": {"uri": "s3://models/2.onnx"}},
    "its version": {"model": {"version": "2"}},
    "its runtime": {"runtime": {"threads": 2}},
    "the image deep in its pod template": {"podTemplate": {"spec": {"containers": [{"name": "server", "image": "x"}]}}},
    "a field more in its pod template": {"podTemplate": {"spec": {"hostNetwork": True}}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_model_revision_never_changes(api: Api, namespace: str, change: dict[str, Any]) -> None:
    path = f"{LEADSMAN}/namespaces/{namespace}/modelrevisions"
    api.create(path, revision(namespace))
    with pytest.raises(ApiError, match="a ModelRevision never changes"):
        api.patch(f"{path}/fraud-a", {"spec": change})


def test_a_model_revision_may_be_written_again_as_it_is_and_relabelled(api: Api, namespace: str) -> None:
    path = f"{LEADSMAN}/namespaces/{namespace}/modelrevisions"
    before = api.create(path, revision(namespace))
    after = api.apply(
        f"{path}/fraud-a", revision(namespace) | {"spec": before["spec"]}, manager="leadsman", force="true"
    )
    assert after["spec"] == before["spec"]
    relabelled = api.patch(f"{path}/fraud-a", {"metadata": {"labels": {"leadsman.dev/role": "stable"}}})
    assert relabelled["metadata"]["labels"]["leadsman.dev/role"] == "stable"
