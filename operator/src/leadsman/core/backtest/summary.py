"""What a policy would have done, in a few sentences."""

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from leadsman.api.modelrevision import Outcome
from leadsman.core.backtest.findings import Fate, Finding

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_FEW = 5
_ONES = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

CAVEATS = (
    "Traffic is as it was: each candidate got the share of requests that the policy of then gave it.",
    "After a recording's end nothing is known: a policy that had not decided by then is still collecting.",
)
"""What holds for every backtest."""


def summary(policy: str, findings: Sequence[Finding]) -> list[str]:
    """Return sentences about the findings; `policy` is its name for people."""
    if not findings:
        return [
            "There is no release to look at: no ModelRevision has a receipt of a rollout against a stable revision."
        ]
    known = [one for one in findings if one.fate is not Fate.UNKNOWN]
    sentences = [*_caught(policy, known), *_missed(policy, known), *_good(policy, known), *_promoted(policy, known)]
    if unknown := [one for one in findings if one.fate is Fate.UNKNOWN]:
        sentences.append(f"Nothing can be said about {_releases(unknown)}: {_reasons(unknown)}.")
    return sentences


def spoken(seconds: float) -> str:
    """Return a duration in its largest unit: "4 minutes", "1 day"."""
    for length, unit in _UNITS:
        if seconds >= 1.5 * length or length == 1:
            return _count(round(seconds / length), unit)
    raise AssertionError("the last unit takes everything")


def difference(one: Finding) -> str:
    """Return how much earlier or later the policy would have decided the same: "4 minutes earlier"."""
    if one.seconds is None:
        return ""
    if abs(one.seconds) < 1:
        return "at the same time"
    return f"{spoken(abs(one.seconds))} {'earlier' if one.seconds < 0 else 'later'}"


def _caught(policy: str, findings: Sequence[Finding]) -> list[str]:
    caught = [one for one in findings if one.fate is Fate.ROLLED_BACK and not one.release.is_good]
    sentences = _sooner_or_later(policy, [one for one in caught if one.seconds is not None and abs(one.seconds) >= 1])
    if same := [one for one in caught if one.seconds is not None and abs(one.seconds) < 1]:
        sentences.append(f"{policy} would have rolled back {_releases(same)} when that was done.")
    sentences += [
        f"{policy} would have caught release {one.release.number}, which was promoted and which people took back "
        f"{_in_words(spoken((one.release.taken_back - one.at).total_seconds()))} later{_spared([one])}."
        for one in caught
        if one.release.taken_back and one.at
    ]
    if other := [one for one in caught if one.seconds is None and not one.release.taken_back]:
        sentences.append(f"{policy} would have rolled back {_releases(other)}, which had not come to an end.")
    return sentences


def _sooner_or_later(policy: str, findings: Sequence[Finding]) -> list[str]:
    """One sentence for each, or for many one about those that are earlier and one about those that are later."""
    if len(findings) <= _FEW:
        return [
            f"{policy} would have caught release {one.release.number} {_in_words(difference(one))}{_spared([one])}."
            for one in findings
        ]
    sentences = []
    for when, some in (
        ("earlier", [one for one in findings if (one.seconds or 0) < 0]),
        ("later", [one for one in findings if (one.seconds or 0) > 0]),
    ):
        if some:
            by = _in_words(spoken(median(abs(one.seconds or 0) for one in some)))
            what = f"{_in_words(_count(len(some), 'release'))} {when}, in the median by {by}"
            sentences.append(f"{policy} would have caught {what}{_spared(some)}.")
    return sentences


def _missed(policy: str, findings: Sequence[Finding]) -> list[str]:
    bad = [one for one in findings if one.release.outcome is Outcome.ROLLED_BACK]
    sentences = []
    if promoted := [one for one in bad if one.fate is Fate.PROMOTED]:
        sentences.append(f"{policy} would have promoted {_releases(promoted)}, which {_were(promoted)} rolled back.")
    if waiting := [one for one in bad if one.fate is Fate.COLLECTING]:
        sentences.append(
            f"{policy} would still have been collecting when {_releases(waiting)} {_were(waiting)} rolled back."
        )
    return sentences


def _good(policy: str, findings: Sequence[Finding]) -> list[str]:
    good = [one for one in findings if one.release.is_good]
    if not good:
        return []
    wrong = [one for one in good if one.fate is Fate.ROLLED_BACK]
    which = f" ({_releases(wrong)})" if wrong else ""
    share = _in_words(f"{len(wrong)} of") if wrong else "none of"
    what = f"{share} {_in_words(_count(len(good), 'good release'))}{which}"
    return [f"{policy} would have rolled back {what} in {_in_words(_period(findings))}."]


def _promoted(policy: str, findings: Sequence[Finding]) -> list[str]:
    alike = [one.seconds for one in findings if one.fate is Fate.PROMOTED and one.seconds is not None]
    sentences = []
    if alike and abs(by := median(alike)) >= 1:
        when = f"{_in_words(spoken(abs(by)))} {'earlier' if by < 0 else 'later'}"
        what = _in_words(_count(len(alike), "release"))
        sentences.append(f"{policy} would have promoted {what} too, in the median {when}.")
    waiting = [one for one in findings if one.release.outcome is Outcome.PROMOTED and one.fate is Fate.COLLECTING]
    if waiting:
        sentences.append(
            f"{policy} would still have been collecting when {_releases(waiting)} {_were(waiting)} promoted."
        )
    return sentences


def _spared(findings: Sequence[Finding]) -> str:
    fewer = -sum(one.bad_responses or 0 for one in findings)
    return f", with {_in_words(_count(fewer, 'bad response'))} fewer" if fewer else ""


def _were(findings: Sequence[Finding]) -> str:
    return "was" if len(findings) == 1 else "were"


def _period(findings: Sequence[Finding]) -> str:
    began: datetime = min(one.release.began for one in findings)
    ended: datetime = max(one.release.last.at for one in findings)
    return spoken((ended - began).total_seconds())


def _releases(findings: Sequence[Finding]) -> str:
    numbers = [str(one.release.number) for one in findings]
    if len(numbers) == 1:
        return f"release {numbers[0]}"
    if len(numbers) <= _FEW:
        return f"releases {', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"{len(numbers)} releases"


def _reasons(findings: Sequence[Finding]) -> str:
    return "; ".join(dict.fromkeys(one.why for one in findings))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _in_words(text: str) -> str:
    """Return a count with its number spelled, as a sentence has it: "four minutes"."""
    number, _, rest = text.partition(" ")
    if not number.isdecimal() or int(number) > 99:
        return text
    ones, tens = int(number) % 10, int(number) // 10
    if tens < 2:
        return f"{_ONES[int(number)]} {rest}"
    return f"{_TENS[tens - 2]}{f'-{_ONES[ones]}' if ones else ''} {rest}"
