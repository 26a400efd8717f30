"""How the preflight of the desired revision stands, by its Job's pods, or by the report that was kept of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadsman.api.modelrevision import ModelRevision, Outcome
from leadsman.api.preflight import MAX_TEXT, PreflightCheck, PreflightReport
from leadsman.api.status import Phase, RolloutState
from leadsman.core.immutable import is_immutable
from leadsman.core.job import memory_limit, preflight_job
from leadsman.core.jobpods import JobPod
from leadsman.core.jobs import attempts_of
from leadsman.core.observed import Observed
from leadsman.core.receipts import outcome_of
from leadsman.core.situation import Preflight
from leadsman.core.termination import last_words, parse_report, printable

_NO_JOB = "its Job is made"
_UNREADABLE = "it ended without a report that can be read"


@dataclass(frozen=True)
class Finding:
    """What the machine is told, the report that it is told by, and whether that has yet to be kept."""

    preflight: Preflight | None
    report: PreflightReport | None = None
    is_new: bool = False


def preflight_progress(observed: Observed, state: RolloutState) -> str:
    """What a preflight that is not decided waits for."""
    candidate = state.candidate
    record = observed.revisions.get(candidate.revision) if candidate else None
    attempts = attempts_of(observed, _job_of(observed, state, record)) if record else None
    return attempts.progress if attempts and not attempts.lost else _NO_JOB


def find_preflight(observed: Observed, state: RolloutState, desired: str, now: datetime) -> Finding:
    """Return how the preflight of the desired revision stands."""
    record = observed.revisions.get(desired)
    if record and _was_proved(record):
        return Finding(None)
    candidate = state.candidate
    if record is None or candidate is None or candidate.revision != desired or state.phase is not Phase.PREFLIGHT:
        return Finding(Preflight(message=_NO_JOB))
    kept = record.status.preflight
    if kept and kept.at > candidate.started_at:
        return Finding(_told(kept), kept)
    attempts = attempts_of(observed, _job_of(observed, state, record))
    if attempts is None or attempts.lost:
        return Finding(Preflight(message=_NO_JOB))
    if attempts.answer is None:
        return Finding(Preflight(message=attempts.progress))
    report = _with_way_out(_report(attempts.answer, record, now), record, observed.revisions.get(state.stable or ""))
    return Finding(_told(report), report, is_new=True)


def wanted_preflight(observed: Observed, state: RolloutState) -> dict[str, Any] | None:
    """The Job that is to run; None outside of a preflight, and where one has to go before it is made again."""
    candidate = state.candidate
    if candidate is None or state.phase is not Phase.PREFLIGHT:
        return None
    record = observed.revisions.get(candidate.revision)
    if record is None:
        # One that was just born is recorded first; the event of its ModelRevision brings the next pass.
        return None
    body = _job_of(observed, state, record)
    attempts = attempts_of(observed, body)
    return None if attempts and attempts.lost else body


def _job_of(observed: Observed, state: RolloutState, record: ModelRevision) -> dict[str, Any]:
    if state.candidate is None:
        raise ValueError("a preflight is that of a candidate, but the state names none")
    stable = observed.revisions.get(state.stable) if state.stable else None
    return preflight_job(observed.deployment, state.candidate, record, stable)


def _was_proved(record: ModelRevision) -> bool:
    """Whether it was promoted once, with the very bytes that it is pinned to, and those can still be had.

    Nobody but a preflight can tell whether a URI that may move still names them.
    """
    report = record.status.preflight
    proved = _has_served(record) and record.spec.digest is not None and report is not None and report.passed
    return proved and is_immutable(record.spec.model.uri)


def _has_served(record: ModelRevision) -> bool:
    return any(outcome_of(receipt.reason) is Outcome.PROMOTED for receipt in record.status.receipts)


def _told(report: PreflightReport) -> Preflight:
    return Preflight(passed=report.passed, message=report.message)


def _report(pod: JobPod, record: ModelRevision, now: datetime) -> PreflightReport:
    if pod.out_of_memory:
        return _out_of_memory(record, now)
    said = parse_report(pod.message)
    if said is None or said.passed != (pod.exit_code == 0) or (said.passed and said.digest is None):
        words = "" if said or pod.exit_code == 0 else last_words(pod.message)
        return PreflightReport(passed=False, at=now, message=words or _UNREADABLE)
    pinned = record.spec.digest or record.spec.model.digest
    if said.passed and pinned not in (None, said.digest):
        return PreflightReport(passed=False, at=now, message=f"it speaks of {said.digest}, not of {pinned}")
    failed = [check.message for check in said.checks if check.verdict == "Fail"]
    return PreflightReport(
        passed=said.passed,
        at=now,
        digest=said.digest,
        stable_digest=said.stable_digest,
        message=said.sentence or _sentence(said.passed, failed),
        checks=tuple(PreflightCheck(**check.model_dump(exclude={"v"})) for check in said.checks),
    )


def _with_way_out(report: PreflightReport, record: ModelRevision, stable: ModelRevision | None) -> PreflightReport:
    """What to do where a revision that has served comes back, and its URI names other bytes by now."""
    pinned = record.spec.digest
    if report.passed or pinned is None or pinned not in report.message or not _has_served(record):
        return report
    keep = f"; what serves has the digest {stable.spec.digest}" if stable and stable.spec.digest else ""
    way = (
        "this revision takes only the bytes that it has served with: "
        f"name others in spec.model by digest, by another uri, or with follow{keep}"
    )
    return report.model_copy(update={"message": f"{report.message[: MAX_TEXT - len(way) - 2]}; {way}"})


def _sentence(passed: bool, failed: list[str]) -> str:
    if passed:
        return "it passed"
    return printable("; ".join(filter(None, failed))) or "it did not pass"


def _out_of_memory(record: ModelRevision, now: datetime) -> PreflightReport:
    limit = memory_limit(record)
    sentence = f"the model needs more memory than its limit of {limit}: its preflight was ended for it (OOMKilled)"
    check = PreflightCheck(
        name="memory", verdict="Fail", expected=f"at most {limit}", found=f"more than {limit}", message=sentence
    )
    return PreflightReport(passed=False, at=now, message=sentence, checks=(check,))
