"""The conditions of a ModelDeployment, as kstatus, Argo CD and Flux read them.

situation                       Available  Ready                    besides
desired revision fully out      True       True/Serving
rolling out                     True       False/RolloutInProgress  Reconciling
rolled back, stable serves      True       False/RolledBack         Stalled (so Aborted, Undone, PreflightFailed)
paused, or waiting for people   True       False/Paused, ...Awaited Reconciling
not split as configured         True       as ever                  Skewed
nothing can serve               False      ...
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from leadsman.api.conditions import Condition, ConditionType, Reason
from leadsman.api.rolloutpolicy import Until
from leadsman.api.status import Candidate, Gate, Phase, RolloutState
from leadsman.core.floors import floor
from leadsman.core.observed import Observed
from leadsman.core.preflight import preflight_progress
from leadsman.core.rollout import candidate_weight, mirror, skew_of, weights
from leadsman.core.rollout.disturbed import disturbance_of
from leadsman.core.rollout.steps import step_of
from leadsman.core.routerules import Split
from leadsman.core.situation import Readiness

_ROUTE_IS_LATE = timedelta(seconds=10)


@dataclass(frozen=True)
class Finding:
    """Whether the desired revision is fully out, and if not, whether to wait or to call somebody."""

    ready: bool
    reason: Reason
    message: str
    stalled: bool = False


def conditions(
    observed: Observed, state: RolloutState, desired: str, previous: Iterable[Condition], now: datetime
) -> tuple[Condition, ...]:
    """All conditions of this pass; times move only when a status changes."""
    finding = _aware_of_the_route(judge(observed, state, desired), observed, state, now)
    available = _available(observed, state)
    found = [
        (ConditionType.AVAILABLE, available.ready, available),
        (ConditionType.READY, finding.ready, finding),
        *([(ConditionType.RECONCILING, True, finding)] if not finding.ready and not finding.stalled else []),
        *([(ConditionType.STALLED, True, finding)] if finding.stalled else []),
    ]
    if skewed := _skewed(state, now):
        found.append((ConditionType.SKEWED, True, skewed))
    generation = observed.deployment.metadata.generation
    return tuple(_condition(kind, holds, what, generation, previous, now) for kind, holds, what in found)


def stalled_conditions(
    generation: int, finding: Finding, previous: Iterable[Condition], now: datetime
) -> tuple[Condition, ...]:
    """The conditions when a spec cannot be acted on at all; what was said of availability stays."""
    kept = tuple(condition for condition in previous if condition.type == ConditionType.AVAILABLE)
    return (
        *kept,
        _condition(ConditionType.READY, False, finding, generation, previous, now),
        _condition(ConditionType.STALLED, True, finding, generation, previous, now),
    )


def _aware_of_the_route(finding: Finding, observed: Observed, state: RolloutState, now: datetime) -> Finding:
    """What was taken back may go on answering where the gateways do not take the route."""
    if state.rejected is None or now - state.rejected.at < _ROUTE_IS_LATE:
        return finding
    unsettled = observed.settled(weights(state), mirror(state))
    return replace(finding, message=f"{finding.message}; {unsettled}") if unsettled else finding


def judge(observed: Observed, state: RolloutState, desired: str) -> Finding:
    """How the desired revision fares."""
    finding = _judge(observed, state, desired)
    if not observed.unknown_values:
        return finding
    if state.candidate or state.rejected:
        return replace(finding, message=f"{finding.message}; {observed.unknown_values}")
    serves = f"; revision {state.stable} goes on serving" if state.stable else ""
    return Finding(False, Reason.CONFIG_UNKNOWN, f"{observed.unknown_values}{serves}", stalled=True)


def _judge(observed: Observed, state: RolloutState, desired: str) -> Finding:
    if observed.deployment.spec.model.follow:
        return Finding(False, Reason.RESOLVING, _resolving(observed))
    if state.rejected and state.rejected.reason == Reason.PREFLIGHT_FAILED:
        why = f"revision {state.rejected.revision} was rejected by its preflight: {state.rejected.message}"
        return Finding(False, Reason.PREFLIGHT_FAILED, why, stalled=True)
    if state.rejected and state.rejected.reason in (Reason.ABORTED, Reason.UNDONE):
        reason = Reason(state.rejected.reason)
        why = f"revision {state.rejected.revision} was {reason.value.lower()}: {state.rejected.message}"
        return Finding(False, reason, why, stalled=True)
    if state.rejected:
        why = f"revision {state.rejected.revision} was rolled back ({state.rejected.reason}): {state.rejected.message}"
        return Finding(False, Reason.ROLLED_BACK, why, stalled=True)
    if state.candidate:
        return Finding(False, _progress_reason(state), _progress(observed, state, state.candidate))
    if state.stable != desired:
        if observed.policy_problem:
            return Finding(False, Reason.INVALID_SPEC, observed.policy_problem, stalled=True)
        policy = observed.deployment.spec.rollout_policy
        named = f"RolloutPolicy {policy.name}" if policy else "the RolloutPolicy"
        return Finding(False, Reason.POLICY_NOT_FOUND, f"{named} does not exist in this namespace", stalled=True)
    return _out(observed, state, desired)


def _out(observed: Observed, state: RolloutState, desired: str) -> Finding:
    readiness = observed.readiness().get(desired, Readiness())
    wanted = observed.deployment.spec.scaling.min_replicas
    if readiness.ready < wanted:
        message = f"{readiness.ready} of {wanted} pods of revision {desired} are ready{_trouble(observed, desired)}"
        return Finding(False, Reason.TOO_FEW_REPLICAS, message)
    if why := observed.problem(Split({desired: 100})):
        return Finding(False, Reason.ROUTE_NOT_ACCEPTED, why)
    if observed.weights() != {desired: 100}:
        return Finding(False, Reason.ROUTE_NOT_ACCEPTED, f"all requests are being moved to revision {desired}")
    if (copies := observed.mirror()) and copies != mirror(state):
        return Finding(False, Reason.ROUTE_NOT_ACCEPTED, f"copies of requests still go to revision {copies.revision}")
    if why := observed.settled({desired: 100}, mirror(state)):
        return Finding(False, Reason.ROUTE_NOT_ACCEPTED, why)
    if observed.lacks_keda:
        message = (
            f"revision {desired} serves all requests, but spec.scaling.keda needs KEDA (keda.sh/v1alpha1), which is "
            "not in this cluster: install it, or scale by targetCPU; until then the number of pods does not fall and "
            "rises only as rollouts need"
        )
        return Finding(False, Reason.AUTOSCALER_MISSING, message, stalled=True)
    warned = f"; {observed.policy_problem}" if observed.policy_problem else ""
    return Finding(True, Reason.SERVING, f"revision {desired} serves all requests{_not_followed(observed)}{warned}")


def _skewed(state: RolloutState, now: datetime) -> Finding | None:
    if state.candidate and (disturbance := disturbance_of(state.candidate, now)):
        return Finding(False, Reason.SPLIT_DISTURBED, disturbance)
    skew = skew_of(state)
    return Finding(False, Reason.SPLIT_DISAGREES, skew) if skew else None


def _available(observed: Observed, state: RolloutState) -> Finding:
    if state.stable is None:
        return Finding(False, Reason.NO_REVISION, "no revision has been proved able to serve yet")
    ready = observed.readiness().get(state.stable, Readiness()).ready
    if ready == 0:
        return Finding(
            False,
            Reason.NO_READY_REPLICAS,
            f"no pod of stable revision {state.stable} is ready{_trouble(observed, state.stable)}",
        )
    message = f"{ready} pods of stable revision {state.stable} are ready{_trouble(observed, state.stable)}"
    return Finding(True, Reason.SERVING, message)


def _resolving(observed: Observed) -> str:
    following = observed.deployment.status.following
    why = [following.message] if following and following.message else []
    said = [pod.trouble for pod in observed.job_pods if pod.trouble and not pod.ended]
    return ": ".join([f"{observed.deployment.spec.model.uri} is being resolved", *why[:1], *said[:1]])


def _not_followed(observed: Observed) -> str:
    following = observed.deployment.status.following
    why = following.message if following else ""
    return f"; what {observed.deployment.spec.model.uri} names now is not known: {why}" if why else ""


def _progress_reason(state: RolloutState) -> Reason:
    if state.paused:
        return Reason.PAUSED
    return Reason.APPROVAL_AWAITED if state.phase is Phase.APPROVAL else Reason.ROLLOUT_IN_PROGRESS


def _progress(observed: Observed, state: RolloutState, candidate: Candidate) -> str:
    paused = f"paused by {state.paused.by}: " if state.paused else ""
    return paused + _doing(observed, state, candidate)


def _doing(observed: Observed, state: RolloutState, candidate: Candidate) -> str:
    revision = candidate.revision
    if state.phase is Phase.PREFLIGHT:
        return f"revision {revision} is in preflight: {preflight_progress(observed, state)}"
    if state.phase is Phase.PREPARING:
        ready = observed.readiness().get(revision, Readiness()).ready
        wanted = floor(observed.deployment.spec.scaling, state, observed.mode, revision)
        return f"revision {revision} is prepared: {ready} of {wanted} pods are ready{_trouble(observed, revision)}"
    copies = mirror(state)
    gets = f"revision {revision} gets {candidate_weight(state)} % of requests"
    if copies:
        gets = f"a copy of {copies.percent} % of requests goes to revision {revision}"
    checks = "; ".join(report.message for report in candidate.checks) or "no evidence yet"
    refused = f"; {why}" if (why := observed.settled(weights(state), copies)) else ""
    waits = f", {_approvals(candidate.gate)}" if candidate.gate else ""
    return f"{gets} ({_step_words(candidate)}{waits}): {checks}{_trouble(observed, revision)}{refused}"


def _approvals(gate: Gate) -> str:
    by = f" (by {', '.join(given.user for given in gate.approvals)})" if gate.approvals else ""
    return f"{len(gate.approvals)} of {gate.required} approvals{by} of evidence {gate.evidence}"


def _step_words(candidate: Candidate) -> str:
    by_time = ", passes by time" if step_of(candidate).until is Until.TIME else ""
    held = ", held after its maxDuration" if candidate.overdue else ""
    return f"step {candidate.step + 1} of {len(candidate.policy.steps)}{by_time}{held}"


def _trouble(observed: Observed, revision: str) -> str:
    troubles = [pod.trouble for pod in observed.pods_of(revision) if pod.trouble and not pod.ready]
    return f"; {troubles[0]}" if troubles else ""


def _condition(
    kind: ConditionType, holds: bool, finding: Finding, generation: int, previous: Iterable[Condition], now: datetime
) -> Condition:
    status: Literal["True", "False"] = "True" if holds else "False"
    same = [condition for condition in previous if condition.type == kind and condition.status == status]
    return Condition(
        type=kind,
        status=status,
        observed_generation=generation,
        last_transition_time=same[0].last_transition_time if same else now,
        reason=finding.reason,
        message=finding.message[:4096],
    )
