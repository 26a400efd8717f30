"""Evidence: sequential tests that say whether a candidate harms, and whether it has shown that it does not.

`begin` at the start of a rollout, `update` at every look at the pods, `judge` after it, `reset_promotion` at every new
step. All of it is pure; the state is `leadsman.api.evidence.Evidence`.
"""

from leadsman.core.evidence.engine import begin, reset_promotion, update
from leadsman.core.evidence.judge import judge
from leadsman.core.evidence.samples import Histogram, PodSample
from leadsman.core.evidence.spec import EvidenceSpec

__all__ = ["EvidenceSpec", "Histogram", "PodSample", "begin", "judge", "reset_promotion", "update"]
