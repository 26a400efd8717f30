"""What preflight says: one verdict for each check, and one sentence for all of them. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

MOST_BYTES = 4000
"""Of a report in a termination message: Kubernetes keeps 4,096, and the last line has to stay whole."""
_ROOM_OF_SENTENCE = 4
"""How many times as long as other texts the sentence may be, which is what people read first."""


class Verdict(StrEnum):
    """What a check came to. Only a Fail rejects."""

    PASS = "Pass"  # noqa: S105 - no password
    FAIL = "Fail"
    WARN = "Warn"
    SKIP = "Skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was expected, what was found, and one sentence about it; for Fail and Warn also what to do."""

    name: str
    verdict: Verdict
    expected: str
    found: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """All checks in their order. The digests are those of what was proven, None where nothing came so far."""

    digest: str | None
    stable_digest: str | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(check.verdict is not Verdict.FAIL for check in self.checks)

    @property
    def sentence(self) -> str:
        """What failed first and what to do; else all warnings, and how many checks passed."""
        failures = [check for check in self.checks if check.verdict is Verdict.FAIL]
        if failures:
            failed, more = failures[0], len(failures) - 1
            also = f" ({more} more {'check' if more == 1 else 'checks'} failed)" if more else ""
            return f"{failed.name}: {failed.message}{also}"
        told = ", ".join(
            f"{count} {word}"
            for verdict, word in ((Verdict.PASS, "passed"), (Verdict.WARN, "with a warning"), (Verdict.SKIP, "skipped"))
            if (count := sum(check.verdict is verdict for check in self.checks))
        )
        return "; ".join(["ready to serve", *self._warnings(), f"checks: {told}"])

    def _warnings(self) -> list[str]:
        """Return what is warned of, once, with the names of all checks that do."""
        names: dict[str, list[str]] = {}
        for check in self.checks:
            if check.verdict is Verdict.WARN:
                names.setdefault(check.message, []).append(check.name)
        return [f"{', '.join(those)}: {message}" for message, those in names.items()]


def document(report: Report, text: Callable[[str], str] = str) -> dict[str, object]:
    """Return the report as JSON has it, its texts as `text` makes them."""
    return {
        "v": 1,
        "passed": report.passed,
        "digest": report.digest,
        "stableDigest": report.stable_digest,
        "sentence": text(report.sentence),
        "checks": [
            {
                "name": check.name,
                "verdict": str(check.verdict),
                "expected": text(check.expected),
                "found": text(check.found),
                "message": text(check.message),
            }
            for check in report.checks
        ],
    }


def last_word(report: Report, most_bytes: int = MOST_BYTES) -> str:
    """Return the report as one line of JSON of at most so many bytes; texts are cut as far as that needs.

    Any report whose texts are all cut to nothing has to fit; with the nine checks that takes 1,000 bytes.
    """
    longest = max(map(len, (report.sentence, *(part for check in report.checks for part in _texts(check)))), default=0)
    low, high = 0, longest
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(_line(report, middle).encode()) <= most_bytes else (low, middle - 1)
    return _line(report, low)


def transient(sentence: str, most_bytes: int = MOST_BYTES) -> str:
    """Return the last word of a preflight that could not decide, and may when it is tried again."""
    room = most_bytes - len(json.dumps({"v": 1, "transient": ""}))
    # A character takes at most six bytes: a control character, or two of three outside the BMP's first part.
    return json.dumps({"v": 1, "transient": _clean(cut(sentence, room // 6))}, ensure_ascii=False)


def cut(text: str, most: int) -> str:
    """Return the text with at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…" if most > 1 else text[:most]


def clean(check: Check) -> Check:
    """Return the check with texts that any encoding takes: names of files may hold half a character."""
    return replace(check, expected=_clean(check.expected), found=_clean(check.found), message=_clean(check.message))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _texts(check: Check) -> tuple[str, str, str]:
    return check.expected, check.found, check.message


def _line(report: Report, most: int) -> str:
    told = document(report, lambda text: _clean(cut(text, most)))
    told["sentence"] = _clean(cut(report.sentence, _ROOM_OF_SENTENCE * most))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
