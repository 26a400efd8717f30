"""What `status` says and `watch` goes on saying: who serves, how far the rollout is, what it waits for."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from leadsman.api.evidence import CheckReport
from leadsman.api.rolloutpolicy import Step
from leadsman.api.status import Candidate, Phase
from leadsman.cli.people.drawing import aligned, bar, moment
from leadsman.cli.people.history_text import LATEST, entries
from leadsman.cli.people.view import View
from leadsman.cli.plain import plain
from leadsman.core.evidence.message import spoken

_SHORT = len("sha256:") + 12
_MARKS = {-1: "✓", 0: "▶", 1: " "}


def status_text(view: View, now: datetime, latest: int = LATEST) -> str:
    """Return all of it; `latest` decisions at the end."""
    blocks = [
        _headline(view),
        aligned(_facts(view, now)),
        aligned(_traffic(view), right=(3, 4, 5), headings=("", "VERSION", "REVISION", "WEIGHT", "COPIES", "READY")),
        aligned(_steps(view, now)),
        checks_text(_checks(view)),
        _decisions(view, latest),
        _conditions(view),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def checks_text(checks: Sequence[CheckReport]) -> list[str]:
    """Return each check with its evidence as bars, and when it is likely to have enough."""
    rows = [
        (
            check.name,
            check.verdict.value,
            f"{bar(check.promotion)} {check.promotion:.0%}",
            f"{bar(check.harm)} {check.harm:.0%}",
            f"about {spoken(check.eta_seconds)}" if check.eta_seconds else "",
            check.message,
        )
        for check in checks
    ]
    return aligned(rows, headings=("CHECK", "VERDICT", "TO PASS", "HARM", "ETA", ""))


def step_text(step: Step) -> str:
    """Return what a step gives a candidate, or asks of people."""
    if step.approval:
        members = f" of {', '.join(step.approval.groups)}" if step.approval.groups else ""
        return f"approval by {step.approval.required}{members}"
    return f"copies of {step.shadow.percent} %" if step.shadow else f"weight {step.weight} %"


def _headline(view: View) -> list[str]:
    paused = ", paused" if view.rollout.paused else ""
    return [f"{view.name} in {view.namespace}: {_standing(view)}{paused}"]


def _standing(view: View) -> str:
    state = view.rollout
    serves = f"{view.version(state.stable)} serves" if state.stable else "nothing serves yet"
    candidate = state.candidate
    if candidate:
        return f"{serves}, {view.version(candidate.revision)} {_way(state.phase, candidate)}"
    if state.phase is Phase.WATCHING and state.watch:
        return f"{serves}, and is watched until {moment(state.watch.until)}"
    if state.rejected:
        return f"{serves}, {view.version(state.rejected.revision)} was taken back"
    return serves


def _way(phase: Phase, candidate: Candidate) -> str:
    where = f"is in step {candidate.step + 1} of {len(candidate.policy.steps)}"
    match phase:
        case Phase.PREFLIGHT:
            return "is held to its preflight"
        case Phase.PREPARING:
            return "is being prepared"
        case Phase.APPROVAL:
            return f"{where} and waits for approval"
        case _:
            return where


def _facts(view: View, now: datetime) -> Iterator[tuple[str, str]]:
    state = view.rollout
    if state.stable:
        yield "stable", _revision(view, state.stable)
    if state.candidate:
        yield "candidate", _revision(view, state.candidate.revision) + _author(state.candidate)
    yield from _gate(view, now)
    yield from _asked(view, now)
    if state.rejected:
        yield "taken back", f"{_revision(view, state.rejected.revision)}, {_ago(state.rejected.at, now)}"
        yield "", f"{state.rejected.reason}: {state.rejected.message}"
    if state.watch:
        yield "previous", f"{_revision(view, state.watch.previous)}, still loaded: harm returns it at once"
    for warm in state.retiring:
        if warm.warm and not (state.watch and state.watch.previous == warm.revision):
            yield "warm", f"{_revision(view, warm.revision)}, until {moment(warm.until)}"


def _asked(view: View, now: datetime) -> Iterator[tuple[str, str]]:
    """What people have asked for, and what they may be asked for."""
    state, candidate = view.rollout, view.rollout.candidate
    said = [("paused", "by", state.paused)]
    if candidate:
        said += [("forced", "by", candidate.forced), ("undoes", "as asked for by", candidate.undoes)]
    for what, how, asked in said:
        if asked:
            yield what, f"{how} {asked.by} {_ago(asked.at, now)}{_because(asked.message)}"
    if candidate and candidate.overdue:
        yield "held", "the step's maxDuration is over, and the evidence decides neither way"


def _gate(view: View, now: datetime) -> Iterator[tuple[str, str]]:
    gate = view.rollout.candidate.gate if view.rollout.candidate else None
    if gate is None:
        return
    yield "approvals", f"{len(gate.approvals)} of {gate.required}, waiting since {moment(gate.since)}"
    for given in gate.approvals:
        yield "", f"{given.user} {_ago(given.at, now)}"
    if len(gate.approvals) < gate.required:
        yield "", f"`leadsman approve {view.name} -n {view.namespace}` shows what is approved, then asks"


def _traffic(view: View) -> Iterator[Sequence[str]]:
    state = view.rollout
    roles = {state.stable: "stable", state.candidate.revision if state.candidate else "": "candidate"}
    if state.watch:
        roles[state.watch.previous] = "previous"
    for target in view.deployment.status.traffic:
        copies = f"{target.copies} %" if target.copies else ""
        role = roles.get(target.revision, "")
        yield role, target.version, target.revision, f"{target.weight} %", copies, str(target.ready_replicas)


def _steps(view: View, now: datetime) -> Iterator[Sequence[str]]:
    candidate = view.rollout.candidate
    if candidate is None or candidate.undoes or candidate.returning:
        return
    begun = candidate.step_started_at
    for number, step in enumerate(candidate.policy.steps):
        place = (number > candidate.step) - (number < candidate.step)
        mark = _MARKS[place] if begun or number < candidate.step else " "
        since = f"for {spoken((now - begun).total_seconds())}" if begun and place == 0 else ""
        yield f"{mark} {number + 1}", step_text(step), since


def _checks(view: View) -> Sequence[CheckReport]:
    state = view.rollout
    if state.candidate:
        return state.candidate.checks
    return state.watch.checks if state.watch else ()


def _decisions(view: View, latest: int) -> list[str]:
    rows = [(moment(one.at), one.what, one.message) for one in entries(view)]
    return aligned(rows[-latest:], headings=("DECIDED", "", ""))


def _conditions(view: View) -> list[str]:
    status = view.deployment.status
    told: set[str] = set()
    rows = []
    for one in status.conditions:
        rows.append((one.type, one.status, one.reason, "" if one.message in told else one.message))
        told.add(one.message)
    if status.observed_generation == view.deployment.metadata.generation:
        return aligned(rows)
    return [*aligned(rows), "The operator has not looked at the newest spec yet."]


def _revision(view: View, revision: str) -> str:
    digest = view.digest(revision)
    version = view.version(revision)
    parts = [version, "" if version == revision else revision, f"{digest[:_SHORT]}…" if digest else ""]
    return "  ".join(part for part in parts if part)


def _author(candidate: Candidate) -> str:
    return f"  by {candidate.author}" if candidate.author else ""


def _ago(at: datetime, now: datetime) -> str:
    return f"{spoken(max(0.0, (now - at).total_seconds()))} ago"


def _because(reason: str) -> str:
    return f": {plain(reason)}" if reason else ""
