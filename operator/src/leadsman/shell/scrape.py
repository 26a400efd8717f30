"""Read the raw counters of serving pods, straight from the pods."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from math import inf, isfinite, nan

import httpx
from prometheus_client.parser import text_string_to_metric_families

from leadsman.core.evidence import Feedback, Histogram, PodSample
from leadsman.core.pods import Pod
from leadsman.shell.download import ReadError, download_from_pod

# Many times what a serving pod has to say; to parse as much as this takes a fifth of a second.
_MOST_BYTES = 1024 * 1024
_STARTED = "process_start_time_seconds"
_REQUESTS = "leadsman_serving_requests_total"
_DURATION = "leadsman_serving_request_duration_seconds_bucket"
_PREDICTIONS = "leadsman_serving_predictions_total"
_FEEDBACK = "leadsman_serving_feedback_total"
# What is counted, by which labels.
_LABELS = {
    _REQUESTS: ("code",),
    _DURATION: ("le",),
    _PREDICTIONS: ("class",),
    _FEEDBACK: ("revision", "outcome"),
}
_LINES = (_STARTED, *_LABELS)
_LONGEST_LABEL = 256  # as long as the evidence can keep
_MOST = 1e15  # the evidence is kept as JSON, which holds whole numbers up to about here

log = logging.getLogger(__name__)


async def scrape(http: httpx.AsyncClient, pods: Sequence[Pod]) -> list[PodSample]:
    """Scrape all pods that have an address at once. One that does not answer is left out: silence is not evidence."""
    found = await asyncio.gather(*(_scrape(http, pod) for pod in pods if pod.ip))
    return [sample for sample in found if sample is not None]


async def _scrape(http: httpx.AsyncClient, pod: Pod) -> PodSample | None:
    try:
        return parse_sample(pod, (await download_from_pod(http, pod, "/metrics", _MOST_BYTES)).decode())
    except (ReadError, ValueError) as error:
        log.debug("pod %s gives no counters: %s", pod.name, error)
        return None


def parse_sample(pod: Pod, text: str) -> PodSample:
    """Parse a pod's Prometheus text. Raises ValueError, and nothing else, when its counters cannot be counted with."""
    try:
        return _sample(pod, text)
    except (LookupError, OverflowError, TypeError, AttributeError) as error:
        # The parser trusts its input more than we can.
        raise ValueError(f"no Prometheus text: {error!r}") from error


def _sample(pod: Pod, text: str) -> PodSample:
    started, counts = _counts(text)
    by_code = {code: count for (code,), count in counts[_REQUESTS].items()}
    buckets = {float(bound): count for (bound,), count in counts[_DURATION].items()}
    bounds = tuple(sorted(buckets))
    cumulative = tuple(buckets[bound] for bound in bounds)
    if not isfinite(started) or not by_code or not bounds:
        raise ValueError(f"expected {_REQUESTS}, {_DURATION} and {_STARTED} in the pod's metrics")
    if bounds[-1] != inf or list(cumulative) != sorted(cumulative):
        raise ValueError(f"expected {_DURATION} to be cumulative and to end with +Inf")
    requests = _count(sum(by_code.values()))
    return PodSample(
        pod=pod.uid,
        started=started,
        revision=pod.revision,
        requests=requests,
        errors=requests - sum(count for code, count in by_code.items() if code.startswith("2")),
        latency=Histogram(bounds=bounds, counts=cumulative),
        # A pod of an older serving image has neither of these, nor has one whose model is no classifier.
        predictions={name: count for (name,), count in counts[_PREDICTIONS].items()},
        feedback=_feedback(counts[_FEEDBACK]),
    )


def _counts(text: str) -> tuple[float, dict[str, Counter[tuple[str, ...]]]]:
    """The start of the process, NaN when the text does not say, and the counts by the labels that tell them apart."""
    started = nan
    counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in _LABELS}
    # To parse a line takes 18 µs, to see that nobody needs it 0.3, and a pod may have hundreds of those.
    needed = "\n".join(line for line in text.split("\n") if line.startswith(_LINES))
    for family in text_string_to_metric_families(needed):
        for sample in family.samples:
            if sample.name == _STARTED:
                started = sample.value
            elif sample.name in _LABELS:
                labels = tuple(sample.labels.get(label, "")[:_LONGEST_LABEL] for label in _LABELS[sample.name])
                counts[sample.name][labels] = _count(counts[sample.name][labels] + sample.value)
    return started, counts


def _feedback(counts: Counter[tuple[str, ...]]) -> dict[str, Feedback]:
    return {
        revision: Feedback(labelled=_count(counts[revision, "right"] + wrong), wrong=wrong)
        for revision in {revision for revision, _ in counts}
        for wrong in (counts[revision, "wrong"],)
    }


def _count(value: float) -> int:
    if not 0 <= value <= _MOST:
        raise ValueError(f"expected a count, got {value}")
    return int(value)
