"""People in a rollout, from admission to the audit trail: real users, real rights, the operator's passes."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from apiserver.kubeapi import Api, ApiError, action, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.town import Town, bound, hold, installed
from apiserver.world import World
from leadsman.cli.people.history_text import as_table, entries
from leadsman.cli.people.view import View, look

pytestmark = pytest.mark.apiserver

STEPS: list[dict[str, Any]] = [
    {"weight": 20, "minDuration": "0s"},
    {"approval": {"required": 2, "groups": ["risk"], "notByAuthor": True}},
    {"weight": 50, "minDuration": "0s"},
]


@pytest.fixture
def town(world: World) -> Iterator[Town]:
    """The world's namespace with the chart's policies: ann writes models, ben and cleo approve, otto is on call."""
    with ExitStack() as people:
        town = Town(world.api, world.namespace, people)
        installed(world.api, world.namespace)
        for role, users in {"edit": ["ann"], "approver": ["ann", "ben", "cleo"], "operator": ["otto"]}.items():
            for user in users:
                bound(town, role, user)
        hold(town)
        yield town


async def waiting(it: Pilot, town: Town) -> None:
    """Version 1 serves, and version 2 of ann's waits for approval."""
    town.api.submit(policy(town.namespace), model(town.namespace))
    await it.run(until=lambda it: it.serves("1"))
    town.api.submit(policy(town.namespace, steps=STEPS))
    town.person("ann").apply(
        town.path("modeldeployments", "fraud"), with_version(model(town.namespace), "2"), force="true"
    )
    await it.run(until=lambda it: it.status["rollout"]["phase"] == "Approval")


async def asked(it: Pilot, who: Api, verb: str, **spec: Any) -> tuple[str, str]:
    """Create a RolloutAction and run passes until it is decided on."""
    made = who.create(
        f"apis/leadsman.dev/v1alpha1/namespaces/{it.world.namespace}/rolloutactions",
        action(it.world.namespace, verb, name=f"{verb.lower()}-{len(actions(it)) + 1}", **spec),
    )

    def status() -> dict[str, Any]:
        return next(one["status"] for one in actions(it) if one["metadata"]["uid"] == made["metadata"]["uid"])

    await it.run(until=lambda it: "outcome" in status())
    return status()["outcome"], status()["message"]


def actions(it: Pilot) -> list[dict[str, Any]]:
    """All RolloutActions."""
    return it.world.api.items(f"apis/leadsman.dev/v1alpha1/namespaces/{it.world.namespace}/rolloutactions")


async def seen(it: Pilot) -> View:
    """What the commands see."""
    return await look(it.kube, it.world.namespace, "fraud")


async def test_two_approvals_by_others_than_the_author_and_all_of_it_on_record(world: World, town: Town) -> None:
    async with pilot(world) as it:
        await waiting(it, town)
        candidate = it.status["rollout"]["candidate"]
        named = {"revision": candidate["revision"], "evidence": candidate["gate"]["evidence"]}
        assert it.weights == {"1": 80, "2": 20}
        assert candidate["author"] == "ann"

        assert await asked(it, town.person("ann", "risk"), "Approve", **named) == (
            "Refused",
            "ann is the author of this change; the policy wants the approval of somebody else",
        )
        assert await asked(it, town.person("ben", "sales"), "Approve", **named) == (
            "Refused",
            "ben is in none of the groups that have to approve: risk",
        )
        outcome, said = await asked(it, town.person("ben", "risk"), "Approve", **{**named, "evidence": "older"})
        assert outcome == "Refused"
        assert said.startswith("this approval is void: it speaks of evidence older")
        with pytest.raises(ApiError, match="otto may not approve fraud"):
            await asked(it, town.person("otto", "risk"), "Approve", **named)

        assert (await asked(it, town.person("ben", "risk"), "Approve", **named))[0] == "Accepted"
        assert (await asked(it, town.person("ben", "risk"), "Approve", **named))[0] == "Refused"
        assert it.weights == {"1": 80, "2": 20}
        assert (await asked(it, town.person("cleo", "risk"), "Approve", **named))[0] == "Accepted"
        await it.run(until=lambda it: it.serves("2"))

        trail = [(one.what, one.by) for one in entries(await seen(it)) if one.by]
        assert trail.count(("ApproveRefused", "ben")) == 3
        assert ("ApproveRefused", "ann") in trail
        assert [one for one in trail if one[0] == "Approved"] == [("Approved", "ben"), ("Approved", "cleo")]
        assert "cleo approves revision" in as_table(await seen(it))


async def test_who_is_on_call_pauses_and_undoes(world: World, town: Town) -> None:
    async with pilot(world) as it:
        await waiting(it, town)
        otto = town.person("otto")
        assert (await asked(it, otto, "Pause", reason="INC-1"))[0] == "Accepted"
        assert it.status["rollout"]["paused"]["by"] == "otto"
        assert (await asked(it, otto, "Resume"))[0] == "Accepted"
        assert (await asked(it, otto, "Undo"))[0] == "Accepted"
        await it.run(until=lambda it: it.weights == {"1": 100})
        assert it.condition("Available")[0] == "True"
        town.api.submit(with_version(model(town.namespace), "2"), force="true")
        await it.run(until=lambda it: not it.wrote)
        assert it.weights == {"1": 100}, "what was undone does not come back because somebody applies it again"
        decided = [(one.what, one.by) for one in entries(await seen(it)) if one.by]
        assert decided[:2] == [("Paused", "otto"), ("Resumed", "otto")]
