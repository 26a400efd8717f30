"""ConfigMaps that variables name, in fake time: what they say is rolled out, proved and taken back like a model."""

from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.simulated import BAD, GOOD, careful, no_orphans, world
from support.world import NAME, World

RUNTIME = {"env": [{"name": "MODE", "valueFrom": {"configMap": "settings", "key": "mode"}}]}


def configured() -> World:
    """A world whose stable revision has MODE=calm; with MODE=wild it fails."""
    return deepcopy(_configured())


@cache
def _configured() -> World:
    at = world(models={"1": GOOD, "2": GOOD, "1:wild": BAD, "1:mild": GOOD})
    at.config_maps["settings"] = {"mode": "calm", "other": "x"}
    at.apply("1", runtime=RUNTIME)
    at.until("Promoted")
    at.rest(30)
    assert at.condition("Ready") == "True/Serving"
    return at


def mode(at: World, revision: str | None, kind: str = "Deployment") -> str:
    """What a revision's pods have as MODE."""
    raw = at.objects[kind, f"{NAME}-{revision}"]["spec"]
    template = raw["template"] if kind == "Deployment" else raw["podTemplate"]
    values = {one["value"] for container in _containers(template) for one in container["env"]}
    assert len(values) == 1, "what fetches the model and what serves it have the same"
    return str(values.pop())


def _containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [*template["spec"]["initContainers"], *template["spec"]["containers"]]


def message(at: World, kind: str) -> str:
    """What a condition says."""
    return str(next(c["message"] for c in at.status["conditions"] if c["type"] == kind))


def test_a_change_of_a_config_map_is_proved_and_rolled_out_like_a_model() -> None:
    at = configured()
    before = at.state.stable
    at.config_maps["settings"]["mode"] = "mild"
    at.until("Promoted")
    after = at.state.stable
    assert after != before
    assert (mode(at, before), mode(at, after)) == ("calm", "mild")
    assert at.jobs_made[f"{NAME}-{after}-preflight"] == 1
    assert "StepStarted" in at.reasons
    assert not at.restarted, "no pod is restarted under its revision's name"


def test_a_bad_change_of_a_config_map_is_rolled_back_and_the_old_content_serves() -> None:
    at = configured()
    before = at.state.stable
    at.config_maps["settings"]["mode"] = "wild"
    at.until("EvidenceFailed")
    at.rest(300)
    assert at.state.stable == before
    assert at.weights() == {before: 100}
    assert mode(at, before) == "calm"
    assert at.condition("Ready") == "False/RolledBack"
    rejected = at.state.rejected
    assert rejected is not None
    assert mode(at, rejected.revision, "ModelRevision") == "wild", "what was tried stays on record"
    assert at.running() == {before}


def test_the_way_back_is_the_old_content_again() -> None:
    at = configured()
    before, told = at.state.stable, len(at.reasons)
    at.config_maps["settings"]["mode"] = "mild"
    at.until("Promoted")
    at.config_maps["settings"]["mode"] = "calm"
    at.until("Returned")
    at.rest(60)
    assert at.state.stable == before
    assert at.reasons[told:].count("RolloutStarted") == 2
    assert not at.restarted


def test_what_no_variable_names_makes_no_revision() -> None:
    at = configured()
    told = len(at.reasons)
    at.config_maps["settings"]["other"] = "y"
    at.rest(300)
    assert len(at.reasons) == told


def test_a_config_map_deleted_under_what_serves_disturbs_nothing() -> None:
    at = configured()
    stable, told = at.state.stable, len(at.reasons)
    gone = at.config_maps.pop("settings")
    at.rest(180)
    writes = at.writes
    at.rest(600)
    assert at.writes == writes, "it is said once"
    assert (at.state.stable, at.weights(), len(at.reasons)) == (stable, {stable: 100}, told)
    assert at.condition("Available") == "True/Serving"
    assert at.condition("Ready") == "False/ConfigUnknown"
    assert at.condition("Stalled") == "True/ConfigUnknown"
    assert message(at, "Ready") == (
        f"ConfigMap settings, which spec.runtime.env names for MODE, does not exist; revision {stable} goes on serving"
    )
    at.pods.clear()
    at.rest(30)
    assert at.weights() == {stable: 100}
    assert all(pod.ready(at.now) for pod in at.pods.values()), "new pods do not need it either"
    at.config_maps["settings"] = gone
    at.rest(60)
    assert at.condition("Ready") == "True/Serving"
    assert len(at.reasons) == told


def test_a_first_revision_waits_for_its_config_map() -> None:
    at = World(careful(), {"1": GOOD})
    at.apply("1", runtime=RUNTIME)
    at.rest(120)
    assert at.objects == {}
    assert at.condition("Ready") == "False/ConfigUnknown"
    assert at.condition("Available") == "False/NoRevision"
    at.config_maps["settings"] = {"other": "x"}
    at.rest(60)
    assert message(at, "Ready") == "ConfigMap settings, which spec.runtime.env names for MODE, has no key mode"
    at.config_maps["settings"]["mode"] = "calm"
    at.until("FirstRevision")
    assert mode(at, at.state.stable) == "calm"


def test_a_rollout_goes_on_when_its_config_map_is_deleted() -> None:
    at = configured()
    at.config_maps["settings"]["mode"] = "mild"
    at.until("StepStarted")
    at.config_maps.clear()
    at.rest(5)
    assert at.condition("Ready") == "False/RolloutInProgress"
    assert message(at, "Ready").endswith("ConfigMap settings, which spec.runtime.env names for MODE, does not exist")
    at.until("Promoted")
    assert mode(at, at.state.stable) == "mild"
    at.rest(30)
    assert at.condition("Ready") == "False/ConfigUnknown"


def test_a_bad_candidate_is_rolled_back_without_its_config_map() -> None:
    at = configured()
    before = at.state.stable
    at.config_maps["settings"]["mode"] = "wild"
    at.until("StepStarted")
    at.config_maps.clear()
    at.until("EvidenceFailed")
    at.rest(300)
    assert at.weights() == {before: 100}
    assert at.condition("Ready") == "False/RolledBack"
    assert message(at, "Ready").endswith("does not exist")


def test_a_candidate_that_nobody_wants_any_more_goes_though_the_new_one_has_no_name_yet() -> None:
    at = configured()
    before = at.state.stable
    at.config_maps["settings"]["mode"] = "mild"
    at.until("StepStarted")
    at.config_maps.clear()
    at.apply("2", runtime=RUNTIME)
    at.rest(60)
    assert at.weights() == {before: 100}
    assert at.state.candidate is None
    assert at.condition("Ready") == "False/ConfigUnknown"
    at.config_maps["settings"] = {"mode": "calm"}
    at.until("Promoted")
    assert at.state.stable != before
    assert no_orphans(at)


def test_a_rejected_content_stays_rejected_whatever_becomes_of_its_config_map() -> None:
    at = configured()
    at.config_maps["settings"]["mode"] = "wild"
    at.until("EvidenceFailed")
    told = len(at.reasons)
    gone = dict(at.config_maps)
    at.config_maps.clear()
    at.rest(120)
    at.config_maps |= gone
    at.rest(120)
    assert len(at.reasons) == told
    assert at.condition("Ready") == "False/RolledBack"


def test_the_same_value_written_into_the_spec_is_no_rollout() -> None:
    at = configured()
    told = len(at.reasons)
    at.apply("1", runtime={"env": [{"name": "MODE", "value": "calm"}]})
    at.rest(120)
    assert len(at.reasons) == told


def test_a_lost_status_is_rebuilt_without_the_config_map() -> None:
    at = configured()
    stable = at.state.stable
    at.config_maps.clear()
    at.lose_status()
    at.rest(60)
    assert at.state.stable == stable
    assert at.weights() == {stable: 100}
    assert not at.restarted


@pytest.mark.parametrize("write", range(0, 25, 6))
def test_killed_anywhere_the_content_changes_once(write: int) -> None:
    at = configured()
    before = at.state.stable
    at.config_maps["settings"]["mode"] = "wild"
    at.crash_before = at.writes + write
    for _ in at.run(900):
        pass
    assert at.crashes == 1
    assert at.state.stable == before
    assert mode(at, before) == "calm"
    assert at.reasons.count("EvidenceFailed") == 1
    assert no_orphans(at)


def test_nothing_but_a_config_map_makes_the_operator_look_every_half_minute() -> None:
    at = configured()
    assert at.look().requeue_after.total_seconds() == 30
    plain = world()
    assert plain.look().requeue_after.total_seconds() == 300


_DEEDS = ("calm", "mild", "wild", "gone", "no key", "version 1", "version 2", "status lost", "killed", "wait")


def _do(at: World, deed: str) -> None:
    match deed.split():
        case ["gone"]:
            at.config_maps.clear()
        case ["no", "key"]:
            at.config_maps["settings"] = {"other": "x"}
        case ["version", number]:
            at.apply(number, runtime=RUNTIME)
        case ["status", "lost"]:
            at.lose_status()
        case ["killed"]:
            at.crash_before = at.writes + 2
        case ["wait"]:
            at.rest(200)
        case [mode]:
            at.config_maps["settings"] = {"mode": mode}


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_DEEDS), st.integers(5, 90)), max_size=6))
def test_whatever_is_done_to_config_maps_and_specs(deeds: list[tuple[str, int]]) -> None:
    """No request is lost, no revision ever has another environment, and in the end what is asked for serves."""
    at = configured()
    seen: dict[str, str] = {}
    for deed, seconds in [*deeds, ("version 2", 5), ("calm", 5)]:
        _do(at, deed)
        for _ in at.run(seconds):
            assert sum(at.weights().values()) == 100
            for name in at.running():
                template = at.objects["Deployment", f"{NAME}-{name}"]["spec"]["template"]
                found = mode(at, name) if "env" in template["spec"]["containers"][0] else ""
                assert seen.setdefault(name, found) == found
    for _ in at.run(1200):
        if at.condition("Ready") == "True/Serving" and not at.state.retiring:
            break
    at.rest(30)
    assert at.lost == 0
    assert not at.restarted
    stable = at.objects["ModelRevision", f"{NAME}-{at.state.stable}"]["spec"]
    assert (stable["model"]["version"], mode(at, at.state.stable)) == ("2", "calm")
    assert no_orphans(at)


def test_a_reference_is_not_looked_at_without_its_environment_and_is_again_with_it() -> None:
    """A look without, say, the store's region might find nothing, or something else."""
    moved = f"sha256:{'cd' * 32}"
    tag = "oci://registry.example.com/fraud:stable"
    at = World(careful(), {"1": GOOD, "2": replace(GOOD, digest=moved)}, gateway=False)
    at.tags[tag] = "1"
    at.config_maps["settings"] = {"mode": "calm"}
    at.apply("1", model={"uri": tag, "follow": {"interval": "30s"}}, runtime=RUNTIME)
    at.until("FirstRevision", seconds=90)
    at.rest(60)
    before, jobs = at.state.stable, at.jobs_made[f"{NAME}-resolve"]
    at.config_maps.clear()
    at.tags[tag] = "2"
    at.rest(300)
    assert at.state.stable == before
    assert at.jobs_made[f"{NAME}-resolve"] == jobs
    assert at.condition("Ready") == "False/ConfigUnknown"
    at.config_maps["settings"] = {"mode": "mild"}
    at.rest(180)
    assert at.condition("Ready") == "True/Serving"
    assert mode(at, at.state.stable) == "mild"
    record = at.objects["ModelRevision", f"{NAME}-{at.state.stable}"]["spec"]
    assert record["model"]["digest"] == moved
