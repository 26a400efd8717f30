"""Read the raw counters of serving pods as a Prometheus server has kept them.

Never `rate()` or `increase()`: they extrapolate, and overlapping windows count twice. What is read are the counters
themselves, at regular moments, and they are differenced as those are that the operator reads from the pods.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.backtest import Release
from leadsman.core.backtest.scrapes import Scrape, minutes, recorded, watched_until, with_readings
from leadsman.core.evidence import Feedback, Histogram, PodSample, Reading
from leadsman.core.queries import Query, due_queries
from leadsman.core.recording import Recording
from leadsman.shell.download import Limit, ReadError, download
from leadsman.shell.prometheus import PrometheusServer, authorization
from leadsman.shell.validation import first_problem

_LIMIT = Limit(seconds=60.0, most_bytes=256 << 20)
_POINTS = 500
"""Moments in one answer: a model of ten pods has some 700 series."""
_HISTORY_SECONDS = 86400.0
_MOST = 1e15

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Window:
    """Whose counters to read, and from when to when (Unix seconds), every `step` seconds."""

    namespace: str
    model: str
    revisions: Sequence[str]
    start: float
    end: float
    step: float


class _Series(BaseModel):
    metric: dict[str, str]
    values: list[tuple[float, Annotated[float, Field(allow_inf_nan=True)]]]


class _Matrix(BaseModel):
    result_type: Literal["matrix"] = Field(alias="resultType")
    result: list[_Series]


class _Answer(BaseModel):
    status: Literal["success", "error"]
    error: str = ""
    data: _Matrix | None = None


@dataclass
class _Pod:
    """What is known of one pod at one moment."""

    revision: str = ""
    started: float | None = None
    requests: int = 0
    errors: int = 0
    buckets: dict[float, int] = field(default_factory=dict)
    predictions: dict[str, int] = field(default_factory=dict)
    labelled: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)


async def recording_of(
    http: httpx.AsyncClient, server: PrometheusServer, release: Release, policy: RolloutPolicySpec, step: float
) -> Recording | None:
    """Return what the operator would have recorded of a release by a policy, looking every `step` seconds.

    None where the server has no counters of it. Raises ReadError when the server does not answer as it should.
    """
    began, ended = release.began.timestamp(), watched_until(release)
    trial = Window(release.namespace, release.model, (release.revision, release.stable), began, ended, step)
    day = replace(trial, revisions=(release.stable,), start=began - _HISTORY_SECONDS, end=began, step=60.0)
    seen = [scrape async for scrape in scrapes(http, server, trial)]
    if not any(sample.revision == release.revision for scrape in seen for sample in scrape.samples):
        return None
    before = minutes([scrape async for scrape in scrapes(http, server, day)], release.stable)
    told = []
    names = {"candidate": release.revision, "stable": release.stable, "model": release.model}
    for check in (one.prometheus for one in policy.checks if one.prometheus):
        for query in due_queries((check,), (), names | {"namespace": release.namespace}, began):
            told += await readings(http, server, query, replace(trial, step=check.interval.total_seconds()))
    return recorded(release, policy, with_readings(seen, told), before)


async def scrapes(http: httpx.AsyncClient, server: PrometheusServer, window: Window) -> AsyncIterator[Scrape]:
    """Yield the counters of each moment, oldest first. Raises ReadError when the server does not give them."""
    selector = _selector(window)
    requests = f"leadsman_serving_requests_total{selector}"
    queries = (
        requests,
        f"leadsman_serving_request_duration_seconds_bucket{selector}",
        # The process that counts has no label of its model; it is the one that stands beside its counters.
        f"process_start_time_seconds and on (namespace, pod, instance) {requests}",
        f"leadsman_serving_predictions_total{selector}",
        f"leadsman_serving_feedback_total{selector}",
    )
    for start, end in _chunks(window):
        moments: dict[float, dict[str, _Pod]] = defaultdict(lambda: defaultdict(_Pod))
        for query in queries:
            for series in await _range(http, server, query, start, end, window.step):
                _add(moments, series)
        for at in sorted(moments):
            yield Scrape(at, tuple(_samples(moments[at])))


async def readings(
    http: httpx.AsyncClient, server: PrometheusServer, query: Query, window: Window
) -> list[tuple[float, Reading]]:
    """Return what a Prometheus check would have been told at each moment. Raises ReadError."""
    found = []
    for start, end in _chunks(window):
        answer = await _range(http, server, query.text, start, end, window.step)
        # Where the operator would not have had one number, there is none.
        values = answer[0].values if len(answer) == 1 else []
        found += [(at, Reading(query.name, value if isfinite(value) else None)) for at, value in values]
    return found


def _selector(window: Window) -> str:
    # Whoever scrapes without Kubernetes' service discovery has no label of the namespace.
    revisions = "|".join(map(re.escape, window.revisions))
    matchers = {"model": ("=", window.model), "revision": ("=~", revisions)}
    if window.namespace:
        matchers["namespace"] = ("=~", f"{re.escape(window.namespace)}|")
    return "{" + ", ".join(f"{name}{how}{_quoted(value)}" for name, (how, value) in matchers.items()) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _chunks(window: Window) -> Iterator[tuple[float, float]]:
    start = window.start
    while start <= window.end:
        end = min(start + (_POINTS - 1) * window.step, window.end)
        yield start, end
        start = end + window.step


async def _range(
    http: httpx.AsyncClient, server: PrometheusServer, query: str, start: float, end: float, step: float
) -> list[_Series]:
    parameters = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
    url = f"{server.url}/api/v1/query_range"
    try:
        status, body = await download(http, url, _LIMIT, parameters=parameters, headers=authorization(server))
        return _parsed(status, body)
    except (ReadError, OSError, ValueError) as error:
        raise ReadError(f"{url}: {error}; asked: {query}") from error


def _parsed(status: int, body: bytes) -> list[_Series]:
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        said = first_problem(error) if status == httpx.codes.OK else body[:200].decode(errors="replace")
        raise ReadError(f"HTTP status {status}, not an answer of Prometheus: {said}") from error
    if answer.status == "error" or answer.data is None:
        raise ReadError(answer.error or f"HTTP status {status}")
    return answer.data.result


def _add(moments: dict[float, dict[str, _Pod]], series: _Series) -> None:
    add, labels = _ADD.get(series.metric.get("__name__", "")), series.metric
    if add is None:
        return
    pod = "/".join(labels.get(label, "") for label in ("namespace", "pod", "instance"))
    for at, value in series.values:
        if isfinite(value) and 0 <= value <= _MOST:
            add(moments[at][pod], labels, value)


def _add_requests(pod: _Pod, labels: Labels, value: float) -> None:
    pod.revision = labels.get("revision", "")
    pod.requests += int(value)
    if not labels.get("code", "").startswith("2"):
        pod.errors += int(value)


def _add_bucket(pod: _Pod, labels: Labels, value: float) -> None:
    bound = inf if labels.get("le") == "+Inf" else float(labels.get("le", "nan"))
    pod.buckets[bound] = pod.buckets.get(bound, 0) + int(value)


def _add_start(pod: _Pod, _: Labels, value: float) -> None:
    pod.started = value


def _add_prediction(pod: _Pod, labels: Labels, value: float) -> None:
    pod.predictions[labels.get("class", "")] = int(value)


def _add_feedback(pod: _Pod, labels: Labels, value: float) -> None:
    revision = labels.get("revision", "")
    pod.labelled[revision] = pod.labelled.get(revision, 0) + int(value)
    if labels.get("outcome") == "wrong":
        pod.wrong[revision] = pod.wrong.get(revision, 0) + int(value)


_ADD: Mapping[str, Callable[[_Pod, Labels, float], None]] = {
    "leadsman_serving_requests_total": _add_requests,
    "leadsman_serving_request_duration_seconds_bucket": _add_bucket,
    "process_start_time_seconds": _add_start,
    "leadsman_serving_predictions_total": _add_prediction,
    "leadsman_serving_feedback_total": _add_feedback,
}


def _samples(pods: Mapping[str, _Pod]) -> Iterator[PodSample]:
    for name, pod in sorted(pods.items()):
        # What was scraped in part is left out, as the operator leaves out a pod that does not answer.
        if pod.started is None or not pod.revision:
            continue
        bounds = tuple(sorted(pod.buckets))
        yield PodSample(
            pod=name,
            started=pod.started,
            revision=pod.revision,
            requests=pod.requests,
            errors=pod.errors,
            latency=Histogram(bounds, tuple(pod.buckets[bound] for bound in bounds)),
            predictions=pod.predictions,
            feedback={
                revision: Feedback(labelled, min(pod.wrong.get(revision, 0), labelled))
                for revision, labelled in pod.labelled.items()
            },
        )
