"""Preflights and followed references in fake time: core.decide on the cluster of support.world."""

from dataclasses import replace

import pytest

from leadsman.core.podtemplate import digest_in
from leadsman.core.revision import revision_hash
from support.simjob import OOM_KILLED
from support.simpod import DIGEST
from support.simulated import GOOD, careful, no_orphans, world
from support.world import NAME, CrashError, World

MOVED = f"sha256:{'cd' * 32}"
ERRS = replace(GOOD, preflight=(65, "golden: 3 of 10 answers differ"))
TAG = "oci://registry.example.com/fraud:stable"


def jobs(at: World) -> set[str]:
    """The Jobs that are there."""
    return {name for kind, name in at.objects if kind == "Job"}


def test_a_model_that_fails_its_preflight_never_has_a_pod() -> None:
    at = world()
    at.models["errs"] = ERRS
    born = at.pods_born
    revision = at.apply("errs")
    at.until("PreflightFailed")
    at.rest(120)
    assert at.pods_born == born
    assert at.running() == {at.hash_of("1")}
    assert at.served[revision] == at.copied[revision] == 0
    assert at.condition("Ready") == "False/PreflightFailed"
    assert at.condition("Stalled") == "True/PreflightFailed"
    assert at.condition("Available") == "True/Serving"
    status = at.status_of(revision)
    assert status.outcome == "Rejected"
    assert status.preflight is not None
    assert (status.preflight.passed, status.preflight.message) == (False, "golden: 3 of 10 answers differ")
    assert status.message == f"revision {revision} is rejected by its preflight: {status.preflight.message}"
    assert jobs(at) == set(), "its report is kept, so the Job goes"
    assert at.jobs_made[f"{NAME}-{revision}-preflight"] == 1, "and it is not tried again"


def test_the_first_model_of_all_is_held_to_its_word_too() -> None:
    at = World(careful(), {"1": ERRS}, gateway=False)
    at.apply("1")
    at.until("PreflightFailed", seconds=60)
    at.rest(60)
    assert (at.pods_born, at.weights(), at.running()) == (0, {}, set())
    assert at.condition("Available") == "False/NoRevision"


def test_a_model_that_needs_more_memory_says_so() -> None:
    at = world()
    at.models["big"] = replace(GOOD, preflight=(OOM_KILLED, ""))
    at.apply("big")
    at.until("PreflightFailed")
    assert at.state.rejected is not None
    assert at.state.rejected.message.startswith("the model needs more memory than its limit of 1Gi")


def test_a_store_that_does_not_answer_is_waited_for_and_then_given_up() -> None:
    at = world()
    at.models["slow"] = replace(GOOD, preflight=(75, "the store answers 503"))
    at.apply("slow")
    at.rest(30)
    ready = next(c["message"] for c in at.status["conditions"] if c["type"] == "Ready")
    assert ready.endswith("is in preflight: it is tried again after: the store answers 503")
    assert at.condition("Reconciling") == "True/RolloutInProgress"
    at.until("PreflightFailed", seconds=700)
    assert at.running() == {at.hash_of("1")}
    assert at.condition("Ready") == "False/PreflightFailed"
    status = at.status_of(at.hash_of("slow"))
    assert status.outcome == "Rejected", "it never had a pod that could be rolled back"
    assert "is rejected by its preflight: it had not ended after 600 s" in status.message


def test_what_passed_is_pinned_for_ever() -> None:
    at = world()
    revision = at.hash_of("1")
    assert at.objects["ModelRevision", f"{NAME}-{revision}"]["spec"]["digest"] == DIGEST
    assert digest_in(at.objects["Deployment", f"{NAME}-{revision}"]["spec"]["template"]) == DIGEST
    at.lose_status()
    at.rest(60)
    assert at.objects["ModelRevision", f"{NAME}-{revision}"]["spec"]["digest"] == DIGEST
    assert not at.restarted


def test_other_bytes_under_the_same_uri_are_reported_by_who_serves_and_never_served() -> None:
    at = world()
    at.models["1"] = replace(GOOD, digest=MOVED)
    gone = next(iter(at.pods))
    del at.pods[gone]
    at.rest(30)
    assert at.condition("Ready") == "False/TooFewReplicas"
    available = next(c["message"] for c in at.status["conditions"] if c["type"] == "Available")
    assert f"its digest is {MOVED}, not {DIGEST}" in available
    assert at.condition("Available") == "True/Serving"
    assert at.lost == 0


def test_a_record_deleted_by_hand_is_born_again_with_the_digest_that_its_pods_have() -> None:
    at = world()
    del at.objects["ModelRevision", f"{NAME}-{at.hash_of('1')}"]
    at.rest(30)
    assert at.objects["ModelRevision", f"{NAME}-{at.hash_of('1')}"]["spec"]["digest"] == DIGEST
    assert not at.restarted


def test_stable_deleted_by_hand_with_its_record_takes_no_other_bytes() -> None:
    at = world()
    name = f"{NAME}-{at.hash_of('1')}"
    at.models["1"] = replace(GOOD, digest=MOVED)
    del at.objects["ModelRevision", name]
    del at.objects["Deployment", name]
    at.rest(30)
    assert at.objects["ModelRevision", name]["spec"]["digest"] == DIGEST
    available = next(c["message"] for c in at.status["conditions"] if c["type"] == "Available")
    assert f"its digest is {MOVED}, not {DIGEST}" in available
    at.models["1"] = GOOD
    at.pods.clear()
    at.rest(30)
    assert at.condition("Ready") == "True/Serving"


def test_a_job_deleted_by_hand_is_made_again() -> None:
    at = world()
    at.models["2"] = replace(GOOD, preflight_seconds=20.0)
    revision = at.apply("2")
    at.rest(10)
    del at.objects["Job", f"{NAME}-{revision}-preflight"]
    at.until("Promoted")
    assert at.jobs_made[f"{NAME}-{revision}-preflight"] == 2


def to_version_2_and_back(at: World) -> int:
    """Promote version 2 until version 1 is not warm any more, and go back; returns the preflights of version 1."""
    first, spec = at.state.stable, at.spec["model"]
    at.apply("2")
    at.until("Promoted")
    at.rest(200)
    assert at.running() == {at.hash_of("2")}
    at.apply("1", model=spec)
    at.until("Promoted", "PreflightFailed")
    return at.jobs_made[f"{NAME}-{first}-preflight"]


def test_a_model_that_was_promoted_before_goes_back_without_another_preflight() -> None:
    at = World(careful(), {"1": GOOD, "2": GOOD})
    at.apply("1", model={"uri": f"{TAG}@{DIGEST}"})
    at.until("FirstRevision")
    assert to_version_2_and_back(at) == 1


def test_but_not_where_other_bytes_may_be_in_their_place() -> None:
    at = world()
    assert to_version_2_and_back(at) == 2
    at.rest(10)
    assert at.condition("Ready") == "True/Serving"


def test_taking_follow_away_without_a_digest_never_starts_pods_that_could_not_fetch() -> None:
    at = following()
    at.apply("1", model={"uri": TAG})
    at.until("FirstRevision", seconds=60)
    at.rest(10)
    at.apply("1", model={"uri": TAG, "follow": {"interval": "30s"}})
    at.tags[TAG] = "2"
    at.until("Switched", seconds=90)
    at.rest(300)
    assert serving_digest(at) == MOVED
    born = at.pods_born
    at.apply("1", model={"uri": TAG})
    at.until("PreflightFailed", seconds=90)
    assert at.pods_born == born
    assert at.state.rejected is not None
    assert at.state.rejected.message.endswith(f"what serves has the digest {MOVED}")
    at.apply("1", model={"uri": TAG, "digest": MOVED})
    at.rest(10)
    assert at.condition("Ready") == "True/Serving"
    assert (at.pods_born, at.lost) == (born, 0)


def test_a_spec_that_changes_in_a_preflight_leaves_nothing_of_it() -> None:
    at = world()
    at.models["2"] = replace(GOOD, preflight_seconds=1000.0)
    at.apply("2")
    at.rest(20)
    assert len(jobs(at)) == 1
    at.apply("1")
    at.rest(10)
    assert jobs(at) == set()
    assert no_orphans(at)
    assert at.condition("Ready") == "True/Serving"


@pytest.mark.parametrize("version", ["errs", "2"])
def test_a_crash_before_any_write_of_a_preflight_changes_nothing_about_its_end(version: str) -> None:
    def story(crash_before: int | None = None) -> World:
        at = World(careful(), {"1": GOOD, "2": GOOD, "errs": ERRS}, gateway=False)
        at.crash_before = crash_before
        at.apply("1")
        at.until("FirstRevision")
        at.apply(version)
        at.until("PreflightFailed", "Switched", seconds=120)
        at.rest(200)
        return at

    smooth = story()
    for number in range(smooth.writes):
        at = story(number)
        assert at.crashes == 1
        assert [reason for _, reason, _ in at.receipts()] == [reason for _, reason, _ in smooth.receipts()]
        assert at.jobs_made == smooth.jobs_made, f"a second preflight after a crash before write {number}"
        assert set(at.objects) == set(smooth.objects)
        assert at.pods_born == smooth.pods_born
        assert at.weights() == smooth.weights()
        assert no_orphans(at)


# following


def following(interval: str = "30s", uri: str = TAG, **changes: object) -> World:
    """A world whose model is what a tag names."""
    at = World(careful(), {"1": GOOD, "2": replace(GOOD, digest=MOVED)}, gateway=False, **changes)  # type: ignore[arg-type]
    at.tags[uri] = "1"
    at.apply("1", model={"uri": uri, "follow": {"interval": interval}})
    return at


def serving_digest(at: World) -> str:
    """The digest that the stable revision's pods insist on."""
    name = f"{NAME}-{at.state.stable}"
    return digest_in(at.objects["Deployment", name]["spec"]["template"]) or ""


def test_nothing_begins_before_a_reference_is_resolved() -> None:
    at = following()
    at.look()
    assert at.condition("Ready") == "False/Resolving"
    assert at.condition("Reconciling") == "True/Resolving"
    assert at.state.candidate is None
    at.until("FirstRevision", seconds=60)
    assert serving_digest(at) == DIGEST
    record = at.objects["ModelRevision", f"{NAME}-{at.state.stable}"]["spec"]
    assert record["model"] == {"uri": f"{TAG}@{DIGEST}", "digest": DIGEST}, "where it stays when the tag moves"


def test_a_tag_that_moves_is_a_new_revision_that_walks_its_policy() -> None:
    at = following()
    at.until("FirstRevision", seconds=60)
    at.rest(60)
    at.tags[TAG] = "2"
    at.until("Switched", seconds=60)
    at.rest(10)
    assert serving_digest(at) == MOVED
    assert at.condition("Ready") == "True/Serving"
    at.tags[TAG] = "1"
    at.until("Switched", seconds=60)
    assert serving_digest(at) == DIGEST


@pytest.mark.parametrize(("uri", "keeps"), [(TAG, True), ("s3://models/fraud.onnx", False)])
def test_pods_of_stable_that_are_born_after_its_reference_has_moved(uri: str, keeps: bool) -> None:
    """A store that overwrites keeps nothing of what was there: they refuse what is, and the status says so."""
    at = following(uri=uri)
    at.until("FirstRevision", seconds=60)
    at.rest(60)
    at.models["2"] = replace(at.models["2"], preflight_seconds=1000.0)
    at.tags[uri] = "2"
    at.pods.clear()
    at.rest(60)
    available = next(c["message"] for c in at.status["conditions"] if c["type"] == "Available")
    assert at.condition("Available") == ("True/Serving" if keeps else "False/NoReadyReplicas")
    assert (f"its digest is {MOVED}, not {DIGEST}" in available) == (not keeps)


def test_between_two_looks_nothing_is_written() -> None:
    at = following("1000s")
    at.until("FirstRevision", seconds=60)
    at.rest(30)
    writes, seen = at.writes, at.jobs_made.total()
    at.rest(500)
    assert at.writes == writes
    at.rest(600)
    assert at.jobs_made.total() == seen + 1
    assert at.writes == writes + 3, "its Job, the status, and the Job's end"


def test_a_reference_that_cannot_be_resolved_touches_nothing_and_is_asked_for_less_and_less() -> None:
    at = following("10s")
    at.until("FirstRevision", seconds=60)
    at.rest(20)
    at.models["1"] = replace(GOOD, preflight=(65, "no such tag"))
    made = at.jobs_made.total()
    at.rest(600)
    assert at.jobs_made.total() - made <= 7
    assert at.condition("Ready") == "True/Serving"
    message = next(c["message"] for c in at.status["conditions"] if c["type"] == "Ready")
    assert "is not known" in message
    assert at.status["following"]["digest"] == DIGEST
    assert at.status["following"]["failures"] >= 4
    assert at.lost == 0
    at.models["1"] = GOOD
    at.rest(1500)
    assert at.status["following"]["failures"] == 0


def test_a_lost_status_is_resolved_anew_and_what_is_stable_stays() -> None:
    at = following()
    at.until("FirstRevision", seconds=60)
    at.rest(20)
    stable = at.state.stable
    at.lose_status()
    at.rest(60)
    assert at.state.stable == stable
    assert at.reasons.count("FirstRevision") == 1
    assert at.condition("Ready") == "True/Serving"


def test_another_uri_is_resolved_before_anything_is_done_about_it() -> None:
    at = following()
    at.until("FirstRevision", seconds=60)
    other = "oci://registry.example.com/fraud:next"
    at.tags[other] = "2"
    at.apply("1", model={"uri": other, "follow": {"interval": "30s"}})
    at.look()
    assert at.state.candidate is None
    assert at.condition("Ready") == "False/Resolving"
    assert at.condition("Available") == "True/Serving"
    at.until("Switched", seconds=60)
    assert serving_digest(at) == MOVED


def test_how_often_it_is_looked_is_no_part_of_a_revision() -> None:
    at = following("30s")
    at.until("FirstRevision", seconds=60)
    before = at.state.stable
    at.apply("1", model={"uri": TAG, "follow": {"interval": "60s"}})
    at.rest(60)
    assert at.state.stable == before
    written = at.observed().deployment.spec.model_copy(
        update={"model": at.observed().deployment.spec.model.model_copy(update={"digest": DIGEST, "follow": None})}
    )
    assert revision_hash(written) == before, "to stop following, write the digest"


def test_an_operator_that_crashes_all_the_time_follows_all_the_same() -> None:
    at = following("10s")
    at.tags[TAG] = "1"
    for second in range(200):
        if second == 100:
            at.tags[TAG] = "2"
        at.crash_before = at.writes + second % 3
        try:
            at.look()
        except CrashError:
            continue
        finally:
            at.live(2)
    at.crash_before = None
    at.rest(60)
    assert serving_digest(at) == MOVED
    reasons = [reason for _, reason, _ in at.receipts()]
    assert reasons == ["RolloutStarted", "FirstRevision", "RolloutStarted", "Switched"]
    assert at.lost == 0
