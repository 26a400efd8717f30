"""A histogram that one thread counts into and others read. Each count is one addition, so that readers need no lock."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from prometheus_client.core import HistogramMetricFamily

from leadsman_serving.tensors import Array


class Histogram:
    """Counts values up to each of the `bounds`, which rise, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def observe_all(self, values: Array) -> None:
        """Count many values."""
        exact = values.astype(np.float64)
        for bucket, times in zip(*np.unique(np.searchsorted(self._bounds, exact), return_counts=True), strict=True):
            self._counts[bucket] += int(times)
        self._sum += float(exact.sum())

    def family(self, name: str, documentation: str, labels: dict[str, str]) -> HistogramMetricFamily:
        """Return what was counted as a metric family of Prometheus."""
        family = HistogramMetricFamily(name, documentation, labels=list(labels))
        les = (*(str(bound) for bound in self._bounds), "+Inf")
        cumulated = accumulate(list(self._counts))
        family.add_metric(list(labels.values()), buckets=list(zip(les, cumulated, strict=True)), sum_value=self._sum)
        return family
