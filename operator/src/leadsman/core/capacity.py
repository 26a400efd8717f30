"""Capacity first: how many pods a revision owes before it may have a share of the requests.

Pods are counted in those that carry all of the requests, which is what stable ran with when the rollout began. An
autoscaler's own output never comes into what it is told: a floor that followed it would never let go.
"""

from leadsman.api.modeldeployment import Scaling
from leadsman.api.rolloutpolicy import Step
from leadsman.api.status import Candidate, Mode, Phase, RolloutState
from leadsman.core.steps import step_of


def needed(scaling: Scaling, stable_replicas: int, weight: int) -> int:
    """Ready pods that a revision owes before it may have `weight` percent of requests, or of copies of them.

    `stable_replicas` carry all of them. Without autoscaling every revision has `minReplicas`, whatever its share.
    """
    if scaling.max_replicas is None:
        return scaling.min_replicas
    share = -(-stable_replicas * weight // 100)
    return min(max(share, scaling.min_replicas), scaling.max_replicas)


def next_share(state: RolloutState, mode: Mode) -> int:
    """The most percent of requests, or of copies of them, that the candidate has or may be given next.

    Whoever begins only now may return to all of them at once.
    """
    candidate = state.candidate
    if candidate is None:
        return 100
    if state.phase in (Phase.PREFLIGHT, Phase.PREPARING):
        at_once = candidate.returning or mode is Mode.SERVICE
        return 100 if at_once else share_of(candidate.policy.steps[0])
    return max(share_of(step_of(candidate)), _share_after(candidate))


def share_of(step: Step) -> int:
    """The percent of requests, or of copies of them, that a step gives the candidate."""
    return step.shadow.percent if step.shadow else step.weight or 0


def _share_after(candidate: Candidate) -> int:
    after = candidate.policy.steps[candidate.step + 1 :]
    return share_of(after[0]) if after else 100
