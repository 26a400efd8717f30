"""Make a RolloutAction and wait for what becomes of it."""

import asyncio
from typing import Any

from pydantic import ValidationError

from leadsman.api.base import API_VERSION
from leadsman.api.rolloutaction import MAX_GROUPS, Requester, RolloutAction, Verb
from leadsman.cli.people.cluster import FailedError, LaterError
from leadsman.cli.people.verbs_text import Subject
from leadsman.cli.people.view import parsed
from leadsman.cli.plain import plain
from leadsman.shell.kube import ROLLOUT_ACTION, SELF_SUBJECT_REVIEW, Kube, KubeError
from leadsman.shell.validation import first_problem

_LOOK_SECONDS = 0.5


async def who_am_i(kube: Kube) -> Requester:
    """Ask the API server who it takes the caller for. Raises KubeError, and FailedError for who cannot be recorded."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": SELF_SUBJECT_REVIEW.kind, "metadata": {"namespace": ""}}
    info = (await kube.create(SELF_SUBJECT_REVIEW, review))["status"]["userInfo"]
    groups = tuple(info.get("groups") or ())
    if len(groups) > MAX_GROUPS:
        # Admission refuses an action that leaves groups out.
        raise FailedError(
            f"{plain(info['username'])} has {len(groups)} groups, and an action names all groups of who asks, "
            f"{MAX_GROUPS} at most: log in as somebody with fewer"
        )
    try:
        return Requester(user=info["username"], groups=groups, uid=info.get("uid") or None)
    except ValidationError as error:
        raise FailedError(
            f"who you are cannot be put on record: {plain(first_problem(error))}; log in as somebody else"
        ) from error


def action(namespace: str, model: str, verb: Verb, about: Subject, reason: str, who: Requester) -> dict[str, Any]:
    """Return the RolloutAction to create."""
    said = {"revision": about.revision, "evidence": about.evidence, "step": about.step, "reason": reason or None}
    return {
        "apiVersion": API_VERSION,
        "kind": ROLLOUT_ACTION.kind,
        "metadata": {"generateName": f"{model}-{verb.lower()}-", "namespace": namespace},
        "spec": {
            "modelDeployment": model,
            "verb": verb.value,
            **{name: value for name, value in said.items() if value is not None},
            "requestedBy": who.model_dump(mode="json", by_alias=True, exclude_none=True),
        },
    }


async def ask(kube: Kube, body: dict[str, Any], seconds: float) -> RolloutAction:
    """Create a RolloutAction and wait until it was decided on.

    Raises KubeError when it cannot be created, LaterError when nobody decides within `seconds`, or it cannot be read.
    """
    made = parsed(RolloutAction, await kube.create(ROLLOUT_ACTION, body))
    name = made.metadata.name
    look = f"`kubectl get rolloutaction {name} -n {made.metadata.namespace}` shows what becomes of it"
    try:
        async with asyncio.timeout(seconds):
            while made.status.outcome is None:
                await asyncio.sleep(_LOOK_SECONDS)
                made = parsed(RolloutAction, await kube.get(ROLLOUT_ACTION, made.metadata.namespace, name))
    except TimeoutError:
        raise LaterError(
            f"RolloutAction {name} is made, and nobody has decided on it within {seconds:g} s: "
            f"does the operator run? {look}"
        ) from None
    except KubeError as error:
        raise LaterError(f"RolloutAction {name} is made, but cannot be read: {plain(str(error))}; {look}") from error
    return made
