"""Read the raw counters of serving pods, straight from the pods."""

import asyncio
import logging
from collections.abc import Sequence
from math import inf, isfinite

import httpx
from prometheus_client.parser import text_string_to_metric_families

from leadsman.core.evidence import Histogram, PodSample
from leadsman.core.names import METRICS_PORT
from leadsman.core.pods import Pod

_TIMEOUT_SECONDS = 2.0
_REQUESTS = "leadsman_serving_requests"
_DURATION = "leadsman_serving_request_duration_seconds"
_STARTED = "process_start_time_seconds"
_MOST = 1e15  # the evidence is kept as JSON, which holds whole numbers up to about here

log = logging.getLogger(__name__)


async def scrape(http: httpx.AsyncClient, pods: Sequence[Pod]) -> list[PodSample]:
    """Scrape all pods that have an address at once. One that does not answer is left out: silence is not evidence."""
    found = await asyncio.gather(*(_scrape(http, pod) for pod in pods if pod.ip))
    return [sample for sample in found if sample is not None]


async def _scrape(http: httpx.AsyncClient, pod: Pod) -> PodSample | None:
    host = f"[{pod.ip}]" if ":" in pod.ip else pod.ip
    try:
        # httpx's own limit is on each read; a pod that trickles must not hold up the pass.
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            response = await http.get(f"http://{host}:{METRICS_PORT}/metrics", timeout=_TIMEOUT_SECONDS)
        response.raise_for_status()
        return parse_sample(pod, response.text)
    except (httpx.HTTPError, TimeoutError, ValueError) as error:
        log.debug("pod %s gives no counters: %s", pod.name, error or type(error).__name__)
        return None


def parse_sample(pod: Pod, text: str) -> PodSample:
    """Parse a pod's Prometheus text. Raises ValueError, and nothing else, when its counters cannot be counted with."""
    try:
        return _sample(pod, text)
    except (LookupError, OverflowError, TypeError, AttributeError) as error:
        # The parser trusts its input more than we can.
        raise ValueError(f"no Prometheus text: {error!r}") from error


def _sample(pod: Pod, text: str) -> PodSample:
    started: float | None = None
    by_code: dict[str, int] = {}
    buckets: dict[float, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"{_REQUESTS}_total":
                code = sample.labels.get("code", "")
                by_code[code] = by_code.get(code, 0) + _count(sample.value)
            elif sample.name == f"{_DURATION}_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0) + _count(sample.value)
            elif sample.name == _STARTED:
                started = sample.value
    bounds = tuple(sorted(buckets))
    counts = tuple(buckets[bound] for bound in bounds)
    if started is None or not isfinite(started) or not by_code or not bounds:
        raise ValueError(f"expected {_REQUESTS}_total, {_DURATION} and {_STARTED} in the pod's metrics")
    if bounds[-1] != inf or list(counts) != sorted(counts):
        raise ValueError(f"expected {_DURATION} to be cumulative and to end with +Inf")
    requests = sum(by_code.values())
    return PodSample(
        pod=pod.uid,
        started=started,
        revision=pod.revision,
        requests=requests,
        errors=requests - sum(count for code, count in by_code.items() if code.startswith("2")),
        latency=Histogram(bounds=bounds, counts=counts),
    )


def _count(value: float) -> int:
    if not 0 <= value <= _MOST:
        raise ValueError(f"expected a count, got {value}")
    return int(value)
