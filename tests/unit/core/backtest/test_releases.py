"""What ModelRevisions tell about the releases of the past."""

from datetime import timedelta
from typing import Any

from leadsman.core.backtest import Release, releases
from leadsman.core.names import RECORDING_ANNOTATION
from support.machine import START
from support.objects import model_revision
from support.recorder import Recorder

DAY = timedelta(days=1)


def receipt(sequence: int, reason: str, *, stable: str | None = "a", after: int = 0, **weights: int) -> dict[str, Any]:
    at = (START + timedelta(minutes=after or sequence)).isoformat()
    weight = {"weightBefore": 0, "weightAfter": 0} | weights
    return {"sequence": sequence, "at": at, "reason": reason, "message": "so it is", "stable": stable, **weight}


def record(revision: str, *receipts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    raw = model_revision(revision, version=f"v{revision}", status={"receipts": list(receipts)})
    raw["metadata"] |= changes.pop("metadata", {})
    return raw | changes


def told(found: list[Release]) -> list[tuple[int, str, str, bool]]:
    return [(one.number, one.version, one.outcome.value, one.is_good) for one in found]


def test_releases_are_numbered_by_time_and_the_first_of_a_model_is_none() -> None:
    first = record("a", receipt(1, "RolloutStarted", stable=None), receipt(2, "FirstRevision", stable=None))
    good = record("b", receipt(3, "RolloutStarted"), receipt(4, "StepStarted"), receipt(5, "Promoted"))
    bad = record("c", receipt(6, "RolloutStarted", stable="b"), receipt(7, "EvidenceFailed", stable="b"))
    under_way = record("d", receipt(8, "RolloutStarted", stable="b"))
    found, problems = releases([under_way, bad, first, good])
    assert told(found) == [(1, "vb", "Promoted", True), (2, "vc", "RolledBack", False), (3, "vd", "InProgress", False)]
    assert problems == []


def test_what_a_preflight_rejected_is_no_release_either() -> None:
    rejected = record("b", receipt(3, "RolloutStarted"), receipt(4, "PreflightFailed"))
    assert releases([rejected]) == ([], [])


def test_a_release_that_people_took_back_was_not_good() -> None:
    b = record("b", receipt(3, "RolloutStarted"), receipt(5, "Promoted"))
    a = record("a", receipt(6, "RolloutStarted", stable="b"), receipt(7, "Returned", stable="b"))
    found, _ = releases([a, b])
    assert told(found)[0] == (1, "vb", "Promoted", False)
    assert found[0].taken_back == START + timedelta(minutes=6)
    assert found[1].is_good


def test_a_release_that_was_followed_by_another_stays_good() -> None:
    b = record("b", receipt(3, "RolloutStarted"), receipt(5, "Promoted"))
    c = record("c", receipt(6, "RolloutStarted", stable="b"), receipt(7, "Promoted", stable="b"))
    a = record("a", receipt(8, "RolloutStarted", stable="c"), receipt(9, "Promoted", stable="c"))
    found, _ = releases([a, b, c])
    assert [one.is_good for one in found] == [True, True, True]


def test_the_same_revision_of_another_namespace_takes_nothing_back() -> None:
    b = record("b", receipt(3, "RolloutStarted"), receipt(5, "Promoted"))
    a = record("a", receipt(6, "RolloutStarted", stable="b"), receipt(7, "Returned", stable="b"))
    a["metadata"]["namespace"] = "elsewhere"
    found, _ = releases([a, b])
    assert all(one.is_good for one in found)


def test_two_tries_of_one_revision_are_two_releases_and_the_recording_is_of_the_latest() -> None:
    recorder = Recorder().traffic(600, rps=10, candidate_errors=0.3)
    raw = recorder.object()
    earlier = [receipt(1, "RolloutStarted", after=-50), receipt(2, "Superseded", after=-40)]
    raw["status"]["receipts"] = earlier + raw["status"]["receipts"]
    found, _ = releases([raw])
    assert told(found) == [(1, "2", "Superseded", False), (2, "2", "RolledBack", False)]
    assert [one.recording is not None for one in found] == [False, True]


def test_a_recording_that_cannot_be_read_says_why() -> None:
    raw = record("b", receipt(3, "RolloutStarted"), receipt(5, "Promoted"))
    raw["metadata"]["annotations"] = {RECORDING_ANNOTATION: "rubbish"}
    found, _ = releases([raw])
    assert found[0].recording is None
    assert "base64 of zlib" in found[0].unreadable


def test_what_is_no_model_revision_is_a_problem_and_no_reason_to_stop() -> None:
    good = record("b", receipt(3, "RolloutStarted"), receipt(5, "Promoted"))
    found, problems = releases([{"kind": "ModelRevision", "metadata": {"name": "x"}}, {}, good])
    assert len(found) == 1
    assert problems[0].startswith("ModelRevision x cannot be understood: spec")
    assert len(problems) == 2


def test_what_users_saw_of_a_candidate_at_a_moment() -> None:
    raw = record(
        "b",
        receipt(3, "RolloutStarted"),
        receipt(4, "StepStarted", weightAfter=10),
        receipt(5, "StepStarted", weightBefore=10, weightAfter=50),
        receipt(6, "EvidenceFailed", weightBefore=50),
    )
    ((release,), _) = releases([raw])
    weights = [release.weight_at(START + timedelta(minutes=minute, seconds=1)) for minute in (2, 3, 4, 5, 6)]
    assert weights == [0, 0, 10, 50, 0]
