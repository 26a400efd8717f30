"""What was read has to be of one time."""

from collections.abc import Mapping
from typing import Any

import pytest

from leadsman.api.status import RolloutState
from leadsman.shell.freshness import refuse_older
from leadsman.shell.kube import MODEL_REVISION, KubeError, Resource
from support.objects import model_deployment


def revision(name: str, *decisions: int) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"receipts": [{"sequence": number} for number in decisions]}}


class Answers:
    """What a second look finds."""

    def __init__(self, revisions: list[dict[str, Any]], version: str) -> None:
        self.revisions, self.version = revisions, version
        self.asked: list[str] = []

    async def list(self, resource: Resource, namespace: str, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked.append(resource.kind)
        return self.revisions

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.asked.append(resource.kind)
        return {"metadata": {"resourceVersion": self.version}}


A, B = revision("fraud-a", 1, 2), revision("fraud-b", 3)
LIST, GET = MODEL_REVISION.kind, "ModelDeployment"
# What was listed, the decisions that the status knows of, what a second look finds; what is asked again, what is wrong.
CASES: dict[str, tuple[list[dict[str, Any]], int, Answers, list[str], str]] = {
    "they agree": ([A, B], 3, Answers([], "1"), [], ""),
    "a list from before the stable revision was made": ([B], 3, Answers([A, B], "1"), [LIST], "it lacks fraud-a"),
    "a stable revision that somebody has deleted": ([B], 3, Answers([B], "1"), [LIST], ""),
    "a receipt that was written before a crash": ([A, B], 2, Answers([], "1"), [GET], ""),
    "a status from before the last decision": ([A, B], 2, Answers([], "2"), [GET], "has changed"),
}


@pytest.mark.parametrize(("listed", "decisions", "answers", "asked", "wrong"), CASES.values(), ids=CASES.keys())
async def test_the_older_of_two_answers_is_not_decided_by(
    listed: list[dict[str, Any]], decisions: int, answers: Answers, asked: list[str], wrong: str
) -> None:
    deployment = model_deployment()
    deployment = deployment.model_copy(
        update={
            "metadata": deployment.metadata.model_copy(update={"resource_version": "1"}),
            "status": deployment.status.model_copy(update={"rollout": RolloutState(stable="a", decisions=decisions)}),
        }
    )
    if wrong:
        with pytest.raises(KubeError, match=wrong) as caught:
            await refuse_older(answers, deployment, listed)  # type: ignore[arg-type]
        assert caught.value.retryable
    else:
        await refuse_older(answers, deployment, listed)  # type: ignore[arg-type]
    assert answers.asked == asked
