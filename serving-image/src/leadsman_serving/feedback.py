"""Late labels: clients tell which revision's predictions turned out right or wrong."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from leadsman_serving.errors import ServingError, invalid
from leadsman_serving.oip_json import parse_object
from leadsman_serving.tensors import json_name

MOST_BYTES = 256 << 10
"""The largest body: MOST_ENTRIES with the longest revisions, twice over."""
MOST_ENTRIES = 1000
MOST_REVISIONS = 32
"""Revisions that one process counts for; each is a label of Prometheus, and a client can name any."""

_REVISION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_KEYS = ("revision", "correct")


class Feedback(NamedTuple):
    """One prediction, judged: `revision` made it, `correct` says whether the label that arrived later agrees."""

    revision: str
    correct: bool


def parse_feedback(body: bytes) -> list[Feedback]:
    """Return what a feedback body says. Raises ServingError (invalid argument) saying what is wrong where."""
    document = parse_object(body)
    _check_keys("the request body", document, ("feedback",))
    entries = document["feedback"]
    if not isinstance(entries, list):
        raise invalid(f"'feedback' must be a list, not {json_name(entries)}")
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise invalid(f"'feedback' must have 1 to {MOST_ENTRIES} entries, not {len(entries)}")
    return [_entry(f"feedback[{index}]", entry) for index, entry in enumerate(entries)]


class FeedbackCounts:
    """Counts right and wrong predictions by revision. One thread counts, others may read.

    `own`, the revision that this process serves, always has its place among the MOST_REVISIONS.
    """

    def __init__(self, own: str) -> None:
        self._counts = {(own, True): 0, (own, False): 0}

    def add(self, feedback: Sequence[Feedback]) -> None:
        """Count all of it.

        Raises ServingError (invalid argument), having counted nothing, when it names more revisions than have a place.
        """
        known = {revision for revision, _ in self._counts}
        new = {entry.revision for entry in feedback} - known
        if len(known) + len(new) > MOST_REVISIONS:
            raise invalid(
                f"too many revisions: this server counts for at most {MOST_REVISIONS}, which are taken"
                f" since it started; it does not know {min(new)!r}"
            )
        for revision in sorted(new):
            self._counts |= {(revision, True): 0, (revision, False): 0}
        for entry in feedback:
            self._counts[entry] += 1

    def totals(self) -> list[tuple[str, str, int]]:
        """Return (revision, "right" or "wrong", how many) of every revision that has a place."""
        return [
            (revision, "right" if correct else "wrong", count)
            for (revision, correct), count in list(self._counts.items())
        ]


def _entry(where: str, entry: object) -> Feedback:
    if not isinstance(entry, dict):
        raise invalid(f"{where} must be an object with 'revision' and 'correct', not {json_name(entry)}")
    _check_keys(where, entry, _KEYS)
    revision, correct = entry["revision"], entry["correct"]
    if not isinstance(revision, str):
        raise invalid(f"{where}: 'revision' must be a string, not {json_name(revision)}")
    if not _REVISION.fullmatch(revision):
        raise invalid(
            f"{where}: 'revision' is {_brief(revision)}; expected 1 to 63 of a-z, 0-9 and '-',"
            " as in the header x-leadsman-revision of the prediction"
        )
    if not isinstance(correct, bool):
        raise invalid(f"{where}: 'correct' must be true or false, not {json_name(correct)}")
    return Feedback(revision, correct)


def _check_keys(where: str, given: dict[str, Any], expected: tuple[str, ...]) -> None:
    for key in expected:
        if key not in given:
            raise _wrong_keys(f"{where} has no {key!r}", expected)
    if len(given) > len(expected):
        unknown = next(key for key in given if key not in expected)
        raise _wrong_keys(f"{where} has {_brief(unknown)}", expected)


def _wrong_keys(what: str, expected: tuple[str, ...]) -> ServingError:
    return invalid(f"{what}; expected exactly {' and '.join(map(repr, expected))}")


def _brief(text: str) -> str:
    return repr(text if len(text) <= 63 else f"{text[:63]}…")
