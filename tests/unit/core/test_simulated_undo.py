"""Returns that people ask for, in fake time: core.decide on the cluster of support.world."""

from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from leadsman.api.modelrevision import Outcome
from leadsman.api.rolloutpolicy import WatchRules
from leadsman.api.status import Phase
from support.simulated import after, careful, no_orphans, world
from support.world import World


def undone(**changes: Any) -> World:
    """Version 2 was promoted, and somebody has returned to 1."""
    made = world(**changes)
    made.apply("2")
    made.until("Promoted")
    made.ask("Undo")
    made.until("Undone")
    made.models["3"] = made.models["2"]
    return made


def test_undo_of_a_promotion_is_a_return_within_one_look() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    at.rest(20)
    pods = set(at.pods)
    at.ask("Undo", user="olga", reason="customers complain")
    at.look()
    assert at.weights() == {at.hash_of("1"): 100}
    assert set(at.pods) == pods, "it was still loaded"
    assert at.condition("Available") == "True/Serving"
    assert at.condition("Ready") == "False/Undone"
    assert at.status_of(at.hash_of("2")).outcome is Outcome.ROLLED_BACK
    at.rest(600)
    assert at.weights() == {at.hash_of("1"): 100}, "Git still names version 2, and is not obeyed"
    at.ask("Retry", revision=at.hash_of("2"))
    at.until("Promoted", "Returned")
    at.rest(10)
    assert at.weights() == {at.hash_of("2"): 100}


def test_undo_returns_to_any_revision_that_is_kept_and_was_proved() -> None:
    at = world()
    for version in ("2", "3"):
        at.models["3"] = at.models["2"]
        at.apply(version)
        at.until("Promoted")
        at.rest(300)
    assert at.hash_of("1") not in at.running(), "nothing of it is loaded any more"
    unknown = at.ask("Undo", revision="bcdfghjk")
    answer = after(at, unknown)
    assert answer.startswith(
        "Refused: revision bcdfghjk cannot return: it never was stable, was taken back or is not kept"
    )
    assert at.hash_of("1") in answer
    at.ask("Undo", revision=at.hash_of("1"))
    at.until("Undone")
    at.rest(10)
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.lost == 0
    at.rest(600)
    assert no_orphans(at)


def test_undo_in_mid_rollout_aborts_it() -> None:
    at = world()
    revision = at.apply("2")
    at.until("StepStarted")
    at.ask("Undo")
    at.until("Aborted")
    assert at.weights() == {at.hash_of("1"): 100}
    assert at.status_of(revision).outcome is Outcome.ABORTED


def test_undo_needs_no_policy_and_a_target_that_cannot_serve_harms_nobody() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    at.rest(300)
    at.policy = None
    at.models["1"] = replace(at.models["1"], failure="its bytes are gone")
    at.ask("Undo")
    at.until("UndoFailed")
    at.rest(10)
    assert at.weights() == {at.hash_of("2"): 100}
    assert at.condition("Ready") == "True/Serving"
    assert at.lost == 0


def test_a_new_spec_after_an_undo_is_a_rollout_against_what_serves() -> None:
    at = undone()
    at.apply("3")
    at.until("StepStarted")
    assert at.weights() == {at.hash_of("1"): 80, at.hash_of("3"): 20}
    at.until("Promoted")


def test_what_was_undone_returns_by_retry_and_not_by_another_undo() -> None:
    at = undone()
    at.rest(5)
    assert after(at, at.ask("Undo")) == "Refused: there is no earlier revision to return to"
    named = at.ask("Undo", revision=at.hash_of("2"))
    assert after(at, named).endswith("was taken back (Undone): Retry is how it returns")
    assert at.weights() == {at.hash_of("1"): 100}


@pytest.mark.parametrize("other", [False, True])
def test_what_was_taken_back_stays_so_whatever_becomes_of_a_later_try(other: bool) -> None:
    at = undone(policy=careful(keep_warm=timedelta(0)))
    at.rest(60)
    assert after(at, at.ask("Retry")).startswith("Accepted")
    at.until("StepStarted")
    if other:
        at.apply("3")
        at.until("Superseded")
    named = at.ask("Undo", revision=at.hash_of("2"))
    assert after(at, named).startswith(
        f"Refused: revision {at.hash_of('2')} cannot return: it never was stable, was tak"
    )
    assert at.hash_of("2") != at.state.stable


def test_who_is_on_the_way_back_cannot_be_paused() -> None:
    at = world(policy=careful(keep_warm=timedelta(0)))
    at.apply("2")
    at.until("Promoted")
    at.rest(60)
    at.ask("Undo")
    at.look()
    assert after(at, at.ask("Pause"), 1).endswith("is on its way back, which waits for nobody: Abort ends it")
    at.until("Undone")


def test_an_undo_that_is_called_off_leaves_the_watch_as_it_was() -> None:
    at = world(policy=careful(keep_warm=timedelta(minutes=30), watch=WatchRules(copies=100)))
    at.apply("2")
    at.until("Promoted")
    at.rest(30)
    ends, retiring = at.state.watch and at.state.watch.until, at.state.retiring
    at.turn("1", dies_at=at.now)
    asked = at.ask("Undo")
    at.look()
    assert at.answer_to(asked).startswith("Accepted")
    assert at.state.phase is Phase.PREPARING
    at.ask("Abort", revision=at.hash_of("1"))
    at.until("UndoFailed")
    assert at.state.phase is Phase.WATCHING
    assert (at.state.watch and at.state.watch.until, at.state.retiring) == (ends, retiring)
    at.turn("1", dies_at=inf)
    at.turn("2", errors=0.5)
    at.until("EvidenceFailed", seconds=60)
    at.rest(2)
    assert at.weights() == {at.hash_of("1"): 100}


def test_what_happens_while_a_return_is_on_its_way_is_no_evidence_for_the_watch_that_goes_on() -> None:
    at = world(policy=careful(keep_warm=timedelta(minutes=30), watch=WatchRules(copies=100)), rps=100.0)
    at.apply("2")
    at.until("Promoted")
    at.rest(120)
    at.models["1"] = replace(at.models["1"], start_seconds=300)
    at.apply("2", scaling={"minReplicas": 3})  # the return waits for a third pod
    at.ask("Undo")
    at.rest(10)
    at.outage = 0.3
    at.rest(20)
    at.outage = 0.0
    at.rest(20)
    at.ask("Abort", revision=at.hash_of("1"))
    at.rest(120)
    assert at.reasons[-1] == "UndoFailed"
    assert at.state.phase is Phase.WATCHING


def test_a_return_that_another_return_replaced_leaves_what_is_watched_against_loaded() -> None:
    at = world(policy=careful(keep_warm=timedelta(minutes=20), watch=WatchRules(copies=100)))
    at.models["3"] = at.models["2"]
    at.apply("2")
    at.until("Promoted")
    at.rest(1300)
    at.apply("3")
    at.until("Promoted")
    at.rest(30)
    at.turn("2", dies_at=at.now)
    at.ask("Undo")
    at.until("UndoStarted")
    at.ask("Undo", revision=at.hash_of("1"))
    at.look()
    at.ask("Abort", revision=at.hash_of("1"))
    at.until("UndoFailed")
    at.rest(120)
    assert at.state.phase is Phase.WATCHING
    assert at.copies() == {at.hash_of("2"): 100}
    assert at.running() == {at.hash_of("2"), at.hash_of("3")}
    at.rest(1200)
    assert at.state.phase is Phase.IDLE
    assert no_orphans(at)


def test_a_second_undo_of_the_same_change_does_not_cancel_the_first() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    at.rest(300)
    first, second = at.ask("Undo"), at.ask("Undo", user="bob")
    at.until("Undone")
    at.rest(5)
    assert at.answer_to(first).startswith("Accepted")
    assert at.answer_to(second).startswith("Refused: revision")
    assert at.weights() == {at.hash_of("1"): 100}


def test_undo_never_returns_by_itself_to_what_was_taken_back() -> None:
    at = undone()
    at.apply("3")
    at.until("Promoted")
    at.ask("Undo")
    at.until("Undone")
    assert at.state.stable == at.hash_of("1")
    at.rest(5)
    assert after(at, at.ask("Undo")) == "Refused: there is no earlier revision to return to"


def test_what_was_undone_owes_a_trial_when_git_goes_away_and_back() -> None:
    at = undone(policy=careful(keep_warm=timedelta(minutes=30)))
    at.apply("3")
    at.until("RolloutStarted")
    at.apply("2")
    at.until("StepStarted")
    assert at.weights() == {at.hash_of("1"): 80, at.hash_of("2"): 20}
