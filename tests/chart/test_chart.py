"""The chart: what it renders, what it refuses, and how little it may do."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadsman.api.rolloutaction import Verb
from leadsman.shell.settings import Settings
from support.helm import CHART, ROOT, HelmError, lint, objects, template

GOLDEN = {
    "defaults.yaml": (),
    "namespaced.yaml": (
        "--set=watchNamespaces={payments,search}",
        "--set=replicas=2",
        "--set=servingImage=registry.example.com/serving:2",
        "--set-string=operator.image.tag=2",
        "--set=serviceAccount.name=pilot",
        "--set=rbac.userRoles=false",
        "--set=admission.policies=false",
        "--set=metrics.service.enabled=false",
        "--set=priorityClassName=system-cluster-critical",
        "--set=prometheus.url=https://prometheus.monitoring:9090/",
        "--set=prometheus.tokenSecret.name=prometheus-token",
    ),
}

REFUSED = {
    "an unknown value": ("--set=replica=2", "replica"),
    "an unknown value below a known one": ("--set=operator.image.name=x", "name"),
    "replicas as text": ("--set-string=replicas=two", "replicas"),
    "fewer than no replicas": ("--set=replicas=-1", "replicas"),
    "several replicas without election": ("--set=replicas=2,leaderElection.enabled=false", "leaderElection.enabled"),
    "an unknown log level": ("--set=logLevel=LOUD", "logLevel"),
    "an unknown pull policy": ("--set=operator.image.pullPolicy=Sometimes", "pullPolicy"),
    "a namespace that cannot exist": ("--set=watchNamespaces={Payments}", "watchNamespaces"),
    "a namespace twice": ("--set=watchNamespaces={a,a}", "watchNamespaces"),
    "one namespace as text": ("--set=watchNamespaces=payments", "watchNamespaces"),
    "a privileged port": ("--set=metrics.port=80", "metrics"),
    "a port beyond the last": ("--set=metrics.service.port=70000", "metrics"),
    "no passes": ("--set=maxPasses=0", "maxPasses"),
    "a quantity that is none": ("--set=resources.limits.memory=lots", "resources"),
    "an annotation that is no text": ("--set=podAnnotations.a=1", "podAnnotations"),
    "no time to stop": ("--set=terminationGracePeriodSeconds=0", "terminationGracePeriodSeconds"),
    "a Prometheus without a scheme": ("--set=prometheus.url=prometheus:9090", "prometheus"),
    "a password among the values": ("--set=prometheus.url=http://me:secret@p", "prometheus"),
    "a token for nobody": ("--set=prometheus.tokenSecret.name=token", "prometheus.url"),
    "an image with a blank": ("--set=servingImage=a b", "servingImage"),
}


@pytest.mark.parametrize(("name", "values"), GOLDEN.items(), ids=GOLDEN)
def test_it_renders(check_golden: Callable[[str, str], None], name: str, values: tuple[str, ...]) -> None:
    check_golden(name, template(*values))


def called(name: str) -> str:
    """All objects as JSON, where everything that can be named has this name."""
    named = ("fullnameOverride", "serviceAccount.name", "priorityClassName", "prometheus.tokenSecret.name")
    texts = [f"--set-string={value}={name}" for value in (*named, "watchNamespaces[0]")]
    return json.dumps(objects(*texts, "--set=prometheus.url=http://prometheus", release=name, namespace=name))


@pytest.mark.parametrize("name", ["123", "1e3", "0x1f", "true", "null", "n"])
def test_a_name_is_text_whatever_yaml_would_make_of_it(name: str) -> None:
    assert called(name) == called("fourteen").replace("fourteen", name)


@pytest.mark.parametrize(("values", "named"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(values: str, named: str) -> None:
    with pytest.raises(HelmError, match=re.escape(named)):
        template(values)


def test_the_strict_linter_finds_nothing() -> None:
    assert "0 chart(s) failed" in lint()


def test_every_value_is_in_the_schema_and_described() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = dict(described("", schema))
    assert {path for path in leaves("", values) if path not in known} == set()
    assert [path for path, description in known.items() if not description] == []
    assert {path for path in known if path.split(".")[0] not in values} == {"global"}


def leaves(path: str, node: Any) -> Iterator[str]:
    if isinstance(node, dict) and node:
        for name, child in node.items():
            yield from leaves(f"{path}.{name}" if path else name, child)
    elif "requests" not in path and "limits" not in path:
        yield path


def described(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, child in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        yield below, child.get("description", "")
        yield from described(below, child)


def test_every_object_of_the_schema_is_closed() -> None:
    def closed(node: Any) -> Iterator[bool]:
        if isinstance(node, dict):
            if "properties" in node:
                yield node.get("additionalProperties") is False
            for child in node.values():
                yield from closed(child)

    assert all(closed(json.loads((CHART / "values.schema.json").read_text())))


def rules(*values: str) -> list[dict[str, Any]]:
    """What the operator's ServiceAccount may do."""
    return [
        rule
        for item in objects(*values)
        if item["kind"] in ("Role", "ClusterRole") and item["metadata"]["name"] in ("leadsman", "leadsman-lease")
        for rule in item["rules"]
    ]


@pytest.mark.parametrize("values", GOLDEN.values(), ids=GOLDEN)
def test_the_operator_may_not_read_secrets_or_do_anything_to_everything(values: tuple[str, ...]) -> None:
    granted = rules(*values)
    assert granted
    for rule in granted:
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        assert not {"secrets", "roles", "clusterroles", "nodes"} & set(rule["resources"])
        assert "configmaps" not in rule["resources"] or rule["verbs"] == ["get"], "by name, one by one"
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])


def test_in_namespaced_mode_nothing_is_granted_in_the_cluster() -> None:
    found = objects(*GOLDEN["namespaced.yaml"])
    assert not [item for item in found if item["kind"].startswith("ClusterRole")]
    bound = {item["metadata"]["namespace"] for item in found if item["kind"] == "RoleBinding"}
    assert bound == {"payments", "search", "leadsman-system"}


def user_roles() -> dict[str, list[dict[str, Any]]]:
    """The rules of each role for people."""
    named = {item["metadata"]["name"]: item.get("rules", []) for item in objects() if item["kind"] == "ClusterRole"}
    return {name.removeprefix("leadsman-"): rules for name, rules in named.items() if name != "leadsman"}


def test_users_may_not_write_the_audit_trail() -> None:
    roles = user_roles()
    assert set(roles) == {"viewer", "edit", "operator", "approver"}
    for rule in (rule for rules in roles.values() for rule in rules):
        if "modelrevisions" in rule["resources"] or any("/" in resource for resource in rule["resources"]):
            assert set(rule["verbs"]) <= {"get", "list", "watch"}
        if "rolloutactions" in rule["resources"]:
            assert set(rule["verbs"]) <= {"get", "list", "watch", "create"}


def test_who_may_edit_a_namespace_may_not_for_that_reason_act_on_its_rollouts() -> None:
    aggregated = [item for item in objects() if "aggregate-to" in str(item["metadata"].get("labels", {}))]
    verbs = {verb for item in aggregated for rule in item["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    actions = [rule for item in aggregated for rule in item["rules"] if "rolloutactions" in rule["resources"]]
    assert {verb for rule in actions for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_every_verb_is_of_one_role() -> None:
    roles = user_roles()
    given = [
        verb
        for rules in roles.values()
        for rule in rules
        for verb in rule["verbs"]
        if verb not in ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    ]
    assert sorted(given) == sorted(verb.lower() for verb in Verb)


@pytest.mark.parametrize(
    ("values", "mutating", "validating"),
    [((), 2, 2), (("--kube-version=1.35.2",), 0, 2), (("--set=admission.policies=false",), 0, 0)],
    ids=["this cluster", "a cluster without mutating policies", "a second release"],
)
def test_who_asks_is_proven_by_what_the_cluster_has(values: tuple[str, ...], mutating: int, validating: int) -> None:
    found = [item for item in objects(*values) if "AdmissionPolicy" in item["kind"]]
    for kind, wanted in (("Mutating", mutating), ("Validating", validating)):
        policies = [item for item in found if item["kind"] == f"{kind}AdmissionPolicy"]
        bindings = [item for item in found if item["kind"] == f"{kind}AdmissionPolicyBinding"]
        assert (len(policies), len(bindings)) == (wanted, wanted)
        assert all(policy["spec"]["failurePolicy"] == "Fail" for policy in policies)
        assert {item["spec"]["policyName"] for item in bindings} == {item["metadata"]["name"] for item in policies}


@pytest.mark.parametrize("values", GOLDEN.values(), ids=GOLDEN)
def test_the_pod_meets_the_restricted_standard(values: tuple[str, ...]) -> None:
    [deployment] = [item for item in objects(*values) if item["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    # The one Secret is the token that the values name, mounted by the kubelet.
    secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "emptyDir" not in volume]
    assert secrets == [value.split("=")[2] for value in values if "tokenSecret.name" in value]
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_a_single_operator_without_election_is_replaced_not_doubled() -> None:
    [deployment] = [item for item in objects("--set=leaderElection.enabled=false") if item["kind"] == "Deployment"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_the_environment_is_what_the_operator_reads() -> None:
    [deployment] = [item for item in objects(*GOLDEN["namespaced.yaml"]) if item["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    settings = Settings.from_environment({entry["name"]: entry.get("value", "here") for entry in container["env"]})
    assert settings == Settings(
        serving_image="registry.example.com/serving:2",
        namespaces=("payments", "search"),
        lease_name="leadsman",
        lease_namespace="here",
        identity="here",
        prometheus_url="https://prometheus.monitoring:9090",
        prometheus_token_file=Path("/run/prometheus/token"),
    )


def test_its_crds_are_the_project_s_own() -> None:
    ours = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert ours
    assert {path.name: path.read_text() for path in (CHART / "crds").glob("*.yaml")} == ours
