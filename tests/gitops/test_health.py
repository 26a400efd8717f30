"""What Argo CD and Flux show of our objects in every state: the table of docs/operations.md, by their own libraries."""

from typing import Any

import pytest

from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutaction import ActionOutcome
from support.gitops import SCRIPTS, Seen, see
from support.situations import SITUATIONS, model_deployment_in

OUT = ("Healthy", "Current")
ON_ITS_WAY = ("Progressing", "InProgress")
FOR_PEOPLE = ("Suspended", "InProgress")
FAILED = ("Degraded", "Failed")
DOWN = ("Degraded", "InProgress")
"""Nothing serves: Argo CD says so; kstatus knows only that it is not done."""

SHOWN = {
    "nobody has looked at it yet": ON_ITS_WAY,
    "the first revision is in preflight": ON_ITS_WAY,
    "the first revision's pods are prepared": ON_ITS_WAY,
    "the first revision was rejected by its preflight": FAILED,
    "the desired revision is fully out": OUT,
    "a new spec has not been looked at": ON_ITS_WAY,
    "a candidate is in preflight": ON_ITS_WAY,
    "a candidate's pods are prepared": ON_ITS_WAY,
    "a candidate gets copies": ON_ITS_WAY,
    "a candidate gets its first weight": ON_ITS_WAY,
    "a candidate gets its last weight": ON_ITS_WAY,
    "a candidate is held after its maxDuration": ON_ITS_WAY,
    "a candidate was superseded": ON_ITS_WAY,
    "a candidate was just promoted": OUT,
    "the previous revision is gone": OUT,
    "it went back to the warm revision": OUT,
    "it was switched without a gateway": OUT,
    "the first revision waits for an approval": FOR_PEOPLE,
    "a candidate waits for an approval": FOR_PEOPLE,
    "a candidate is paused": FOR_PEOPLE,
    "it is paused with nothing under way": OUT,
    "requests are not split as configured": ON_ITS_WAY,
    "a candidate was aborted": FAILED,
    "it was undone after its promotion": FAILED,
    "it was rolled back after its promotion": FAILED,
    "a candidate is tried again": ON_ITS_WAY,
    "a candidate was rejected by its preflight": FAILED,
    "a candidate could not be loaded": FAILED,
    "a candidate was rolled back a moment ago": FAILED,
    "a candidate was rolled back long ago": FAILED,
    "the policy is missing": FAILED,
    "a ConfigMap that it names is missing": FAILED,
    "a ConfigMap that it names is gone while it serves": FAILED,
    "a followed reference is resolved for the first time": ON_ITS_WAY,
    "a followed reference is fully out": OUT,
    "it was scaled up": ON_ITS_WAY,
    "no pod of the stable revision is ready": DOWN,
    "the gateway does not take the route": ON_ITS_WAY,
    "the API server refuses a write": FAILED,
    "an object cannot be understood": FAILED,
}


@pytest.fixture(scope="module")
def seen() -> dict[str, tuple[dict[str, Any], Seen]]:
    """Each situation's ModelDeployment, and how it is shown."""
    objects = {sentence: model_deployment_in(make()) for sentence, make in SITUATIONS.items()}
    return dict(zip(objects, zip(objects.values(), see(objects.values()), strict=True), strict=True))


def test_the_table_speaks_of_every_situation() -> None:
    assert list(SHOWN) == list(SITUATIONS)


@pytest.mark.parametrize("situation", SHOWN)
def test_what_a_modeldeployment_is_shown_as_when(seen: dict[str, tuple[dict[str, Any], Seen]], situation: str) -> None:
    _, shown = seen[situation]
    assert (shown.argo, shown.kstatus) == SHOWN[situation]


@pytest.mark.parametrize("situation", SHOWN)
def test_argo_cd_shows_the_sentence_of_the_conditions(
    seen: dict[str, tuple[dict[str, Any], Seen]], situation: str
) -> None:
    raw, shown = seen[situation]
    said = {condition["type"]: condition["message"] for condition in raw["status"].get("conditions", [])}
    if raw["status"]["observedGeneration"] != raw["metadata"]["generation"]:
        assert shown.argo_message == "Leadsman has yet to look at this spec"
    elif SHOWN[situation] == DOWN:
        assert shown.argo_message == said["Available"]
    else:
        assert shown.argo_message == said["Ready"]


def test_users_are_served_while_a_commit_is_shown_as_failed(seen: dict[str, tuple[dict[str, Any], Seen]]) -> None:
    """That is the point of two conditions: the failed commit is news, the outage that it is not is none."""
    for situation in ("a candidate was rolled back a moment ago", "a candidate was rejected by its preflight"):
        raw, _ = seen[situation]
        available = next(one for one in raw["status"]["conditions"] if one["type"] == "Available")
        assert available["status"] == "True"


def _object(kind: str, status: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "fraud-1", "namespace": "payments", "generation": 1}
    return {"apiVersion": "leadsman.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, "status": status}


OUTCOMES = {
    Outcome.IN_PROGRESS: "Progressing",
    Outcome.PROMOTED: "Healthy",
    Outcome.REJECTED: "Degraded",
    Outcome.ROLLED_BACK: "Degraded",
    Outcome.SUPERSEDED: "Suspended",
    Outcome.ABORTED: "Suspended",
}


def test_a_modelrevision_is_shown_by_its_outcome() -> None:
    shown = see(_object("ModelRevision", {"outcome": outcome, "message": "it is so"}) for outcome in Outcome)
    assert {outcome: one.argo for outcome, one in zip(Outcome, shown, strict=True)} == OUTCOMES
    assert {(one.argo_message, one.kstatus) for one in shown} == {("it is so", "Current")}


def test_a_rolloutaction_is_shown_by_what_became_of_it() -> None:
    waiting, accepted, refused = see(
        _object("RolloutAction", status)
        for status in (
            {"observedGeneration": -1},
            *({"observedGeneration": 1, "outcome": outcome, "message": "it is so"} for outcome in ActionOutcome),
        )
    )
    assert (waiting.argo, waiting.kstatus) == ON_ITS_WAY
    assert (accepted.argo, accepted.kstatus) == OUT
    assert (refused.argo, refused.argo_message) == ("Degraded", "it is so")


def test_an_object_without_a_status_is_not_yet_looked_at() -> None:
    bare = [{**_object(kind, {}), "status": None} for kind in ("ModelDeployment", "ModelRevision", "RolloutAction")]
    assert {one.argo for one in see(bare)} == {"Progressing"}


def test_a_policy_is_done_with_once_it_is_there() -> None:
    [policy] = see([_object("RolloutPolicy", {})])
    assert (policy.argo, policy.kstatus) == (None, "Current")


def test_what_is_pasted_into_argo_cd_are_these_scripts(update_golden: bool) -> None:
    lines = ["apiVersion: v1", "kind: ConfigMap", "metadata: {name: argocd-cm, namespace: argocd}", "data:"]
    for script in sorted(SCRIPTS.glob("leadsman.dev/*/health.lua")):
        lines += [f"  resource.customizations.health.leadsman.dev_{script.parent.name}: |"]
        lines += [f"    {line}".rstrip() for line in script.read_text().splitlines()]
    text, pasted = "\n".join(lines) + "\n", SCRIPTS / "argocd-cm.yaml"
    if update_golden:
        pasted.write_text(text)
    assert pasted.read_text() == text, "if this is meant, pytest --update-golden"
