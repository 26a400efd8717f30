"""Which class the stable revision predicts most. Fixed before a prediction of the candidate counts."""

from collections import Counter
from collections.abc import Sequence

from leadsman.core.evidence.samples import PodSample

ENOUGH_PREDICTIONS = 100
"""Predictions of the stable revision, in the lifetime of its pods, that the class is chosen from."""


def choose_class(samples: Sequence[PodSample], stable: str) -> str | None:
    """Return the class, or None if the stable revision has predicted too little yet."""
    counted: Counter[str] = Counter()
    for sample in samples:
        if sample.revision == stable:
            counted.update(sample.predictions)
    if counted.total() < ENOUGH_PREDICTIONS:
        return None
    return min(counted, key=lambda name: (-counted[name], name))
