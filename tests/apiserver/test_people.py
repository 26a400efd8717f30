"""Who may ask for what, who has asked, and who changed a model: the chart's roles and admission policies."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from apiserver.kubeapi import Api, ApiError, action, model, with_version
from apiserver.town import CHANGED_BY, RBAC, SPECS, Town, bound, hold, installed
from apiserver.waiting import eventually

pytestmark = pytest.mark.apiserver

VETERAN = "veteran"
"""A model that is older than the policies."""
ROLES = {
    "viewer": set[str](),
    "operator": {"Pause", "Resume", "Skip", "Abort", "Retry", "Undo"},
    "approver": {"Approve", "Promote"},
    "edit": set[str](),
}
MAY = [(role, verb) for role, verbs in ROLES.items() for verb in SPECS if verb in verbs]
MAY_NOT = [(role, verb) for role, verbs in ROLES.items() for verb in SPECS if verb not in verbs]


@pytest.fixture(scope="module")
def town(api: Api, new_namespace: Callable[[], str]) -> Iterator[Town]:
    """A namespace in which all policies hold."""
    with ExitStack() as people:
        town = Town(api, new_namespace(), people)
        api.create(town.path("modeldeployments"), model(town.namespace, VETERAN))
        installed(api, town.namespace)
        for role in ROLES:
            bound(town, role)
        hold(town)
        yield town


@pytest.fixture(scope="module")
def old_town(api: Api, new_namespace: Callable[[], str]) -> Iterator[Town]:
    """The same on a cluster whose API server has no mutating policies."""
    with ExitStack() as people:
        town = Town(api, new_namespace(), people)
        installed(api, town.namespace, "--kube-version=1.35.0")
        for role in ROLES:
            bound(town, role)
        hold(town, mutating=False)
        yield town


@pytest.mark.parametrize(("role", "verb"), MAY)
def test_a_role_may(town: Town, role: str, verb: str) -> None:
    assert town.act(town.person(role), verb) == ""


@pytest.mark.parametrize(("role", "verb"), MAY_NOT)
def test_a_role_may_not(town: Town, role: str, verb: str) -> None:
    said = town.act(town.person(role), verb)
    if role in ("viewer", "edit"):
        assert "cannot create resource" in said
    else:
        needed, right = "approver" if verb in ROLES["approver"] else "operator", verb.lower()
        assert (
            f"{role} may not {right} fraud: that takes the verb {right} on modeldeployments of leadsman.dev in "
            f"namespace {town.namespace}, which the ClusterRole leadsman-{needed} gives" in said
        )


def test_the_right_may_be_given_for_one_model(town: Town) -> None:
    rules = [
        {"apiGroups": ["leadsman.dev"], "resources": ["rolloutactions"], "verbs": ["create"]},
        {
            "apiGroups": ["leadsman.dev"],
            "resources": ["modeldeployments"],
            "resourceNames": ["fraud"],
            "verbs": ["pause"],
        },
    ]
    town.api.create(f"{RBAC}/namespaces/{town.namespace}/roles", {"metadata": {"name": "one"}, "rules": rules})
    binding = {
        "metadata": {"name": "one"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "one"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nina"}],
    }
    town.api.create(f"{RBAC}/namespaces/{town.namespace}/rolebindings", binding)
    nina = town.person("nina")
    eventually(lambda: town.act(nina, "Pause") == "", "the right is given")
    assert "nina may not pause churn" in town.act(nina, "Pause", modelDeployment="churn")


def test_who_asks_is_filled_in(town: Town) -> None:
    operator = town.person("operator", "ops", "night-shift")
    made = operator.create(town.path("rolloutactions"), action(town.namespace, "Pause"), dryRun="All")
    assert made["spec"]["requestedBy"] == {
        "user": "operator",
        "groups": ["ops", "night-shift", "system:authenticated"],
    }


FORGED: dict[str, dict[str, Any]] = {
    "another user": {"user": "approver", "groups": ["ops", "system:authenticated"]},
    "a group more": {"user": "operator", "groups": ["ops", "risk", "system:authenticated"]},
    "a group less": {"user": "operator", "groups": ["system:authenticated"]},
    "no groups": {"user": "operator"},
    "another uid": {"user": "operator", "groups": ["ops", "system:authenticated"], "uid": "1"},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("where", ["town", "old_town"])
def test_nobody_asks_in_the_name_of_others(where: str, forged: dict[str, Any], request: pytest.FixtureRequest) -> None:
    town: Town = request.getfixturevalue(where)
    said = town.act(town.person("operator", "ops"), "Pause", requestedBy=forged)
    assert f"spec.requestedBy says {forged['user']}, and who asks is operator: nobody can ask in the name" in said


def test_what_was_asked_for_never_changes(town: Town) -> None:
    path = town.path("rolloutactions", "kept")
    town.api.create(town.path("rolloutactions"), action(town.namespace, "Pause", "kept"))
    for change in ({"verb": "Resume"}, {"requestedBy": {"user": "approver"}}, {"requestedBy": None}):
        with pytest.raises(ApiError, match="a RolloutAction never changes: make another one"):
            town.api.patch(path, {"spec": change})
    town.api.patch(path, {"metadata": {"labels": {"ticket": "42"}}})


@pytest.mark.parametrize("role", ROLES)
def test_the_record_is_neither_changed_nor_deleted_nor_answered_by_people(town: Town, role: str) -> None:
    town.api.submit(action(town.namespace, "Pause", "record"), force="true")
    path, person = town.path("rolloutactions", "record"), town.person(role)
    with pytest.raises(ApiError, match="cannot delete resource"):
        person.delete(path)
    with pytest.raises(ApiError, match="cannot patch resource"):
        person.patch(path, {"metadata": {"labels": {"ticket": "42"}}})
    with pytest.raises(ApiError, match="cannot patch resource"):
        person.patch(f"{path}/status", {"status": {"outcome": "Accepted"}})


def test_an_outcome_cannot_be_brought_along(town: Town) -> None:
    brought = {**action(town.namespace, "Pause"), "status": {"outcome": "Accepted", "message": "done"}}
    made = town.api.create(town.path("rolloutactions"), brought, dryRun="All")
    assert made["status"] == {"observedGeneration": -1}


def test_a_manifest_may_be_applied_again_and_again(town: Town) -> None:
    manifest = action(town.namespace, "Pause", "again")
    for _ in range(3):
        town.api.submit(manifest, fieldValidation="Strict")
    assert town.api.get(town.path("rolloutactions", "again"))["spec"]["requestedBy"]["user"] == "admin"


@pytest.mark.parametrize("verb", ["Approve", "Promote", "Skip", "Abort", "Retry"])
def test_an_action_says_which_revision_it_speaks_of(town: Town, verb: str) -> None:
    assert "need `revision`" in town.act(town.api, verb, revision=None)


def test_an_approval_says_what_was_seen(town: Town) -> None:
    assert "needs `evidence`" in town.act(town.api, "Approve", evidence=None)
    assert "needs `evidence`" in town.act(town.api, "Pause", evidence="5e6f")


def test_a_skip_says_of_which_step(town: Town) -> None:
    assert "needs `step`" in town.act(town.api, "Skip", step=None)
    assert "needs `step`" in town.act(town.api, "Abort", step=0)


def test_without_mutating_policies_the_command_is_named(old_town: Town) -> None:
    operator = old_town.person("operator", "ops")
    assert "spec.requestedBy is missing, and this cluster does not fill it in" in old_town.act(operator, "Pause")
    myself = {"user": "operator", "groups": ["system:authenticated", "ops"]}
    assert old_town.act(operator, "Pause", requestedBy=myself) == ""


@pytest.fixture
def wanted(town: Town) -> Iterator[dict[str, Any]]:
    """A model that `edit` has made."""
    made = model(town.namespace)
    town.person("edit").create(town.path("modeldeployments"), made)
    yield made
    town.api.delete(town.path("modeldeployments", "fraud"))


def test_who_makes_a_model_is_its_author(town: Town, wanted: dict[str, Any]) -> None:
    assert town.changed_by() == "edit"


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "the model": ({"model": {"version": "2"}}, "admin"),
    "the runtime": ({"runtime": {"threads": 2}}, "admin"),
    "the number of pods": ({"scaling": {"minReplicas": 2}}, "edit"),
    "the policy": ({"rolloutPolicy": {"name": "slow"}}, "edit"),
    "what was the default": ({"runtime": {"executionProvider": "CPU"}}, "edit"),
}


@pytest.mark.parametrize(("change", "author"), CHANGES.values(), ids=CHANGES)
def test_who_changes_a_revision_is_its_author(
    town: Town, wanted: dict[str, Any], change: dict[str, Any], author: str
) -> None:
    town.api.patch(town.path("modeldeployments", "fraud"), {"spec": change})
    assert town.changed_by() == author


FORGERIES: dict[str, Any] = {"another name": {CHANGED_BY: "viewer"}, "none": {CHANGED_BY: None}, "no annotations": None}


@pytest.mark.parametrize("annotations", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize(("spec", "author"), [({"model": {"version": "2"}}, "admin"), ({}, "edit")])
def test_the_author_cannot_be_forged(
    town: Town, wanted: dict[str, Any], spec: dict[str, Any], author: str, annotations: Any
) -> None:
    change = {"metadata": {"annotations": annotations}, "spec": spec}
    town.api.patch(town.path("modeldeployments", "fraud"), change)
    assert town.changed_by() == author


def test_the_author_survives_a_replacement_and_server_side_apply(town: Town, wanted: dict[str, Any]) -> None:
    path = town.path("modeldeployments", "fraud")
    found = town.api.get(path)
    found["metadata"]["annotations"] = {}
    town.api.put(path, found)
    assert town.changed_by() == "edit"
    town.api.submit(with_version(wanted, "2"), force="true")
    assert town.changed_by() == "admin"


def test_applying_the_same_again_writes_nothing(town: Town, wanted: dict[str, Any]) -> None:
    """Whoever does it, and with or without server-side apply: the author is neither lost nor written anew."""
    path, edit = town.path("modeldeployments", "fraud"), town.person("edit")
    town.api.submit(wanted, force="true")
    before = town.api.get(path)["metadata"]["resourceVersion"]
    for _ in range(3):
        town.api.submit(wanted, force="true")
        edit.patch(path, {"metadata": {"annotations": {}}, "spec": wanted["spec"]})
    assert town.api.get(path)["metadata"]["resourceVersion"] == before
    assert town.changed_by() == "edit"


def test_what_is_no_model_is_refused_by_the_schema_s_own_words(town: Town, wanted: dict[str, Any]) -> None:
    path = town.path("modeldeployments", "fraud")
    for change, said in (({"spec": {"model": None}}, "spec.model: Required value"), ({"spec": None}, "spec: Required")):
        with pytest.raises(ApiError, match=said):
            town.api.patch(path, change)
    assert "spec: Required value" in town.api.refusal(
        town.path("rolloutactions"), {**action(town.namespace, "Pause"), "spec": None}
    )


def test_an_author_nobody_has_seen_is_not_made_up(town: Town) -> None:
    """A model from before the policies: nobody is named until its model or runtime changes."""
    path = town.path("modeldeployments", VETERAN)
    town.api.patch(path, {"metadata": {"annotations": {CHANGED_BY: "edit", "note": "kept"}}})
    assert town.api.get(path)["metadata"]["annotations"] == {"note": "kept"}
    town.api.patch(path, {"spec": {"model": {"version": "2"}}})
    assert town.api.get(path)["metadata"]["annotations"] == {"note": "kept", CHANGED_BY: "admin"}


def test_without_mutating_policies_a_lie_is_refused(old_town: Town) -> None:
    old_town.api.create(old_town.path("modeldeployments"), model(old_town.namespace))
    path = old_town.path("modeldeployments", "fraud")
    assert old_town.changed_by() is None
    for annotation, spec in (("viewer", {"model": {"version": "2"}}), ("viewer", {}), ("admin", {})):
        change = {"metadata": {"annotations": {CHANGED_BY: annotation}}, "spec": spec}
        with pytest.raises(ApiError, match=f"changed-by says {annotation}, and who changed spec.model or spec.runtime"):
            old_town.api.patch(path, change)
    mine = {"metadata": {"annotations": {CHANGED_BY: "admin"}}, "spec": {"model": {"version": "2"}}}
    old_town.api.patch(path, mine)
    assert old_town.changed_by() == "admin"
    with pytest.raises(ApiError, match="changed-by says admin, and who changed"):
        old_town.person("edit").patch(path, {"spec": {"model": {"version": "3"}}})
