"""The result of a backtest, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from typing import Any

from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.cli.policy import InputError
from leadsman.core.backtest import CAVEATS, Fate, Finding, Release, difference, spoken, summary
from leadsman.core.hashing import policy_hash

_WIDTH = 300
_HEADINGS = ("#", "Began", "Model", "Version", "What happened", "Decided", "Bad responses")
_COUNTER_CAVEAT = (
    "The counters were read as far apart as --step says, and restarts of containers not at all: the operator looks "
    "more often, and may decide sooner."
)


@dataclass(frozen=True)
class Report:
    """What a backtest came to. `name` is the policy's; `problems` are sentences about what could not be read."""

    name: str
    policy: RolloutPolicySpec
    findings: Sequence[Finding]
    problems: Sequence[str]
    by_counters: bool = False

    @property
    def sentences(self) -> list[str]:
        """What the policy would have done."""
        return summary(f"Policy {self.name}", self.findings)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What cannot be known."""
        return (*CAVEATS, _COUNTER_CAVEAT) if self.by_counters else CAVEATS


def as_text(report: Report) -> str:
    """A table with a line for each release, and then sentences. Raises InputError."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError as error:
        raise InputError(
            "the table needs rich, which is not installed; get it with: pip install '.[simulate]', in a checkout; "
            "or use --json"
        ) from error
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (*_HEADINGS[:5], f"{report.name} would have", *_HEADINGS[5:]):
        table.add_column(heading, justify="right" if heading in ("#", "Bad responses") else "left", no_wrap=True)
    for one in report.findings:
        table.add_row(*_row(one))
    out = StringIO()
    # Nobody is asked for the width of a terminal: a line that is cut off says nothing.
    console = Console(file=out, width=_WIDTH, highlight=False, soft_wrap=True, color_system=None)
    if report.findings:
        console.print(table)
        console.print()
    for sentence in report.sentences:
        console.print(sentence, markup=False)
    console.print()
    for sentence in (*report.problems, *_notes(report.findings), *report.caveats):
        console.print(f"- {sentence}", markup=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def as_json(report: Report) -> str:
    """The same with all figures."""
    result = {
        "policy": report.name,
        "policyHash": policy_hash(report.policy),
        "releases": [_as_dict(one) for one in report.findings],
        "sentences": report.sentences,
        "problems": list(report.problems),
        "caveats": list(report.caveats),
    }
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


def _row(one: Finding) -> tuple[str, ...]:
    release = one.release
    bad = "" if one.bad_responses is None else f"{one.bad_responses:+,}" if one.bad_responses else "0"
    return (
        str(release.number),
        f"{release.began:%Y-%m-%d %H:%M}",
        f"{release.namespace}/{release.model}" if release.namespace else release.model,
        release.version,
        _happened(release),
        _would(one),
        difference(one),
        bad,
    )


def _happened(release: Release) -> str:
    fate = "promoted, then taken back" if release.taken_back else _spaced(release.outcome)
    return f"{fate} after {_after(release, release.last.at)}"


def _would(one: Finding) -> str:
    if one.fate is Fate.UNKNOWN:
        return "unknown"
    if one.at is None:
        return "still collecting"
    return f"{_spaced(one.fate)} after {_after(one.release, one.at)}"


def _after(release: Release, moment: datetime) -> str:
    return spoken(max(0.0, (moment - release.began).total_seconds()))


def _spaced(word: str) -> str:
    """`RolledBack` as "rolled back"."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in word).strip()


def _notes(findings: Sequence[Finding]) -> list[str]:
    """What holds for some releases only; each note once, with the releases that it holds for."""
    numbers: dict[str, list[int]] = {}
    for one in findings:
        for note in one.notes:
            numbers.setdefault(note, []).append(one.release.number)
    return [f"Release {', '.join(map(str, where))}: {note}." for note, where in numbers.items()]


def _as_dict(one: Finding) -> dict[str, Any]:
    release = one.release
    return {
        "number": release.number,
        "namespace": release.namespace,
        "model": release.model,
        "revision": release.revision,
        "version": release.version,
        "stable": release.stable,
        "began": release.began.isoformat(),
        "ended": release.last.at.isoformat(),
        "outcome": release.outcome.value,
        "reason": release.last.reason,
        "takenBack": release.taken_back.isoformat() if release.taken_back else None,
        "good": release.is_good,
        "would": {
            "outcome": one.fate.value,
            "at": one.at.isoformat() if one.at else None,
            "secondsLater": one.seconds,
            "badResponses": one.bad_responses,
            "why": one.why,
            "notes": list(one.notes),
        },
    }
