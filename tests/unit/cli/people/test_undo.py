"""What `leadsman undo` names is what the operator takes an Undo to mean that names nothing."""

from datetime import timedelta

import pytest

from leadsman.api.rolloutaction import Verb
from leadsman.cli.people.cluster import FailedError
from leadsman.cli.people.verbs_text import subject
from leadsman.cli.people.view import View
from support.simulated import GOOD, careful, world
from support.world import World


def three_releases() -> World:
    """1, 2 and 3 were promoted one after the other; of the earlier ones nothing is loaded any more."""
    at = world()
    at.policy = careful(keep_warm=timedelta(minutes=1))
    at.models["3"] = GOOD
    for version in "23":
        at.apply(version)
        at.until("Promoted")
        at.rest(120)
    return at


def named(at: World) -> str | None:
    seen = at.observed()
    return subject(View(seen.deployment, seen.revisions, seen.actions), Verb.UNDO, None).revision


def test_a_second_undo_does_not_take_the_first_one_back() -> None:
    at = three_releases()
    at.ask("Undo", user="ann", revision=named(at))
    at.look()
    said = f"revision {at.hash_of('2')} is on its way back already, as ann asked for; look: leadsman status fraud"
    with pytest.raises(FailedError, match=said):
        named(at)
    at.rest(120)
    assert at.weights() == {at.hash_of("2"): 100}


def test_after_a_return_that_failed_the_one_before_is_still_the_one_before() -> None:
    at = three_releases()
    at.ask("Undo", revision=at.hash_of("1"))
    at.look()
    at.ask("Abort", revision=at.hash_of("1"))
    at.rest(60)
    assert (at.reasons[-1], at.state.stable) == ("UndoFailed", at.hash_of("3"))
    before = named(at)
    at.ask("Undo")
    at.look()
    assert at.state.candidate
    assert before == at.state.candidate.revision


def test_what_was_taken_back_is_not_the_one_before() -> None:
    at = three_releases()
    at.ask("Undo", revision=named(at))
    at.rest(120)
    assert at.state.rejected
    assert at.state.rejected.revision == at.hash_of("3")
    before = named(at)
    at.ask("Undo")
    at.look()
    assert at.state.candidate
    assert before == at.state.candidate.revision == at.hash_of("1")
