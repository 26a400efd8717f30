"""What an earlier release left behind, under the present code: invariant 8 of the design, and a rollout that goes on.

`tests/golden/upgrade/COMMIT` has the simulated world of that commit at every moment that a status can speak of.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevision
from leadsman.api.status import ModelDeploymentStatus
from leadsman.core.revision import revision_hash
from support.golden import GOLDEN
from support.recorded import load
from support.simulated import GOOD, no_orphans
from support.situations import MODELS
from support.world import NAME, Model, World

RECORDED = sorted((GOLDEN / "upgrade").glob("*/*.json"))
ROLLOUT = ["StepStarted", "StepStarted", "StepStarted", "Promoted"]
GOES_ON = {
    "nobody-has-looked-at-it-yet": ["RolloutStarted", "FirstRevision"],
    "the-first-revision-is-in-preflight": ["FirstRevision"],
    "the-first-revisions-pods-are-prepared": ["FirstRevision"],
    "a-new-spec-has-not-been-looked-at": ["RolloutStarted", *ROLLOUT],
    "a-candidate-is-in-preflight": ROLLOUT,
    "a-candidates-pods-are-prepared": ROLLOUT,
    "a-candidate-gets-copies": ROLLOUT[1:],
    "a-candidate-gets-its-first-weight": ROLLOUT[2:],
    "a-candidate-gets-its-last-weight": ROLLOUT[3:],
    "a-candidate-is-held-after-its-maxDuration": ROLLOUT[2:],
    "a-candidate-was-superseded": ROLLOUT,
    "a-followed-reference-is-resolved-for-the-first-time": ["RolloutStarted", "FirstRevision"],
    "the-API-server-refuses-a-write": ["RolloutStarted", *ROLLOUT],
    "an-object-cannot-be-understood": ["RolloutStarted", *ROLLOUT],
}
"""The decisions that are still to come; none where nothing is named."""

# What took for ever when it was recorded takes its usual time now.
NOW = MODELS | {"slow-to-prove": GOOD, "slow-to-start": GOOD}

each = pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def upgraded(path: Path, models: Mapping[str, Model] = NOW) -> World:
    """The world as it was, under an operator of today whose new revisions get another serving image."""
    at = load(read(path), dict(models))
    at.image = "serving:2"
    return at


def kept(old: object, new: object) -> bool:
    """Whether everything of the old is in the new, which may say more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and kept(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(kept, old, new))
    return old == new


def dumped(model: ModelDeploymentStatus | ModelRevision) -> object:
    return json.loads(json.dumps(model.model_dump(mode="json", by_alias=True, exclude_none=True)))


def preflights_of(at: World) -> dict[str, int]:
    """How many Jobs were made, but for looks at what a reference names."""
    return {name: made for name, made in at.jobs_made.items() if name.endswith("-preflight") and made}


@each
def test_every_word_of_an_old_status_is_understood(path: Path) -> None:
    recorded = read(path)
    assert kept(recorded["status"], dumped(ModelDeploymentStatus.model_validate(recorded["status"])))
    for raw in recorded["objects"]:
        if raw["kind"] == "ModelRevision":
            understood = dumped(ModelRevision.model_validate(raw))
            assert kept({key: raw.get(key, {}) for key in ("spec", "status")}, understood)


@each
def test_revisions_keep_their_hashes(path: Path) -> None:
    recorded = read(path)
    records = [raw["spec"] for raw in recorded["objects"] if raw["kind"] == "ModelRevision"]
    if "follow" in recorded["spec"]["model"]:
        return  # its hash is that of what the reference named: test_the_rollout_goes_on would see a second one
    for record in records:
        spec = {"model": record["model"], "runtime": record["runtime"]}
        deployment = ModelDeployment.model_validate({"metadata": {"name": NAME}, "spec": spec})
        assert revision_hash(deployment.spec) == record["revision"]


@each
def test_the_rollout_goes_on_from_where_it_was_and_no_pod_restarts(path: Path) -> None:
    at = upgraded(path)
    before = {key: (raw["spec"], raw["metadata"]["generation"]) for key, raw in at.objects.items()}
    stable, born, preflights = at.state.stable, at.pods_born, preflights_of(at)
    expected = GOES_ON.get(path.stem, [])
    for _ in at.run(900):
        assert stable in (None, at.state.stable) or "Promoted" in at.reasons, "stable is stable until it is replaced"
        if at.reasons == expected:
            break
    at.rest(150)
    assert at.reasons == expected
    assert not at.restarted
    assert at.lost == 0
    for (kind, name), (spec, generation) in before.items():
        if kind == "Deployment" and (live := at.objects.get((kind, name))):
            assert (live["spec"], live["metadata"]["generation"]) == (spec, generation), "no Deployment is written"
        if kind == "ModelRevision":
            assert at.objects[kind, name]["spec"] == spec | at.objects[kind, name]["spec"], "a record stays as it was"
    if not expected:
        assert (at.pods_born, preflights_of(at)) == (born, preflights), "nothing is made again"
    assert no_orphans(at)


@each
def test_the_first_look_after_an_upgrade_moves_no_traffic(path: Path) -> None:
    at = upgraded(path, MODELS)
    weights, copies = at.weights(), at.copies()
    at.look()
    if weights:
        assert (at.weights(), at.copies()) == (weights, copies)


def test_every_moment_that_is_to_go_on_was_recorded() -> None:
    assert {path.stem for path in RECORDED} >= set(GOES_ON)
