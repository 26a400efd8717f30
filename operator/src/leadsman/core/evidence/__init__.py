"""Evidence: sequential tests that say whether a candidate harms, and whether it has shown that it does not.

`begin` at the start of a rollout; at every look at the pods `take`, which finds what is new in the raw counters, and
`absorb`, which is all that a replay or a simulation needs; `judge` after it, and `reset_promotion` at every new step.
All of it is pure; the state is `leadsman.api.evidence.Evidence`.
"""

from leadsman.core.evidence.engine import absorb, begin, reset_promotion, take
from leadsman.core.evidence.judge import judge, verdict
from leadsman.core.evidence.samples import (
    ArmCounts,
    Feedback,
    Histogram,
    LivePod,
    Look,
    Minute,
    Pairs,
    PodSample,
    Reading,
    Sight,
)
from leadsman.core.evidence.spec import EvidenceSpec
from leadsman.core.evidence.thresholds import due

__all__ = [
    "ArmCounts",
    "EvidenceSpec",
    "Feedback",
    "Histogram",
    "LivePod",
    "Look",
    "Minute",
    "Pairs",
    "PodSample",
    "Reading",
    "Sight",
    "absorb",
    "begin",
    "due",
    "judge",
    "reset_promotion",
    "take",
    "verdict",
]
