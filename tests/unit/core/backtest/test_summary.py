"""The sentences that a backtest ends with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from leadsman.api.modelrevision import DecisionRecord
from leadsman.core.backtest import Fate, Finding, Release, difference, spoken, summary
from support.machine import START

DAY = timedelta(days=1)


def release(number: int, reason: str, *, taken_back: bool = False) -> Release:
    began = START + (number - 1) * 15 * DAY
    receipts = [
        DecisionRecord(sequence=1, at=began, reason="RolloutStarted", message="", weight_before=0, weight_after=0),
        DecisionRecord(
            sequence=2, at=began + timedelta(minutes=30), reason=reason, message="", weight_before=0, weight_after=0
        ),
    ]
    back = began + timedelta(hours=5, minutes=30) if taken_back else None
    return Release("payments", "fraud", "b", "2", "a", tuple(receipts), taken_back=back, number=number)


def finding(number: int, reason: str, fate: Fate, minutes: float | None = None, bad: int | None = None) -> Finding:
    of = release(number, reason)
    decided = fate not in (Fate.COLLECTING, Fate.UNKNOWN)
    at = of.last.at + timedelta(minutes=minutes or 0) if decided else None
    seconds = None if minutes is None else minutes * 60
    return Finding(of, fate, "there is no recording of it", at, seconds, bad)


GOOD = [finding(number, "Promoted", Fate.PROMOTED, 0) for number in (1, 2, 3)]
CASES: dict[str, tuple[list[Finding], list[str]]] = {
    "nothing to look at": (
        [],
        ["There is no release to look at: no ModelRevision has a receipt of a rollout against a stable revision."],
    ),
    "a bad one earlier, and a good one wrongly": (
        [
            *GOOD,
            finding(4, "Promoted", Fate.ROLLED_BACK),
            finding(7, "EvidenceFailed", Fate.ROLLED_BACK, -4, -18),
        ],
        [
            "B would have caught release 7 four minutes earlier, with eighteen bad responses fewer.",
            "B would have rolled back one of four good releases (release 4) in ninety days.",
        ],
    ),
    "many bad ones": (
        [finding(number, "EvidenceFailed", Fate.ROLLED_BACK, -number, -10) for number in range(1, 7)]
        + [finding(7, "EvidenceFailed", Fate.ROLLED_BACK, 1)],
        [
            "B would have caught six releases earlier, in the median by four minutes, with sixty bad responses fewer.",
            "B would have caught one release later, in the median by sixty seconds.",
        ],
    ),
    "a bad one at the same time": (
        [finding(1, "EvidenceFailed", Fate.ROLLED_BACK, 0, 0)],
        ["B would have rolled back release 1 when that was done."],
    ),
    "bad ones that get through": (
        [
            *GOOD,
            finding(4, "EvidenceFailed", Fate.PROMOTED),
            finding(5, "EvidenceFailed", Fate.COLLECTING),
            finding(6, "EvidenceFailed", Fate.COLLECTING),
        ],
        [
            "B would have promoted release 4, which was rolled back.",
            "B would still have been collecting when releases 5 and 6 were rolled back.",
            "B would have rolled back none of three good releases in seventy-five days.",
        ],
    ),
    "one that people took back": (
        [replace(finding(1, "Promoted", Fate.ROLLED_BACK), release=release(1, "Promoted", taken_back=True))],
        [
            "B would have caught release 1, which was promoted and which people took back five hours later.",
        ],
    ),
    "one that had not come to an end": (
        [finding(1, "Superseded", Fate.ROLLED_BACK, None)],
        ["B would have rolled back release 1, which had not come to an end."],
    ),
    "good ones later, or not yet": (
        [
            finding(1, "Promoted", Fate.PROMOTED, 20),
            finding(2, "Promoted", Fate.PROMOTED, 10),
            finding(3, "Promoted", Fate.COLLECTING),
        ],
        [
            "B would have rolled back none of three good releases in thirty days.",
            "B would have promoted two releases too, in the median fifteen minutes later.",
            "B would still have been collecting when release 3 was promoted.",
        ],
    ),
    "nothing known": (
        [finding(1, "Promoted", Fate.UNKNOWN)],
        ["Nothing can be said about release 1: there is no recording of it."],
    ),
}


@pytest.mark.parametrize(("findings", "sentences"), CASES.values(), ids=CASES)
def test_the_sentences_about(findings: list[Finding], sentences: list[str]) -> None:
    assert summary("B", findings) == sentences


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (240, "4 minutes"),
        (7200, "2 hours"),
        (90 * 86400, "90 days"),
    ],
)
def test_durations_for_people(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_the_difference_to_what_was_done() -> None:
    assert difference(finding(1, "Promoted", Fate.PROMOTED, -2)) == "2 minutes earlier"
    assert difference(finding(1, "Promoted", Fate.PROMOTED, 0)) == "at the same time"
    assert difference(finding(1, "Promoted", Fate.COLLECTING)) == ""
