"""What somebody is shown before they ask for something."""

from collections.abc import Iterator
from dataclasses import dataclass

from leadsman.api.rolloutaction import Verb
from leadsman.api.status import Candidate, Phase
from leadsman.cli.people.cluster import FailedError
from leadsman.cli.people.drawing import aligned, moment
from leadsman.cli.people.status_text import checks_text, step_text
from leadsman.cli.people.view import View
from leadsman.cli.plain import plain
from leadsman.core.actions import proved

_WHAT = {
    Verb.APPROVE: "approve {}",
    Verb.PAUSE: "pause the rollout",
    Verb.RESUME: "resume the rollout",
    Verb.PROMOTE: "promote {} without further evidence",
    Verb.SKIP: "skip the present step of {}",
    Verb.ABORT: "abort {}: all requests go to {stable}",
    Verb.RETRY: "retry {}",
    Verb.UNDO: "return to {}",
}
ASKS_FIRST = frozenset(Verb) - {Verb.PAUSE, Verb.RESUME}
"""A pause harms nobody, and is in a hurry."""


@dataclass(frozen=True)
class Subject:
    """What an action speaks of: a revision, and of an approval the evidence, of a skip the step (from 0)."""

    revision: str | None = None
    evidence: str | None = None
    step: int | None = None


def subject(view: View, verb: Verb, revision: str | None, evidence: str | None = None) -> Subject:
    """Find what a verb speaks of now; `revision` and `evidence` are what was named. Raises FailedError."""
    if verb in (Verb.PAUSE, Verb.RESUME):
        return Subject(revision)
    if verb is Verb.UNDO:
        return Subject(_earlier(view) if revision is None else revision)
    now = _rejected(view) if verb is Verb.RETRY else _candidate(view).revision
    if revision is not None and revision != now:
        what = "was taken back is" if verb is Verb.RETRY else "is on its way is"
        raise FailedError(f"what {what} revision {now}, not {revision}; look again: leadsman status {view.name}")
    if verb is Verb.SKIP:
        return Subject(now, step=_candidate(view).step)
    if verb is not Verb.APPROVE:
        return Subject(now)
    return Subject(now, _gate_evidence(view) if evidence is None else evidence)


def moved_on(shown: View, now: View, verb: Verb) -> str | None:
    """Return what a verb would do something else to than was shown; None while it is the same.

    A step more is another one to skip or to be promoted from. An abort means the candidate, wherever it stands.
    """
    before, after = _stand(shown, verb), _stand(now, verb)
    if before == after:
        return None
    return f"{now.name} has moved on: {before} was shown, now it is {after}; look again: leadsman status {now.name}"


def _stand(view: View, verb: Verb) -> str:
    state, candidate = view.rollout, view.rollout.candidate
    if candidate is None:
        return f"stable {state.stable or 'none'} alone"
    pair = f"candidate {candidate.revision} beside stable {state.stable or 'none'}"
    if verb not in (Verb.SKIP, Verb.PROMOTE):
        return pair
    return f"{pair} in step {candidate.step + 1} of {len(candidate.policy.steps)} ({state.phase})"


def question_text(view: View, verb: Verb, about: Subject) -> str:
    """Return what is asked for, candidate beside stable, with the evidence as it stands."""
    blocks = [[f"{view.name} in {view.namespace}: {_what(view, verb, about)}"]]
    state, candidate = view.rollout, view.rollout.candidate
    # A return to what still serves takes the candidate back: that is what is to be looked at.
    shown = candidate.revision if candidate and about.revision == state.stable else about.revision
    if shown:
        blocks.append(aligned(_compared(view, shown), headings=("", "STABLE", _role(view, shown))))
    if candidate and candidate.revision == shown:
        blocks += [aligned(_progress(view, candidate)), checks_text(candidate.checks)]
    elif state.rejected and state.rejected.revision == shown:
        gone = state.rejected
        blocks.append([plain(f"It was taken back at {moment(gone.at)}, {gone.reason}: {gone.message}")])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what(view: View, verb: Verb, about: Subject) -> str:
    return _WHAT[verb].format(view.version(about.revision), stable=view.version(view.rollout.stable) or "none")


def _role(view: View, revision: str) -> str:
    candidate = view.rollout.candidate
    return "CANDIDATE" if candidate and candidate.revision == revision else "REVISION"


def _compared(view: View, revision: str) -> Iterator[tuple[str, str, str]]:
    pair = (view.rollout.stable or "", revision)
    for name, value in (("version", view.version), ("revision", str), ("digest", view.digest)):
        yield name, value(pair[0]), value(pair[1])
    yield "model", _uri(view, pair[0]), _uri(view, pair[1])


def _uri(view: View, revision: str) -> str:
    record = view.revisions.get(revision)
    return record.spec.model.uri if record else ""


def _progress(view: View, candidate: Candidate) -> Iterator[tuple[str, str]]:
    steps = candidate.policy.steps
    share = view.deployment.status.weight or 0
    if candidate.author:
        yield "author", candidate.author
    if view.rollout.phase in (Phase.SHADOW, Phase.CANARY, Phase.APPROVAL):
        yield "step", f"{candidate.step + 1} of {len(steps)}: {step_text(steps[candidate.step])}, answers {share} % now"
        following = steps[candidate.step + 1 :]
        yield "next", step_text(following[0]) if following else "promotion"
    rules = steps[candidate.step].approval
    if gate := candidate.gate:
        yield "approvals", f"{len(gate.approvals)} of {gate.required}, waiting since {moment(gate.since)}"
        for given in gate.approvals:
            yield "", f"{given.user} at {moment(given.at)}"
    if rules and rules.groups:
        yield "by", f"members of {', '.join(rules.groups)}"
    if rules and rules.not_by_author:
        yield "", f"not by the author, {candidate.author or 'who is not known here'}"


def _candidate(view: View) -> Candidate:
    if view.rollout.candidate is None:
        raise FailedError(f"no rollout of {view.name} is under way; look: leadsman status {view.name}")
    return view.rollout.candidate


def _rejected(view: View) -> str:
    if view.rollout.rejected is None:
        raise FailedError(f"no revision of {view.name} was taken back that could be tried again")
    return view.rollout.rejected.revision


def _gate_evidence(view: View) -> str:
    gate = _candidate(view).gate
    if gate is None:
        raise FailedError(f"{view.name} waits for no approval now; look: leadsman status {view.name}")
    return gate.evidence


def _earlier(view: View) -> str:
    """What served before the last change, be it over or under way; what the operator takes an Undo to mean."""
    state = view.rollout
    if state.candidate and (undoing := state.candidate.undoes):
        # Stable is what somebody wants to be rid of: to name it would take the return back.
        raise FailedError(
            f"revision {state.candidate.revision} is on its way back already, as {plain(undoing.by)} asked for; "
            f"look: leadsman status {view.name}"
        )
    if state.candidate and state.stable:
        return state.stable
    if state.watch:
        return state.watch.previous
    gone = state.rejected.revision if state.rejected else None
    earlier = [revision for revision in proved(view.revisions) if revision not in (state.stable, gone)]
    if not earlier:
        raise FailedError(f"there is no earlier revision of {view.name} to return to")
    return earlier[0]
