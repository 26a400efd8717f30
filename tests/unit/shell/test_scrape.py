"""Reading the serving pods' counters: the real text of the serving image, and whatever else a pod may answer."""

from math import inf

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from leadsman.core.evidence import PodSample
from leadsman.shell.scrape import parse_sample, scrape
from leadsman_serving.metrics import DURATION_BOUNDS, ServingMetrics, registry_for
from support.objects import pod

POD = pod("a")


def text_of(*answers: tuple[int, float]) -> str:
    """What the serving image exports after some answers."""
    metrics = ServingMetrics("fraud", "1")
    metrics.describe_model("a", f"sha256:{'0' * 64}")
    for code, seconds in answers:
        metrics.answered(code, seconds)
    return generate_latest(registry_for(metrics)).decode()


def test_the_operator_reads_what_the_serving_image_writes() -> None:
    sample = parse_sample(POD, text_of((200, 0.001), (200, 0.2), (500, 0.1), (404, 0.1), (200, 60.0)))
    assert (sample.pod, sample.revision) == ("a-1", "a")
    assert sample.started > 1_600_000_000
    assert (sample.requests, sample.errors) == (5, 2)
    assert sample.latency.bounds == (*DURATION_BOUNDS, inf)
    assert sample.latency.total == 3
    assert sample.latency.slower_than(DURATION_BOUNDS[-1]) == 1
    assert sample.latency.counts[0] == 0


def test_a_pod_that_has_answered_nothing_has_counters_all_the_same() -> None:
    sample = parse_sample(POD, text_of())
    assert (sample.requests, sample.errors, sample.latency.total) == (0, 0, 0)


LEAST = """\
process_start_time_seconds 1.7e9
leadsman_serving_requests_total{code="200"} 3
leadsman_serving_requests_total{code="500"} 1
leadsman_serving_request_duration_seconds_bucket{le="0.1"} 2
leadsman_serving_request_duration_seconds_bucket{le="+Inf"} 3
"""


def test_the_least_that_is_needed() -> None:
    sample = parse_sample(POD, LEAST)
    assert (sample.requests, sample.errors, sample.latency.counts) == (4, 1, (2, 3))


UNFIT = {
    "nothing": "",
    "no start": LEAST.replace("process_start_time_seconds", "other"),
    "no requests": LEAST.replace("requests_total", "other_total"),
    "no latencies": LEAST.replace("_bucket", "_other"),
    "a bucket without a bound": LEAST.replace('{le="0.1"}', '{other="0.1"}'),
    "a bound that is no number": LEAST.replace('"0.1"', '"fast"'),
    "no last bucket": LEAST.replace('"+Inf"', '"5"'),
    "buckets that fall": LEAST.replace('{le="0.1"} 2', '{le="0.1"} 4'),
    "no number": LEAST.replace('"200"} 3', '"200"} NaN'),
    "an infinite number": LEAST.replace('"200"} 3', '"200"} +Inf'),
    "a negative number": LEAST.replace('"200"} 3', '"200"} -3'),
    "a number that JSON cannot hold": LEAST.replace('"200"} 3', '"200"} 1e300'),
    "a start that is no time": LEAST.replace("1.7e9", "NaN"),
    "a page of HTML": "<!doctype html><title>404</title>",
    "half a line": LEAST + 'leadsman_serving_requests_total{code="20',
}


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_unfit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, it must be this
        parse_sample(POD, text)


lines = st.sampled_from(LEAST.splitlines())
hostile = st.lists(lines | st.text(max_size=30) | lines.map(lambda line: line[:-3]), max_size=8).map("\n".join)


def only_value_errors(text: str) -> None:
    """Parse it; what comes out can be counted, and nothing but ValueError is raised."""
    try:
        sample = parse_sample(POD, text)
    except ValueError:
        return
    assert 0 <= sample.errors <= sample.requests < 2**53
    assert list(sample.latency.counts) == sorted(sample.latency.counts)


@given(hostile)
def test_hostile_lines(text: str) -> None:
    only_value_errors(text)


@given(st.data())
def test_hostile_changes_of_an_honest_text(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(LEAST)))
    to = data.draw(st.integers(at, len(LEAST)))
    put = data.draw(st.text(alphabet='{}="\\,# \n+-.0123456789eNaInf', max_size=6))
    only_value_errors(LEAST[:at] + put + LEAST[to:])


async def scraped(answers: dict[str, httpx.Response | Exception]) -> list[PodSample]:
    """Scrape pods at these addresses, which answer so."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.port == 8082
        assert request.url.path == "/metrics"
        found = answers[request.url.host]
        if isinstance(found, Exception):
            raise found
        return found

    pods = [pod("a", number, ip=ip) for number, ip in enumerate(answers)]
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        return await scrape(http, [*pods, pod("a", 99, ip="")])


async def test_pods_that_do_not_answer_well_are_left_out() -> None:
    found = await scraped(
        {
            "10.0.0.1": httpx.Response(200, text=LEAST),
            "10.0.0.2": httpx.Response(500, text="sorry"),
            "10.0.0.3": httpx.ReadTimeout("too late"),
            "10.0.0.4": httpx.ConnectError("refused"),
            "10.0.0.5": httpx.Response(200, text="<html>"),
            "10.0.0.6": httpx.Response(302, headers={"location": "http://10.0.0.1:8082/metrics"}),
            "10.0.0.7": httpx.Response(200, text=UNFIT["an infinite number"]),
            "10.0.0.8": httpx.Response(200, content=b"\xff\xfe\x00"),
        }
    )
    assert [sample.pod for sample in found] == ["a-0"]


async def test_an_ipv6_address() -> None:
    assert len(await scraped({"fd00::1": httpx.Response(200, text=LEAST)})) == 1


async def test_nobody_to_ask() -> None:
    assert await scraped({}) == []
