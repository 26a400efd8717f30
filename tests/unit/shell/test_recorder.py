"""Events, by the rules of events.k8s.io/v1 (pkg/apis/core/validation/events.go)."""

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from leadsman.api.conditions import Reason
from leadsman.api.metadata import ObjectMeta
from leadsman.core.situation import Notice
from leadsman.shell.kube import EVENT, Resource
from leadsman.shell.recorder import post_event
from support.objects import NOW

OWNER = ObjectMeta(name="fraud", namespace="payments", uid="11111111-2222-3333-4444-555555555555")
LONGEST = OWNER.model_copy(update={"name": "f" * 52})


class Posted:
    """A Kube that remembers what is created."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    async def create(self, resource: Resource, body: dict[str, Any]) -> dict[str, Any]:
        assert resource is EVENT
        self.bodies.append(body)
        return body


async def posted(notice: Notice, owner: ObjectMeta = OWNER, identity: str = "leadsman-1") -> dict[str, Any]:
    """The Event of a decision."""
    kube = Posted()
    await post_event(kube, owner, notice, 7, identity, NOW)  # type: ignore[arg-type]
    (body,) = kube.bodies
    return body


NOTICES = {
    "a step": Notice("b", Reason.STEP_STARTED, "revision b gets 5 % of requests"),
    "a rollback": Notice("b", Reason.EVIDENCE_FAILED, "it errs", warning=True),
    "a long story": Notice("b", Reason.MODEL_FAILED, "x" * 5000, warning=True),
    "a long story in another script": Notice("b", Reason.MODEL_FAILED, "水深" * 900, warning=True),
}


@pytest.mark.parametrize("notice", NOTICES.values(), ids=NOTICES.keys())
@pytest.mark.parametrize("owner", [OWNER, LONGEST], ids=["a name", "the longest name"])
async def test_an_event_is_valid(notice: Notice, owner: ObjectMeta) -> None:
    body = await posted(notice, owner, identity="host." * 60)
    assert body["apiVersion"] == "events.k8s.io/v1"
    assert len(body["note"].encode()) <= 1024
    assert 0 < len(body["reason"]) <= 128
    assert 0 < len(body["action"]) <= 128
    assert 0 < len(body["reportingInstance"]) <= 128
    assert re.fullmatch(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", body["reportingController"])
    assert body["type"] in ("Normal", "Warning")
    assert body["metadata"]["namespace"] == body["regarding"]["namespace"]
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", body["metadata"]["name"])
    assert len(body["metadata"]["name"]) <= 253
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["eventTime"])


async def test_an_event_says_what_its_receipt_says() -> None:
    body = await posted(NOTICES["a rollback"])
    assert (body["reason"], body["note"], body["type"]) == ("EvidenceFailed", "it errs", "Warning")
    assert body["regarding"]["uid"] == OWNER.uid


async def test_a_decision_is_one_event_however_often_it_is_posted() -> None:
    first, second = [await posted(NOTICES["a step"]) for _ in range(2)]
    assert first["metadata"]["name"] == second["metadata"]["name"] == "fraud.11111111.7"


async def test_the_time_is_told_in_utc_whatever_the_clock_says() -> None:
    kube = Posted()
    east = NOW.astimezone(timezone(timedelta(hours=8)))
    assert isinstance(east, datetime)
    await post_event(kube, OWNER, NOTICES["a step"], 1, "me", east)  # type: ignore[arg-type]
    assert kube.bodies[0]["eventTime"] == "2026-11-21T12:00:00.000000Z"
