"""Short ways to put the rollout machine into a situation, for tables of tests."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from leadsman.api.conditions import Reason
from leadsman.api.evidence import ArmTotals, CheckReport, Evidence, Judgement, Verdict
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Shadow, Step, Until
from leadsman.api.status import Candidate, Mode, Phase, Rejection, Retiring, RolloutState
from leadsman.core.rollout import step
from leadsman.core.situation import Decision, Mirror, Preflight, Readiness, Situation

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
COPIES = Step(shadow=Shadow(), min_duration=MINUTE, max_duration=10 * MINUTE)
SHADOW_FIRST = POLICY.model_copy(update={"steps": (COPIES, *POLICY.steps)})
BY_TIME = POLICY.model_copy(
    update={"steps": tuple(step.model_copy(update={"until": Until.TIME}) for step in POLICY.steps)}
)
ASKED = Evidence(candidate="b", stable="a", began=START.timestamp(), step_requests=10)
"""The candidate was asked ten times since the step began."""
BAD_ENDS = {
    Reason.PREFLIGHT_FAILED,
    Reason.EVIDENCE_FAILED,
    Reason.INCONCLUSIVE,
    Reason.MODEL_FAILED,
    Reason.CANDIDATE_UNREADY,
    Reason.PROGRESS_DEADLINE_EXCEEDED,
    Reason.ROUTE_NOT_ACCEPTED,
    Reason.DEADLINE_EXCEEDED,
    Reason.ABORTED,
    Reason.UNDONE,
}
"""Reasons for which a revision has nothing any more."""
UNASKED = ASKED.model_copy(update={"step_requests": 0})
_PRECEDENCE = (Verdict.FAIL, Verdict.BLIND, Verdict.COLLECTING, Verdict.PASS)


def policy(**changes: object) -> RolloutPolicySpec:
    """The usual policy with changes."""
    return POLICY.model_copy(update=changes)


def on_inconclusive(choice: OnInconclusive) -> RolloutPolicySpec:
    """The usual policy with another way out of uncertainty."""
    return policy(on_inconclusive=choice)


def report(
    verdict: Verdict, message: str = "errors 1 of 10 against 0 of 90", name: str = "errorRate", harm: float = 0.05
) -> CheckReport:
    """One check's report."""
    return CheckReport(
        name=name,
        verdict=verdict,
        harm=harm,
        promotion=0.5,
        candidate=ArmTotals(requests=10, events=1),
        stable=ArmTotals(requests=90),
        message=message,
    )


def judgement(verdict: Verdict) -> Judgement:
    """A judgement by one check."""
    return Judgement(verdict=verdict, message="as the check says", checks=(report(verdict),))


def judgement_of(**verdicts: Verdict) -> Judgement:
    """A judgement by several checks, each by its name."""
    checks = tuple(report(verdict, name=name) for name, verdict in verdicts.items())
    worst = min(verdicts.values(), key=_PRECEDENCE.index)
    return Judgement(verdict=worst, message="as the worst check says", checks=checks)


def judged(state: RolloutState, judgement: Judgement | None, requests: int) -> RolloutState:
    """The state as a look leaves it to the machine: with its judgement, and how often its candidate was asked."""
    if state.candidate is None or judgement is None:
        return state
    counted = ASKED.model_copy(update={"step_requests": requests})
    changes = {"checks": judgement.checks, "evidence": counted}
    return state.model_copy(update={"candidate": state.candidate.model_copy(update=changes)})


def unaware_of_stable(state: RolloutState) -> RolloutState:
    """The state without since when its stable revision fails: that is first noted in the look after a step begins."""
    if state.candidate is None:
        return state
    return state.model_copy(update={"candidate": state.candidate.model_copy(update={"stable_failing_since": None})})


def situation(
    desired: str = "b",
    *,
    at: timedelta = timedelta(0),
    ready: dict[str, int] | None = None,
    failure: str | None = None,
    verdict: Verdict | Judgement | None = None,
    replicas: int = 2,
    mode: Mode = Mode.GATEWAY,
    policy: RolloutPolicySpec | None = POLICY,
    preflight: Preflight | None = None,
) -> Situation:
    """A situation `at` so long after START; `failure` is the desired revision's, which owes no preflight by default."""
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
        judgement=judgement(verdict) if isinstance(verdict, Verdict) else verdict,
        now=START + at,
        preflight=preflight,
    )


def serving(revision: str = "a", **changes: object) -> RolloutState:
    """Idle: one revision serves all."""
    return RolloutState(stable=revision, **changes)  # type: ignore[arg-type]


def candidate(revision: str = "b", **changes: object) -> Candidate:
    """A candidate that began at START."""
    return Candidate(revision=revision, started_at=START, policy=POLICY).model_copy(update=changes)


def in_preflight(stable: str | None = "a", **changes: Any) -> RolloutState:
    """b is held to its word; nothing of it runs."""
    return RolloutState(phase=Phase.PREFLIGHT, stable=stable, candidate=candidate(**changes))


def preparing(stable: str | None = "a", **changes: Any) -> RolloutState:
    """The pods of b are being prepared."""
    return RolloutState(phase=Phase.PREPARING, stable=stable, candidate=candidate(**changes))


def canary(index: int = 0, verdict: Verdict = Verdict.COLLECTING, **changes: Any) -> RolloutState:
    """b is in a step that began at START, and was asked in it."""
    at = candidate(
        **{"step": index, "step_started_at": START, "checks": (report(verdict),), "evidence": ASKED} | changes
    )
    return RolloutState(phase=Phase.CANARY, stable="a", candidate=at)


def shadow(index: int = 0, **changes: Any) -> RolloutState:
    """b gets copies of requests, and got some, in a step that began at START."""
    return canary(index, **{"policy": SHADOW_FIRST} | changes).model_copy(update={"phase": Phase.SHADOW})


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
    """Step through situations, in each of which the candidate was asked; returns the last decision."""
    for one in situations:
        if state.candidate:
            asked = state.candidate.model_copy(update={"evidence": ASKED})
            state = state.model_copy(update={"candidate": asked})
        decision = step(one, state)
        state = decision.state
    return decision


@dataclass(frozen=True)
class Case:
    """What one step of the machine is to make of a state in a situation."""

    state: RolloutState
    situation: Situation
    phase: Phase
    weights: dict[str, int]
    told: list[str] = field(default_factory=list)
    mirror: Mirror | None = None


def check(case: Case) -> None:
    """Assert that it does, and that what it leads to survives being written and read."""
    decision = step(case.situation, case.state)
    assert decision.state.phase is case.phase
    assert decision.weights == case.weights
    assert decision.mirror == case.mirror
    assert told(decision) == case.told
    assert decision.state.decisions == case.state.decisions + len(decision.notices)
    assert RolloutState.model_validate_json(decision.state.model_dump_json(by_alias=True)) == decision.state


def check_again(case: Case) -> None:
    """Assert that a second look at the same situation changes nothing."""
    first = step(case.situation, case.state)
    second = step(case.situation, first.state)
    assert second == replace(first, notices=(), requeue_after=second.requeue_after)
