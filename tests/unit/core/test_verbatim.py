"""What a spec names reaches a container as it is: the kubelet finds no variable in it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.modelrevision import ModelRevision
from leadsman.api.preflight import PreflightRules
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Candidate, Following
from leadsman.core.job import preflight_job, resolve_job
from leadsman.core.revision import new_revision
from leadsman.core.verbatim import verbatim
from support.machine import START
from support.objects import model_deployment

HOSTILE = "https://evil.example.com/$(KEY)/$$(KEY)/$$$(KEY)/$$"
FRAUD = model_deployment(model={"uri": HOSTILE, "secretName": "store"})
RULES = PreflightRules.model_validate({"verify": {"identity": HOSTILE, "issuer": HOSTILE}})


def expanded(argument: str) -> str:
    """What the kubelet makes of an argument: `$$` is `$`, `$(NAME)` a variable, and any other `$` stays."""
    return re.sub(
        r"\$\$|\$\(([^)]*)\)", lambda found: "$" if found[0] == "$$" else f"the value of {found[1]}", argument
    )


def containers() -> Iterator[dict[str, Any]]:
    """Every container that is made for a model."""
    record = new_revision(FRAUD, "b", "serving:1")
    revision = ModelRevision.model_validate({"metadata": {"name": "fraud-b"}, "spec": record})
    stable = ModelRevision.model_validate(
        {"metadata": {"name": "fraud-a"}, "spec": record.model_copy(update={"digest": f"sha256:{'ab' * 32}"})}
    )
    candidate = Candidate(revision="b", started_at=START, policy=RolloutPolicySpec(preflight=RULES))
    following = Following(uri=HOSTILE, identity=HOSTILE, digest=f"sha256:{'ab' * 32}")
    for pod in (
        record.pod_template["spec"],
        preflight_job(FRAUD, candidate, revision, stable)["spec"]["template"]["spec"],
        resolve_job(FRAUD, following, "serving:1")["spec"]["template"]["spec"],
    ):
        yield from (*pod.get("initContainers", []), *pod["containers"])


CONTAINERS = {container["name"]: container for container in containers()}
HOLDS = {
    "fetch": [HOSTILE],
    "preflight": [HOSTILE, HOSTILE, HOSTILE, HOSTILE],
    "resolve": [HOSTILE, f"--known={HOSTILE}=sha256:{'ab' * 32}"],
}


@pytest.mark.parametrize("name", HOLDS)
def test_no_argument_names_a_variable_of_the_container(name: str) -> None:
    """Who may write a ModelDeployment need not be allowed to read the Secret that its containers have as variables."""
    arguments = [expanded(argument) for argument in CONTAINERS[name]["args"]]
    assert [argument for argument in arguments if "evil" in argument] == HOLDS[name]


@given(st.text(alphabet="$()A", max_size=12))
def test_any_text_stays_as_it_is(text: str) -> None:
    assert expanded(verbatim(text)) == text
