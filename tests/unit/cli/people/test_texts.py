"""What people read: the status in every state, the questions before a verb, the audit trail."""

import csv
import json
import re
from io import StringIO

import pytest

from leadsman.api.rolloutaction import Verb
from leadsman.cli.people.cluster import FailedError
from leadsman.cli.people.history_text import as_csv, as_json, as_table
from leadsman.cli.people.status_text import status_text
from leadsman.cli.people.verbs_text import question_text, subject
from leadsman.cli.people.watch import ended
from support import people
from support.docs import ROOT
from support.golden import check_golden_text
from support.people import CANDIDATE, NOW, ROLLOUTS, STABLE, view


@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_the_status_in_every_state(rollout: str, update_golden: bool) -> None:
    check_golden_text(
        f"people/status-{rollout.replace(' ', '-')}.txt", status_text(view(rollout), NOW), update=update_golden
    )


QUESTIONS = (
    (Verb.APPROVE, "approval"),
    (Verb.PROMOTE, "canary"),
    (Verb.SKIP, "shadow"),
    (Verb.ABORT, "canary"),
    (Verb.RETRY, "rolled back"),
    (Verb.UNDO, "watching"),
    (Verb.UNDO, "canary"),
)


@pytest.mark.parametrize(("verb", "rollout"), QUESTIONS)
def test_what_is_shown_before_asking(verb: Verb, rollout: str, update_golden: bool) -> None:
    seen = view(rollout)
    check_golden_text(
        f"people/ask-{verb.lower()}-{rollout.replace(' ', '-')}.txt",
        question_text(seen, verb, subject(seen, verb, None)),
        update=update_golden,
    )


def test_the_history_for_people(update_golden: bool) -> None:
    check_golden_text("people/history.txt", as_table(view()), update=update_golden)


def test_a_model_without_a_history() -> None:
    assert as_table(view("new")) == "Nothing has been decided about fraud yet.\n"


def test_the_history_for_programs_is_whole() -> None:
    said = json.loads(as_json(view()))
    assert [one["decision"] for one in said["entries"]] == [
        "FirstRevision",
        "RolloutStarted",
        "Promoted",
        "RolloutStarted",
        "StepStarted",
        "ApproveRefused",
        "Approved",
        "PauseWaiting",
    ]
    step, refused, approved = said["entries"][4:7]
    assert [check["name"] for check in step["receipt"]["checks"]] == ["errorRate", "latency"]
    assert refused["receipt"] is None
    assert refused["rolloutAction"]["spec"]["requestedBy"]["user"] == "alice"
    assert (approved["by"], approved["groups"]) == ("bob", ["risk", "system:authenticated"])
    assert approved["rolloutAction"]["spec"]["reason"] == "=looked at the segments, fine"


def test_the_history_for_spreadsheets_holds_no_formulas_and_no_broken_lines() -> None:
    rows = list(csv.DictReader(StringIO(as_csv(view()))))
    assert len(rows) == len(as_csv(view()).splitlines()) - 1 == 8
    assert rows[6]["by"] == "bob"
    assert rows[6]["reason"] == "'=looked at the segments, fine"
    assert rows[6]["weightAfter"] == "5"
    assert rows[7]["reason"] == "is anybody there?"


def test_words_of_strangers_do_nothing_to_a_terminal() -> None:
    assert "\x1b" not in status_text(view("paused"), NOW)


SUBJECTS: list[tuple[Verb, str, tuple[str | None, str | None]]] = [
    (Verb.APPROVE, "approval", (CANDIDATE, "c4d5e6f7")),
    (Verb.PAUSE, "canary", (None, None)),
    (Verb.RESUME, "paused", (None, None)),
    (Verb.PROMOTE, "canary", (CANDIDATE, None)),
    (Verb.RETRY, "rolled back", (CANDIDATE, None)),
    (Verb.UNDO, "canary", (STABLE, None)),
    (Verb.UNDO, "watching", (STABLE, None)),
    (Verb.UNDO, "idle", (people.EARLIER, None)),
]


@pytest.mark.parametrize(("verb", "rollout", "expected"), SUBJECTS)
def test_what_a_verb_speaks_of(verb: Verb, rollout: str, expected: tuple[str | None, str | None]) -> None:
    found = subject(view(rollout), verb, None)
    assert (found.revision, found.evidence) == expected


WITHOUT_SUBJECT: list[tuple[Verb, str, str | None, str]] = [
    (Verb.APPROVE, "canary", None, "fraud waits for no approval now"),
    (Verb.APPROVE, "idle", None, "no rollout of fraud is under way"),
    (Verb.ABORT, "watching", None, "no rollout of fraud is under way"),
    (Verb.ABORT, "canary", STABLE, f"what is on its way is revision {CANDIDATE}, not {STABLE}"),
    (Verb.RETRY, "canary", None, "no revision of fraud was taken back"),
    (Verb.RETRY, "rolled back", STABLE, f"what was taken back is revision {CANDIDATE}, not {STABLE}"),
    (Verb.UNDO, "new", None, "there is no earlier revision of fraud to return to"),
]


@pytest.mark.parametrize(("verb", "rollout", "named", "said"), WITHOUT_SUBJECT)
def test_a_verb_that_speaks_of_nothing_is_a_sentence(verb: Verb, rollout: str, named: str | None, said: str) -> None:
    with pytest.raises(FailedError, match=said):
        subject(view(rollout), verb, named)


ENDS: dict[str, str | None] = {
    "new": None,
    "canary": None,
    "approval": None,
    "idle": "",
    "watching": "",
    "rolled back": "fraud is not out: revision 1a2b3c4d is rolled back: errors 14 of 212 at 5 % against 3 of 4,020",
}


@pytest.mark.parametrize(("rollout", "expected"), ENDS.items())
def test_when_a_watch_is_over(rollout: str, expected: str | None) -> None:
    assert ended(view(rollout)) == expected


def test_a_watch_is_not_over_before_the_newest_spec_was_looked_at() -> None:
    changed = people.deployment("idle")
    changed["metadata"]["generation"] = 4
    assert ended(people.view_of(changed, [], [])) is None


def test_the_page_shows_what_is_printed() -> None:
    """The page cuts what is long; what is left of each line is a line as it is printed."""
    drawn = re.findall(r"^```text\n(.*?)^```$", (ROOT / "docs/people.md").read_text(), re.MULTILINE | re.DOTALL)
    printed = [status_text(view(), NOW), as_table(view())]
    assert len(drawn) == len(printed)
    for page, text in zip(drawn, printed, strict=True):
        for line, whole in zip(page.splitlines(), text.splitlines(), strict=True):
            assert whole.startswith(line.removesuffix("…")), line
