"""What this process counts, and how Prometheus and the operator read it.

The event loop writes and the scrape thread reads. Every update is one addition to an int or float that only the event
loop writes, so a scrape sees whole values without a lock on the request path.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leadsman_serving.account import Account
from leadsman_serving.admission import Admission
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.feedback import Feedback, FeedbackCounts
from leadsman_serving.histogram import Histogram
from leadsman_serving.history import History
from leadsman_serving.predictions import PredictionCounts, class_output
from leadsman_serving.schema_guard import SchemaGuard
from leadsman_serving.scores import ScoreCounts, score_output
from leadsman_serving.signature import Signature, Tensor

DURATION_BOUNDS = tuple(float(f"{0.0002 * 1.2**step:.4g}") for step in range(60))
"""Upper bounds of the latency histogram in seconds: 0.2 ms to 9.4 s, each 1.2 times the one before.

Every revision and release must have the same ones: the operator compares revisions bucket by bucket.
"""
RUN_BOUNDS = tuple(float(f"{0.00001 * 2**step:.4g}") for step in range(21))
"""Upper bounds in seconds of the histograms of waiting and computing: 10 µs to 10 s, each twice the one before."""
BATCH_BOUNDS = tuple(2**step for step in range(11))
"""Upper bounds of the histogram of how many requests a run answers: 1 to 1,024."""


class ServingMetrics(Collector):
    """The counters of one served model. `describe_model` is called once it is loaded and its revision is known.

    `history` is told of every answer too; `admission` knows how many requests are being answered.
    """

    def __init__(self, model: str, version: str, history: History, admission: Admission) -> None:
        self._model = model
        self._version = version
        self._history = history
        self._admission = admission
        self._info: tuple[str, str] | None = None
        self._by_code = {200: 0, 500: 0}
        self._durations = Histogram(DURATION_BOUNDS)
        self._queued = Histogram(RUN_BOUNDS)
        self._computed = Histogram(RUN_BOUNDS)
        self._batches = Histogram(BATCH_BOUNDS)
        self._predictions: PredictionCounts | None = None
        self._scores: ScoreCounts | None = None
        self._feedback: FeedbackCounts | None = None
        self._guard: SchemaGuard | None = None

    def describe_model(
        self, revision: str, digest: str, signature: Signature, guard: SchemaGuard | None = None
    ) -> None:
        """Name what is served; before this nothing is exported, as it would have no revision to count for."""
        output = class_output(signature.outputs)
        self._predictions = None if output is None else PredictionCounts(output)
        scores = score_output(signature.outputs)
        self._scores = None if scores is None else ScoreCounts(scores)
        self._feedback = FeedbackCounts(revision)
        self._guard = guard
        self._info = (revision, digest)

    def answered(self, account: Account) -> None:
        """Count an infer request that was answered, well or badly."""
        status = account.status
        self._by_code[status] = self._by_code.get(status, 0) + 1
        self._history.count(failed=account.error is not None)
        if account.error is None:
            self._durations.observe(account.ended - account.began)
        if account.ran is not None:
            self._queued.observe(account.ran.queued)

    def ran(self, requests: int, seconds: float) -> None:
        """Count a run of the model that answered so many requests and took this long."""
        self._batches.observe(requests)
        self._computed.observe(seconds)

    def predicted(self, outputs: Mapping[str, Tensor]) -> None:
        """Count the classes and the scores in an infer request's answer, where the model gives such."""
        if self._predictions is not None:
            self._predictions.count(outputs)
        if self._scores is not None:
            self._scores.count(outputs)

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
        labels = {"model": self._model, "revision": revision}
        yield self._requests(labels)
        yield from self._histograms(labels)
        in_flight = GaugeMetricFamily(
            "leadsman_serving_in_flight", "Infer requests being answered now.", labels=list(labels)
        )
        in_flight.add_metric(list(labels.values()), self._admission.in_flight)
        yield in_flight
        info = GaugeMetricFamily(
            "leadsman_serving_model_info", "The model being served.", labels=[*labels, "version", "digest"]
        )
        info.add_metric([*labels.values(), self._version, digest], 1)
        yield info
        if self._predictions is not None:
            yield _predictions_family(labels, self._predictions)
        if self._scores is not None:
            yield from _score_families(labels, self._scores)
        if self._feedback is not None:
            yield _feedback_family(self._model, self._feedback)
        if self._guard is not None:
            yield _violations_family(labels, self._guard)

    def _requests(self, labels: dict[str, str]) -> Metric:
        requests = CounterMetricFamily(
            "leadsman_serving_requests", "Infer requests answered, by HTTP status code.", labels=[*labels, "code"]
        )
        for code, count in list(self._by_code.items()):
            requests.add_metric([*labels.values(), str(code)], count)
        return requests

    def _histograms(self, labels: dict[str, str]) -> Iterable[Metric]:
        yield self._durations.family(
            "leadsman_serving_request_duration_seconds",
            "Time from an infer request's arrival to its response, for those answered with 2xx.",
            labels,
        )
        yield self._queued.family(
            "leadsman_serving_queue_seconds", "Time that an infer request waited for a run of the model.", labels
        )
        yield self._computed.family("leadsman_serving_compute_seconds", "Time that a run of the model took.", labels)
        yield self._batches.family("leadsman_serving_batch_size", "Infer requests that one run answered.", labels)


def _predictions_family(labels: dict[str, str], predictions: PredictionCounts) -> Metric:
    family = CounterMetricFamily(
        "leadsman_serving_predictions",
        "Predictions in answers with 2xx, by the class predicted.",
        labels=[*labels, "class"],
    )
    for name, count in predictions.totals().items():
        family.add_metric([*labels.values(), name], count)
    return family


def _score_families(labels: dict[str, str], scores: ScoreCounts) -> Iterable[Metric]:
    yield scores.histogram.family(
        "leadsman_serving_scores",
        "Scores in answers with 2xx: of a classifier the highest of each row, of a regressor its value.",
        labels,
    )
    nonfinite = CounterMetricFamily(
        "leadsman_serving_scores_nonfinite", "Scores that are NaN or infinite.", labels=list(labels)
    )
    nonfinite.add_metric(list(labels.values()), scores.nonfinite)
    yield nonfinite


def _violations_family(labels: dict[str, str], guard: SchemaGuard) -> Metric:
    family = CounterMetricFamily(
        "leadsman_serving_schema_violations",
        "Values in infer requests that break a rule of the model's schema.",
        labels=[*labels, "input", "feature", "rule"],
    )
    for name, feature, rule, times in guard.totals():
        family.add_metric([*labels.values(), name, feature, rule], times)
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
