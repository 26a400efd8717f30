"""Capacity first: how many pods a revision owes before it may have a share of the requests.

Pods are counted in those that carry all of the requests, which is what stable ran with when the rollout began. An
autoscaler's own output never comes into what it is told: a floor that followed it would never let go.
"""

from leadsman.api.modeldeployment import Scaling
from leadsman.api.status import Mode, RolloutState
from leadsman.core.rollout import candidate_weight, mirror, next_weight


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
    copies = mirror(state) if state.candidate else None
    return max(candidate_weight(state), copies.percent if copies else 0, next_weight(mode, state))
