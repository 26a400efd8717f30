"""Short ways to put the rollout machine into a situation, for tables of tests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from leadsman.api.evidence import ArmTotals, CheckReport, Judgement, Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step
from leadsman.api.status import Candidate, Mode, Phase, Rejection, Retiring, RolloutState
from leadsman.core.rollout import Decision, Readiness, Situation, step

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

POLICY = RolloutPolicySpec(
    steps=(
        Step(weight=10, min_duration=MINUTE, max_duration=10 * MINUTE),
        Step(weight=50, min_duration=MINUTE, max_duration=10 * MINUTE),
    ),
    interval=timedelta(seconds=5),
    progress_deadline=5 * MINUTE,
    keep_warm=30 * MINUTE,
)


def policy(**changes: object) -> RolloutPolicySpec:
    """The usual policy with changes."""
    return POLICY.model_copy(update=changes)


def on_inconclusive(choice: OnInconclusive) -> RolloutPolicySpec:
    """The usual policy with another way out of uncertainty."""
    return policy(on_inconclusive=choice)


def report(verdict: Verdict, message: str = "errors 1 of 10 against 0 of 90") -> CheckReport:
    """One check's report."""
    return CheckReport(
        name="errorRate",
        verdict=verdict,
        harm=0.5,
        promotion=0.5,
        candidate=ArmTotals(requests=10, events=1),
        stable=ArmTotals(requests=90),
        message=message,
    )


def judgement(verdict: Verdict) -> Judgement:
    """A judgement by one check."""
    return Judgement(verdict=verdict, message="as the check says", checks=(report(verdict),))


def situation(
    desired: str = "b",
    *,
    at: timedelta = timedelta(0),
    ready: dict[str, int] | None = None,
    failure: str | None = None,
    verdict: Verdict | None = None,
    replicas: int = 2,
    mode: Mode = Mode.GATEWAY,
    policy: RolloutPolicySpec | None = POLICY,
) -> Situation:
    """A situation `at` so long after START; `failure` is the desired revision's."""
    counts = {"a": 2, "b": 2} if ready is None else ready
    revisions = {revision: Readiness(ready=count) for revision, count in counts.items()}
    if failure:
        revisions[desired] = replace(revisions.get(desired, Readiness()), failure=failure)
    return Situation(
        desired=desired,
        replicas=replicas,
        mode=mode,
        policy=policy,
        revisions=revisions,
        judgement=judgement(verdict) if verdict else None,
        now=START + at,
    )


def serving(revision: str = "a", **changes: object) -> RolloutState:
    """Idle: one revision serves all."""
    return RolloutState(stable=revision, **changes)  # type: ignore[arg-type]


def candidate(revision: str = "b", **changes: object) -> Candidate:
    """A candidate that began at START."""
    return Candidate(revision=revision, started_at=START, policy=POLICY).model_copy(update=changes)


def preparing(stable: str | None = "a", **changes: Any) -> RolloutState:
    """The pods of b are being prepared."""
    return RolloutState(phase=Phase.PREPARING, stable=stable, candidate=candidate(**changes))


def canary(index: int = 0, verdict: Verdict = Verdict.COLLECTING, **changes: Any) -> RolloutState:
    """b is in a step that began at START."""
    at = candidate(step=index, step_started_at=START, checks=(report(verdict),), **changes)
    return RolloutState(phase=Phase.CANARY, stable="a", candidate=at)


def rolled_back(stable: str | None = "a") -> RolloutState:
    """b was taken back at START."""
    gone = Retiring(revision="b", until=START + timedelta(seconds=30))
    rejection = Rejection(revision="b", at=START, reason="EvidenceFailed", message="it errs")
    return RolloutState(phase=Phase.ROLLED_BACK, stable=stable, rejected=rejection, retiring=(gone,))


def retiring(revision: str, *, left: timedelta = 10 * MINUTE, warm: bool = False) -> Retiring:
    """A revision whose pods run for some time yet."""
    return Retiring(revision=revision, until=START + left, warm=warm)


def warm(revision: str, **changes: timedelta) -> Retiring:
    """A revision that was stable and is kept loaded."""
    return retiring(revision, warm=True, **changes)


def told(decision: Decision) -> list[str]:
    """What was decided: reason and revision, in order."""
    return [f"{notice.reason} {notice.revision}" for notice in decision.notices]


def after(state: RolloutState, *situations: Situation) -> Decision:
    """Step through situations; returns the last decision."""
    for one in situations:
        decision = step(one, state)
        state = decision.state
    return decision
