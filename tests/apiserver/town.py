"""A namespace where the chart's admission policies hold, and people with the chart's roles."""

from contextlib import ExitStack
from typing import Any

import httpx

from apiserver.kubeapi import LEADSMAN, Api, ApiError, action, model
from apiserver.waiting import eventually
from support.helm import objects

RBAC = "apis/rbac.authorization.k8s.io/v1"
ADMISSION = "apis/admissionregistration.k8s.io/v1"
POLICIES = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}
CHANGED_BY = "leadsman.dev/changed-by"
NAMED = {"revision": "1a2b3c4d"}
SPECS: dict[str, dict[str, Any]] = {
    "Approve": {**NAMED, "evidence": "5e6f"},
    "Pause": {},
    "Resume": {},
    "Promote": NAMED,
    "Skip": {**NAMED, "step": 0},
    "Abort": NAMED,
    "Retry": NAMED,
    "Undo": {},
}


class Town:
    """A namespace where the chart's policies hold, and people with the chart's roles in it."""

    def __init__(self, api: Api, namespace: str, people: ExitStack) -> None:
        self.api = api
        self.namespace = namespace
        self._people = people

    def person(self, user: str, *groups: str) -> Api:
        """The API server as a user sees it."""
        them = self.api.acting_as(user, *groups, "system:authenticated")
        self._people.callback(them.close)
        return them

    def path(self, plural: str, name: str = "") -> str:
        """The path of a collection, or of an object in it."""
        return f"{LEADSMAN}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    def act(self, who: Api, verb: str, **spec: Any) -> str:
        """Try to ask for something; the sentence with which it is refused."""
        return who.refusal(self.path("rolloutactions"), action(self.namespace, verb, **{**SPECS[verb], **spec}))

    def changed_by(self) -> str | None:
        """Whom the model says that it was changed by last."""
        name: str | None = (
            self.api.get(self.path("modeldeployments", "fraud"))["metadata"].get("annotations", {}).get(CHANGED_BY)
        )
        return name


def installed(api: Api, namespace: str, *values: str) -> None:
    """Install the chart's roles and policies, the latter for this namespace alone: other tests have their own."""
    for item in objects(*values):
        if item["kind"] == "ClusterRole":
            api.apply(f"{RBAC}/clusterroles/{item['metadata']['name']}", item, manager="helm", force="true")
        if plural := POLICIES.get(item["kind"]):
            name = f"{namespace}-{item['metadata']['name']}"
            item["metadata"]["name"] = name
            if "policyName" in item["spec"]:
                here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
                item["spec"]["matchResources"] = {"namespaceSelector": here}
                item["spec"]["policyName"] = f"{namespace}-{item['spec']['policyName']}"
            api.apply(f"{ADMISSION}/{plural}/{name}", item, manager="helm", fieldValidation="Strict")


def bound(town: Town, role: str, user: str = "", account: str = "") -> None:
    """Give a role of the chart to a user, by default the one of its name, or to a ServiceAccount."""
    group = "rbac.authorization.k8s.io"
    person = {"apiGroup": group, "kind": "User", "name": user or role}
    binding = {
        "metadata": {"name": f"{role}-{account or user or role}"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": f"leadsman-{role}"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": town.namespace} if account else person],
    }
    town.api.create(f"{RBAC}/namespaces/{town.namespace}/rolebindings", binding)


def hold(town: Town, *, mutating: bool = True) -> None:
    """Wait until the policies are obeyed: that is some moments after they are made."""
    forged = model(town.namespace)
    forged["metadata"]["annotations"] = {CHANGED_BY: "somebody"}

    def obeyed() -> bool:
        if not town.act(town.api, "Pause", requestedBy={"user": "somebody"}):
            return False
        try:
            made = town.api.create(town.path("modeldeployments"), forged, dryRun="All")
        except ApiError as error:
            # 503 is no policy's word: a kind is not known to the policies yet.
            return not mutating and error.status != httpx.codes.SERVICE_UNAVAILABLE
        return made["metadata"]["annotations"][CHANGED_BY] != "somebody" and not town.act(town.api, "Pause")

    eventually(obeyed, "the policies are obeyed")
