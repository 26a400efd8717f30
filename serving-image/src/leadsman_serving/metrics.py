"""What this process counts, and how Prometheus and the operator read it.

The event loop writes and the scrape thread reads. Every update is one addition to an int or float that only the event
loop writes, so a scrape sees whole values without a lock on the request path.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.feedback import Feedback, FeedbackCounts
from leadsman_serving.history import History
from leadsman_serving.predictions import PredictionCounts, class_output
from leadsman_serving.signature import Signature, Tensor

DURATION_BOUNDS = tuple(float(f"{0.0002 * 1.2**step:.4g}") for step in range(60))
"""Upper bounds of the latency histogram in seconds: 0.2 ms to 9.4 s, each 1.2 times the one before.

Every revision and release must have the same ones: the operator compares revisions bucket by bucket.
"""
_LE = (*(str(bound) for bound in DURATION_BOUNDS), "+Inf")


class ServingMetrics(Collector):
    """The counters of one served model. `describe_model` is called once it is loaded and its revision is known.

    `history` is told of every answer too.
    """

    def __init__(self, model: str, version: str, history: History) -> None:
        self._model = model
        self._version = version
        self._history = history
        self._info: tuple[str, str] | None = None
        self._by_code = {200: 0, 500: 0}
        self._buckets = [0] * len(_LE)
        self._seconds = 0.0
        self._predictions: PredictionCounts | None = None
        self._feedback: FeedbackCounts | None = None
        self.in_flight = 0

    def describe_model(self, revision: str, digest: str, signature: Signature) -> None:
        """Name what is served; before this nothing is exported, as it would have no revision to count for."""
        output = class_output(signature.outputs)
        self._predictions = None if output is None else PredictionCounts(output)
        self._feedback = FeedbackCounts(revision)
        self._info = (revision, digest)

    def answered(self, code: int, seconds: float) -> None:
        """Count an infer request answered with this HTTP status after this long."""
        self._by_code[code] = self._by_code.get(code, 0) + 1
        succeeded = 200 <= code < 300
        self._history.count(failed=not succeeded)
        if succeeded:
            self._buckets[bisect_left(DURATION_BOUNDS, seconds)] += 1
            self._seconds += seconds

    def predicted(self, outputs: Mapping[str, Tensor]) -> None:
        """Count the classes in an infer request's answer, when the model is a classifier."""
        if self._predictions is not None:
            self._predictions.count(outputs)

    def fed_back(self, feedback: list[Feedback]) -> None:
        """Count late labels.

        Raises ServingError: unavailable while loading, invalid argument when they name too many revisions.
        """
        if self._feedback is None:
            raise ServingError(Code.UNAVAILABLE, f"model {self._model!r} is still loading")
        self._feedback.add(feedback)

    def collect(self) -> Iterable[Metric]:
        """Yield the current values as Prometheus metric families."""
        if self._info is None:
            return
        revision, digest = self._info
        labels = [self._model, revision]
        yield self._requests(labels)
        yield self._duration(labels)
        in_flight = GaugeMetricFamily(
            "leadsman_serving_in_flight", "Infer requests being answered now.", labels=["model", "revision"]
        )
        in_flight.add_metric(labels, self.in_flight)
        yield in_flight
        info = GaugeMetricFamily(
            "leadsman_serving_model_info", "The model being served.", labels=["model", "revision", "version", "digest"]
        )
        info.add_metric([*labels, self._version, digest], 1)
        yield info
        if self._predictions is not None:
            yield _predictions_family(labels, self._predictions)
        if self._feedback is not None:
            yield _feedback_family(self._model, self._feedback)

    def _requests(self, labels: list[str]) -> Metric:
        requests = CounterMetricFamily(
            "leadsman_serving_requests",
            "Infer requests answered, by HTTP status code.",
            labels=["model", "revision", "code"],
        )
        for code, count in list(self._by_code.items()):
            requests.add_metric([*labels, str(code)], count)
        return requests

    def _duration(self, labels: list[str]) -> Metric:
        cumulated = list(accumulate(list(self._buckets)))
        duration = HistogramMetricFamily(
            "leadsman_serving_request_duration_seconds",
            "Time from an infer request's arrival to its response, for those answered with 2xx.",
            labels=["model", "revision"],
        )
        duration.add_metric(labels, buckets=list(zip(_LE, cumulated, strict=True)), sum_value=self._seconds)
        return duration


def _predictions_family(labels: list[str], predictions: PredictionCounts) -> Metric:
    family = CounterMetricFamily(
        "leadsman_serving_predictions",
        "Predictions in answers with 2xx, by the class predicted.",
        labels=["model", "revision", "class"],
    )
    for name, count in predictions.totals().items():
        family.add_metric([*labels, name], count)
    return family


def _feedback_family(model: str, feedback: FeedbackCounts) -> Metric:
    family = CounterMetricFamily(
        "leadsman_serving_feedback",
        "Predictions of any revision that a client called right or wrong here.",
        labels=["model", "revision", "outcome"],
    )
    for revision, outcome, count in feedback.totals():
        family.add_metric([model, revision, outcome], count)
    return family


def registry_for(metrics: ServingMetrics) -> CollectorRegistry:
    """Return a registry with these metrics and those of the process (process_start_time_seconds and others)."""
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    return registry
