"""The rollout machine: `step` takes the state and the situation, and says what is to be so next.

`machine` is the diagram; `trial` what a candidate goes through, `ends` how that ends, `watching` what follows a
promotion, `people` what RolloutActions do, of which `undo` is the largest. `exposure` says who gets requests in a
state, `clock` what time it is for a step, `skew` whether requests are split as configured, and `disturbed` whether
somebody resets the route. All of it is pure.
"""

from leadsman.core.rollout.clock import RESYNC
from leadsman.core.rollout.ends import DRAIN
from leadsman.core.rollout.exposure import (
    TRIALS,
    candidate_weight,
    mirror,
    next_weight,
    running,
    weights,
)
from leadsman.core.rollout.machine import step
from leadsman.core.rollout.skew import skew_of

__all__ = [
    "DRAIN",
    "RESYNC",
    "TRIALS",
    "candidate_weight",
    "mirror",
    "next_weight",
    "running",
    "skew_of",
    "step",
    "weights",
]
