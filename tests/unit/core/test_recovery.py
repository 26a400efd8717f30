"""What is known after the status was lost."""

from datetime import timedelta
from typing import Any

from leadsman.api.conditions import Reason
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.status import ModelDeploymentStatus, Phase, RolloutState
from leadsman.core.recovery import recovered_state
from leadsman.core.status import refused_status
from support.machine import START, canary, rolled_back, serving
from support.objects import NOW, model_revision

LOST = ModelDeploymentStatus()


def revisions(*raw: dict[str, Any]) -> dict[str, ModelRevision]:
    """ModelRevisions by hash."""
    found = [ModelRevision.model_validate(one) for one in raw]
    return {one.spec.revision: one for one in found}


def receipt(sequence: int, reason: str) -> dict[str, Any]:
    """One decision."""
    return {
        "sequence": sequence,
        "at": NOW.isoformat(),
        "reason": reason,
        "message": "",
        "weightBefore": 0,
        "weightAfter": 0,
    }


def test_a_status_that_is_there_is_believed() -> None:
    for state in (serving(), canary(), rolled_back()):
        status = ModelDeploymentStatus(observed_generation=3, rollout=state)
        assert recovered_state(status, revisions(model_revision("z", role="stable"))) == state


def test_with_nothing_there_is_nothing() -> None:
    assert recovered_state(LOST, {}) == RolloutState()


def test_stable_stays_stable() -> None:
    state = recovered_state(LOST, revisions(model_revision("a", role="stable"), model_revision("b", role="candidate")))
    assert state == RolloutState(stable="a"), "and the candidate starts again"


def test_of_two_stable_revisions_the_newer_counts() -> None:
    later = model_revision("b", role="stable", born=timedelta(minutes=1))
    assert recovered_state(LOST, revisions(model_revision("a", role="stable"), later)).stable == "b"


def test_a_rejected_revision_stays_rejected_with_its_reason() -> None:
    status = {"message": "it errs", "receipts": [receipt(7, "EvidenceFailed")]}
    state = recovered_state(
        LOST, revisions(model_revision("a", role="stable"), model_revision("b", role="rejected", status=status))
    )
    assert state.phase is Phase.ROLLED_BACK
    assert state.rejected is not None
    assert (state.rejected.revision, state.rejected.reason, state.rejected.message) == (
        "b",
        "EvidenceFailed",
        "it errs",
    )
    assert state.decisions == 7


def test_a_rejected_revision_stays_rejected_though_its_own_status_is_lost_too() -> None:
    state = recovered_state(LOST, revisions(model_revision("b", role="rejected")))
    assert state.rejected is not None
    assert (state.rejected.at, state.rejected.reason) == (NOW, Reason.ROLLED_BACK)
    assert state.rejected.message == "it was rolled back before the status was lost"


def test_decisions_are_numbered_on() -> None:
    status = {"receipts": [receipt(3, "RolloutStarted"), receipt(9, "Promoted")]}
    assert recovered_state(LOST, revisions(model_revision("a", role="stable", status=status))).decisions == 9


def test_a_rollout_that_was_only_begun_begins_again_under_its_number() -> None:
    status = {"receipts": [receipt(1, "RolloutStarted")]}
    assert recovered_state(LOST, revisions(model_revision("a", role="candidate", status=status))).decisions == 0


def test_a_refusal_right_after_the_loss_hides_nothing() -> None:
    refused = refused_status(LOST, 4, Reason.INVALID_SPEC, "spec.model.uri is wrong", START)
    assert refused.observed_generation == 4
    assert recovered_state(refused, revisions(model_revision("a", role="stable"))).stable == "a"


def test_a_rejection_that_nobody_can_date_is_one_all_the_same() -> None:
    raw = model_revision("b", role="rejected")
    del raw["metadata"]["creationTimestamp"]
    state = recovered_state(LOST, revisions(raw))
    assert state.rejected is not None
    assert state.rejected.at.year == 1970
