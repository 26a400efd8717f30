"""A policy from a file: what the API server would refuse is refused, in its words, and nobody sees a stack trace."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.crd import crds
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.cli.policy import (
    CHECK_RULES,
    POLICY_RULES,
    PREFLIGHT_RULES,
    STEP_RULES,
    InputError,
    parse_policy,
    read_policy,
)

HEAD = "apiVersion: leadsman.dev/v1alpha1\nkind: RolloutPolicy\nmetadata: {name: careful}\n"


def refusal(text: str) -> str:
    with pytest.raises(InputError) as refused:
        parse_policy(text, "careful.yaml")
    assert refused.value.exit_code == 2
    return refused.value.format_message()


def test_a_policy_is_read_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "careful.yaml"
    path.write_text(HEAD + "spec: {steps: [{shadow: {percent: 20}}, {weight: 5, minDuration: 10s}], keepWarm: 1h}\n")
    policy = read_policy(path)
    assert policy.keep_warm == timedelta(hours=1)
    assert policy.steps[1].min_duration == timedelta(seconds=10)
    assert policy.checks == RolloutPolicySpec().checks


def test_a_policy_without_a_spec_is_the_default_one() -> None:
    assert parse_policy(HEAD, "careful.yaml") == RolloutPolicySpec()


def test_a_policy_among_other_objects_is_found() -> None:
    other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\n"
    assert parse_policy(other + HEAD, "x") == RolloutPolicySpec()


@pytest.mark.parametrize("text", ["keepWarm: 1h", "spec: {keepWarm: 1h}"])
def test_a_spec_alone_will_do(text: str) -> None:
    assert parse_policy(text, "x").keep_warm == timedelta(hours=1)


REFUSED = {
    "a field that does not exist": ("spec: {stepps: []}", "spec.stepps: unknown field; did you mean steps?"),
    "a field in Python's spelling": ("spec: {keep_warm: 1h}", "spec.keep_warm: unknown field"),
    "a check that does not exist": ("spec: {checks: [{errors: {}}]}", "spec.checks[0].errors: unknown field"),
    "a field beside the spec": ("specc: {}", "unknown field 'specc'"),
    "a number as text": ('spec: {steps: [{weight: "5"}]}', "spec.steps[0].weight: "),
    "a duration without a unit": ("spec: {keepWarm: 90}", "spec.keepWarm: expected a duration like 30s"),
    "a word that is none of the choices": ("spec: {onInconclusive: Shrug}", "'Hold', 'Promote' or 'Rollback'"),
    "a rate of nothing": ("spec: {falseRollbackRate: 0}", "spec.falseRollbackRate: "),
    "no steps": ("spec: {steps: []}", "spec.steps: "),
    "a spec that is no map": ("spec: 5", "spec: expected fields, found 5"),
    "a step of both kinds": (
        "spec: {steps: [{weight: 5, shadow: {}}]}",
        "spec.steps[0]: a step has either a weight or a shadow",
    ),
    "a step that ends before it may": (
        "spec: {steps: [{weight: 5, minDuration: 1h}]}",
        "spec.steps[0]: maxDuration must not be shorter than minDuration",
    ),
    "weights that fall": ("spec: {steps: [{weight: 9}, {weight: 5}]}", "the weights of the steps must rise"),
    "a shadow after users": ("spec: {steps: [{weight: 9}, {shadow: {}}]}", "shadow steps must come before"),
    "two checks in one entry": ("spec: {checks: [{errorRate: {}, latency: {}}]}", "exactly one check per entry"),
    "the same check twice": ("spec: {checks: [{latency: {}}, {latency: {}}]}", "each kind of check but prometheus"),
    "agreement without a shadow": ("spec: {checks: [{agreement: {}}]}", "it needs a shadow step"),
    "a number without bounds": (
        "spec: {checks: [{prometheus: {name: revenue, query: up}}]}",
        "a prometheus check needs min, max or both",
    ),
    "two numbers of one name": (
        "spec: {checks: [{prometheus: {name: a, query: up, min: 0}}, {prometheus: {name: a, query: up, max: 1}}]}",
        "each prometheus check needs a name of its own",
    ),
    "a preflight of no time": ("spec: {preflight: {deadline: 9s}}", "the deadline must be 10s at least"),
    "a signer who is nobody": (
        "spec: {preflight: {verify: {required: true}}}",
        "verify needs either a publicKey, or an identity and its issuer",
    ),
    "a key in no place": (
        "spec: {preflight: {verify: {publicKey: {key: fraud.pub}}}}",
        "a key is in a configMap or in a secret",
    ),
    "an interval of no time": ("spec: {interval: 0s}", "the interval must be 1s at least"),
}


@pytest.mark.parametrize(("spec", "message"), REFUSED.values(), ids=REFUSED)
def test_a_policy_is_refused_for(spec: str, message: str) -> None:
    said = refusal(HEAD + spec)
    assert message in said
    assert said.startswith("careful.yaml: ")
    assert "validation" not in said, "one reason, not what follows from it"


NO_POLICY = {
    "nothing": ("", "expected one RolloutPolicy, found 0 among: nothing"),
    "another kind": ("kind: Pod", "found 0 among: Pod"),
    "a list": ("[1]", "found 0 among: [1]"),
    "two policies": (f"{HEAD}---\n{HEAD}", "found 2"),
    "another version": ("kind: RolloutPolicy", "apiVersion: expected leadsman.dev/v1alpha1, found None"),
    "no YAML": ("{", "no YAML: "),
    "an alias of nothing": ("a: *b", "no YAML: "),
}


@pytest.mark.parametrize(("text", "message"), NO_POLICY.values(), ids=NO_POLICY)
def test_what_is_no_policy_is_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read"):
        read_policy(tmp_path / "nowhere.yaml")


@given(st.text(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(yaml.safe_dump))
def test_any_text_is_a_policy_or_a_sentence(text: str) -> None:
    for given_text in (text, HEAD + "spec: " + text):
        with suppress(InputError):
            parse_policy(given_text, "x")


def _messages(node: Any) -> set[str]:
    if not isinstance(node, dict):
        return set()
    own = {rule["message"] for rule in node.get("x-kubernetes-validations", [])}
    children = [*node.get("properties", {}).values(), node.get("items")]
    return own.union(*map(_messages, children))


def test_every_rule_of_the_crd_is_checked_here_in_the_same_words() -> None:
    (crd,) = [each for each in crds() if each["spec"]["names"]["kind"] == "RolloutPolicy"]
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert {*POLICY_RULES, *STEP_RULES, *CHECK_RULES, *PREFLIGHT_RULES} == _messages(schema)
