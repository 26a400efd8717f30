"""Following a reference that moves: when to look what it names, what came of it, and the spec that follows from it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment, ModelDeploymentSpec
from leadsman.api.status import Following, RolloutState
from leadsman.core.job import resolve_job
from leadsman.core.jobs import Attempts, attempts_of
from leadsman.core.observed import Observed
from leadsman.core.revision import may_be, revision_hash
from leadsman.core.termination import last_words, parse_resolved, printable
from leadsman.core.variables import config_maps_of

_AT_ONCE = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_DOUBLINGS = 10
_MESSAGE_LENGTH = 1024


@dataclass(frozen=True)
class Followed:
    """What was observed, with what the reference names now in it; the Job that is to look; when to look again."""

    observed: Observed
    job: dict[str, Any] | None = None
    again: timedelta | None = None


def desired_revision_of(deployment: ModelDeployment) -> str | None:
    """The revision that a spec names; None while what it follows has not been resolved."""
    spec = _resolved(deployment)
    return revision_hash(spec) if _is_settled(spec) else None


def named_revision(observed: Observed, state: RolloutState) -> str | None:
    """The revision that is to serve; while it has no name, the one that was to before.

    It has none while what is followed has not been resolved, or the value of a variable is not known. In the latter
    case a candidate that it cannot be, whatever the value is, is no longer wanted: stable is.
    """
    deployment = observed.deployment
    if _is_settled(deployment.spec):
        return revision_hash(deployment.spec)
    records = observed.revisions
    before = (state.candidate and state.candidate.wanted, state.rejected and state.rejected.revision)
    named = [one for one in before if one]
    if deployment.spec.model.follow is None:
        named = [one for one in named if one in records and may_be(deployment, records[one])]
    return named[0] if named else state.stable


def _is_settled(spec: ModelDeploymentSpec) -> bool:
    return spec.model.follow is None and not config_maps_of(spec.runtime)


def follow(observed: Observed, image: str, now: datetime) -> Followed:
    """Take in what the last look at the reference found, and say whether to look again.

    The spec of what is returned names the digest that was known before as if somebody had written it; where there is
    none it still follows. What is found now is committed first, and acted on in the next pass.
    """
    deployment = observed.deployment
    asked = deployment.spec.model.follow
    if asked is None:
        return Followed(_with(observed, None))
    before = deployment.status.following
    if before is None or before.uri != deployment.spec.model.uri:
        before = Following(uri=deployment.spec.model.uri)
    if observed.unknown_values:
        # Without them nobody can say whether the look would find what is there.
        return Followed(_with(observed, before))
    waits = _waits(before, asked.interval, now)
    if waits > timedelta(0):
        return Followed(_with(observed, before), again=waits)
    body = resolve_job(deployment, before, image)
    attempts = attempts_of(observed, body)
    if attempts is None or not _has_ended(attempts):
        return Followed(_with(observed, before), job=body)
    after = _after(before, attempts, now)
    moved = after.digest != before.digest
    return Followed(_with(observed, after), again=_AT_ONCE if moved else _waits(after, asked.interval, now))


def _with(observed: Observed, following: Following | None) -> Observed:
    deployment = observed.deployment
    changes = {
        "spec": _resolved(deployment),
        "status": deployment.status.model_copy(update={"following": following}),
    }
    return replace(observed, deployment=deployment.model_copy(update=changes))


def _resolved(deployment: ModelDeployment) -> ModelDeploymentSpec:
    spec, following = deployment.spec, deployment.status.following
    digest = following.digest if following and following.uri == spec.model.uri else None
    if spec.model.follow is None or digest is None:
        return spec
    return spec.model_copy(update={"model": spec.model.model_copy(update={"digest": digest, "follow": None})})


def _waits(following: Following, interval: timedelta, now: datetime) -> timedelta:
    """How long until the next look: after failures twice as long each time."""
    if following.checked_at is None:
        return timedelta(0)
    longest = max(interval, _LONGEST_WAIT)
    wait: timedelta = min(interval * (1 << min(following.failures, _MOST_DOUBLINGS)), longest)
    return following.checked_at + wait - now


def _has_ended(attempts: Attempts) -> bool:
    return attempts.lost or any(pod.ended for pod in attempts.pods)


def _after(before: Following, attempts: Attempts, now: datetime) -> Following:
    end = next((pod for pod in attempts.pods if pod.ended), None)
    found = parse_resolved(end.message) if end and end.exit_code == 0 else None
    if found:
        return Following(uri=before.uri, identity=found.identity, digest=found.digest, checked_at=now)
    if end is None:
        why = "the look at it did not end in time"
    elif end.exit_code == 0:
        why = "the look at it ended without an answer that can be read"
    else:
        why = last_words(end.message) or printable(end.trouble or f"the look at it ended with code {end.exit_code}")
    changes = {"checked_at": now, "failures": before.failures + 1, "message": why[:_MESSAGE_LENGTH]}
    return before.model_copy(update=changes)
