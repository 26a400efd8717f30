"""A model as the commands for people see it, in the states of its life; raw, as the API server gives it."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutaction import RolloutAction
from leadsman.cli.people.view import View

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
STABLE, CANDIDATE, EARLIER = "9f8e7d6c", "1a2b3c4d", "5e6f7a8b"
_VERSIONS = {EARLIER: "2026.11.18", STABLE: "2026.11.20", CANDIDATE: "2026.11.21"}
_POLICY: dict[str, Any] = {
    "steps": [
        {"shadow": {"percent": 100}},
        {"weight": 5},
        {"approval": {"required": 2, "groups": ["risk"], "notByAuthor": True}},
        {"weight": 50},
    ]
}
CHECKS: list[dict[str, Any]] = [
    {
        "name": "errorRate",
        "verdict": "Pass",
        "harm": 0.03,
        "promotion": 1.0,
        "message": "errors 1 of 1,240 at 5 % against 20 of 23,560; evidence 1 : 130 that this is tolerable",
    },
    {
        "name": "latency",
        "verdict": "Collecting",
        "harm": 0.0,
        "promotion": 0.72,
        "etaSeconds": 260,
        "message": "answers beyond p99: 9 of 1,240 over 36 ms at 5 % against 240 of 23,560 over 30 ms; "
        "about 900 more requests needed (about 4 min)",
    },
]


def at(minutes: float) -> str:
    """A moment so many minutes before NOW, as JSON has it."""
    return (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def receipt(sequence: int, minutes: float, reason: str, message: str, **more: Any) -> dict[str, Any]:
    """A decision that was taken so many minutes before NOW."""
    known = {"sequence": sequence, "at": at(minutes), "reason": reason, "message": message}
    return {**known, "weightBefore": 0, "weightAfter": 0, **more}


def revision(name: str, *receipts: dict[str, Any], **status: Any) -> dict[str, Any]:
    """A ModelRevision."""
    return {
        "metadata": {"name": f"fraud-{name}", "namespace": "payments"},
        "spec": {
            "modelDeployment": "fraud",
            "revision": name,
            "model": {"uri": f"oci://registry.example.com/fraud:{_VERSIONS[name]}", "version": _VERSIONS[name]},
            "runtime": {},
            "podTemplate": {},
            "digest": f"sha256:{name * 8}",
        },
        "status": {"receipts": list(receipts), **status},
    }


def action(name: str, verb: str, user: str, minutes: float, **more: Any) -> dict[str, Any]:
    """A RolloutAction; `more` are its status and fields of its spec."""
    status = more.pop("status", {})
    return {
        "metadata": {"name": name, "namespace": "payments", "uid": f"uid-{name}", "creationTimestamp": at(minutes)},
        "spec": {
            "modelDeployment": "fraud",
            "verb": verb,
            "requestedBy": {"user": user, "groups": ["risk", "system:authenticated"]},
            **more,
        },
        "status": status,
    }


def candidate(step: int, **more: Any) -> dict[str, Any]:
    """The revision on its way in, in a step that began eight minutes ago."""
    return {
        "revision": CANDIDATE,
        "startedAt": at(25),
        "step": step,
        "stepStartedAt": at(8),
        "author": "alice",
        "policy": _POLICY,
        "checks": CHECKS,
        **more,
    }


GATE = {
    "step": 2,
    "since": at(8),
    "evidence": "c4d5e6f7",
    "required": 2,
    "weight": 5,
    "approvals": [{"user": "bob", "at": at(3), "action": "fraud-approve-x2k4q"}],
}
ROLLOUTS: dict[str, dict[str, Any]] = {
    "new": {},
    "idle": {"stable": STABLE, "decisions": 4},
    "preflight": {"phase": "Preflight", "stable": STABLE, "candidate": candidate(0, stepStartedAt=None, checks=[])},
    "shadow": {"phase": "Shadow", "stable": STABLE, "candidate": candidate(0)},
    "canary": {"phase": "Canary", "stable": STABLE, "candidate": candidate(1)},
    "paused": {
        "phase": "Canary",
        "stable": STABLE,
        "candidate": candidate(1, overdue=True),
        "paused": {"by": "bob", "at": at(2), "message": "INC-1234\x1b[2J"},
    },
    "approval": {"phase": "Approval", "stable": STABLE, "candidate": candidate(2, gate=GATE)},
    "watching": {
        "phase": "Watching",
        "stable": CANDIDATE,
        "watch": {"previous": STABLE, "until": at(-20), "policy": _POLICY, "checks": CHECKS},
        "retiring": [{"revision": STABLE, "until": at(-20), "warm": True}],
    },
    "rolled back": {
        "phase": "RolledBack",
        "stable": STABLE,
        "rejected": {
            "revision": CANDIDATE,
            "at": at(4),
            "reason": "EvidenceFailed",
            "message": "errors 14 of 212 at 5 % against 3 of 4,020; evidence 1 : 5,200 at a budget of 1 : 100",
        },
    },
}
_SAID = {
    "Serving": "the desired revision serves",
    "RolloutInProgress": f"revision {CANDIDATE} is on its way",
    "RolledBack": f"revision {CANDIDATE} is rolled back: errors 14 of 212 at 5 % against 3 of 4,020",
}
_TRAFFIC = {
    "new": [],
    "canary": [(STABLE, 95, 0, 4), (CANDIDATE, 5, 0, 2)],
    "shadow": [(STABLE, 100, 0, 4), (CANDIDATE, 0, 100, 2)],
    "watching": [(CANDIDATE, 100, 0, 4), (STABLE, 0, 100, 4)],
}
_TRAFFIC |= {"paused": _TRAFFIC["canary"], "approval": _TRAFFIC["canary"]}
REVISIONS = [
    revision(
        EARLIER, receipt(1, 3000, "FirstRevision", f"revision {EARLIER} is the first and serves"), outcome="Promoted"
    ),
    revision(
        STABLE,
        receipt(2, 1500, "RolloutStarted", f"revision {STABLE} is prepared, against stable {EARLIER}"),
        receipt(3, 1450, "Promoted", f"revision {STABLE} is promoted", weightBefore=50, weightAfter=100),
        outcome="Promoted",
    ),
    revision(
        CANDIDATE,
        receipt(4, 25, "RolloutStarted", f"revision {CANDIDATE} is prepared, against stable {STABLE}", stable=STABLE),
        receipt(5, 18, "StepStarted", "step 2 of 4: weight 5 %", weightAfter=5, stable=STABLE, checks=CHECKS),
        receipt(
            *(6, 3, "Approved", f"bob approves revision {CANDIDATE} (1 of 2)"),
            weightBefore=5,
            weightAfter=5,
            stable=STABLE,
            by="bob",
            action="fraud-approve-x2k4q",
        ),
    ),
]
ACTIONS = [
    action(
        *("fraud-approve-x2k4q", "Approve", "bob", 3),
        revision=CANDIDATE,
        evidence="c4d5e6f7",
        reason="=looked at the segments, fine",
        status={"outcome": "Accepted", "message": "as the receipt says", "at": at(3), "sequence": 6},
    ),
    action(
        *("fraud-approve-7hq2z", "Approve", "alice", 6),
        revision=CANDIDATE,
        evidence="c4d5e6f7",
        status={
            "outcome": "Refused",
            "message": "alice is the author of this change; the policy wants the approval of somebody else",
            "at": at(6),
        },
    ),
    action("fraud-pause-ll9c2", "Pause", "carol", 0.2, reason="is anybody\nthere?"),
]


def view(rollout: str = "approval") -> View:
    """The model in one of the states above."""
    return view_of(deployment(rollout), REVISIONS if rollout != "new" else [], ACTIONS if rollout != "new" else [])


def view_of(raw: dict[str, Any], revisions: list[dict[str, Any]], actions: list[dict[str, Any]]) -> View:
    """What was read of these objects."""
    records = [ModelRevision.model_validate(one) for one in revisions]
    return View(
        ModelDeployment.model_validate(raw),
        {record.spec.revision: record for record in records},
        tuple(RolloutAction.model_validate(one) for one in actions),
    )


def deployment(rollout: str = "approval") -> dict[str, Any]:
    """The ModelDeployment in one of the states above."""
    state = deepcopy(ROLLOUTS[rollout])
    traffic = _TRAFFIC.get(rollout, [(STABLE, 100, 0, 4)])
    ready = "True" if rollout in ("idle", "watching") else "False"
    reasons = {"True": "Serving", "False": "RolledBack" if rollout == "rolled back" else "RolloutInProgress"}
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reasons[ready],
        "message": _SAID[reasons[ready]],
        "lastTransitionTime": at(5),
    }
    parts = ("revision", "weight", "copies", "readyReplicas")
    seen: dict[str, Any] = {
        "observedGeneration": 3,
        "weight": {name: weight for name, weight, *_ in traffic}.get(CANDIDATE) if "candidate" in state else None,
        "traffic": [{**dict(zip(parts, target, strict=True)), "version": _VERSIONS[target[0]]} for target in traffic],
        "rollout": state,
        "conditions": [condition],
    }
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud", "namespace": "payments", "generation": 3},
        "spec": {"model": {"uri": "oci://registry.example.com/fraud:2026.11.21"}},
        "status": {} if rollout == "new" else seen,
    }
