"""Reading the serving pods' counters: the real text of the serving image, and whatever else a pod may answer."""

from math import inf

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from leadsman.core.evidence import Feedback, PodSample
from leadsman.shell.scrape import parse_sample, scrape
from leadsman_serving.account import Account, Call
from leadsman_serving.admission import Admission
from leadsman_serving.errors import Code
from leadsman_serving.feedback import Feedback as Told
from leadsman_serving.history import History
from leadsman_serving.metrics import DURATION_BOUNDS, ServingMetrics, registry_for
from leadsman_serving.signature import Signature, Tensor, TensorSpec
from support.objects import pod

POD = pod("a")


def serving_metrics() -> ServingMetrics:
    """The counters of a serving process whose model tells a class."""
    metrics = ServingMetrics("fraud", "1", History(lambda: 0.0), Admission(1, 1))
    outputs = (TensorSpec("label", "INT64", ("n",)),)
    metrics.describe_model("a", f"sha256:{'0' * 64}", Signature(inputs=(), outputs=outputs))
    return metrics


def text_of(metrics: ServingMetrics) -> str:
    """What the serving image exports."""
    return generate_latest(registry_for(metrics)).decode()


def test_the_operator_reads_what_the_serving_image_writes() -> None:
    metrics = serving_metrics()
    call = Call("http", "", lambda _: None)
    answered = [(None, 0.001), (None, 0.2), (Code.INTERNAL, 0.1), (Code.NOT_FOUND, 0.1), (None, 60.0)]
    for error, seconds in answered:
        metrics.answered(Account(call, error, 0.0, seconds, None))
    sample = parse_sample(POD, text_of(metrics))
    assert (sample.pod, sample.revision) == ("a-1", "a")
    assert sample.started > 1_600_000_000
    assert (sample.requests, sample.errors) == (5, 2)
    assert sample.latency.bounds == (*DURATION_BOUNDS, inf)
    assert sample.latency.total == 3
    assert sample.latency.slower_than(DURATION_BOUNDS[-1]) == 1
    assert sample.latency.counts[0] == 0


def test_a_pod_that_has_answered_nothing_has_counters_all_the_same() -> None:
    sample = parse_sample(POD, text_of(serving_metrics()))
    assert (sample.requests, sample.errors, sample.latency.total) == (0, 0, 0)
    assert sample.predictions == {}
    assert sample.feedback == {"a": Feedback(0, 0)}


def test_predictions_by_class_and_feedback_by_revision() -> None:
    metrics = serving_metrics()
    metrics.predicted({"label": Tensor("INT64", np.array([0, 1, 0]))})
    metrics.fed_back([Told("a", True), Told("a", False), Told("b", True), Told("c", False), Told("a", True)])
    sample = parse_sample(POD, text_of(metrics))
    assert sample.predictions == {"0": 2, "1": 1}
    assert sample.feedback == {"a": Feedback(3, 1), "b": Feedback(1, 0), "c": Feedback(1, 1)}


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


def test_what_the_operator_does_not_count_is_not_even_parsed() -> None:
    others = 'leadsman_serving_scores_bucket{le="0.5"} 3\nleadsman_serving_of_next_year{ no Prometheus text\n'
    assert parse_sample(POD, others + LEAST + others) == parse_sample(POD, LEAST)


def test_a_class_whose_name_has_what_some_take_for_the_end_of_a_line() -> None:
    name = "a\u2028b\x0bc\x85"
    assert parse_sample(POD, LEAST + f'leadsman_serving_predictions_total{{class="{name}"}} 3\n').predictions == {
        name: 3
    }


def test_a_pod_of_an_older_image_tells_of_no_predictions_and_no_feedback() -> None:
    sample = parse_sample(POD, LEAST)
    assert (sample.predictions, sample.feedback) == ({}, {})


def test_a_class_with_a_very_long_name_is_cut_to_what_can_be_kept() -> None:
    lines = [f'leadsman_serving_predictions_total{{class="{"x" * 1000}{number}"}} 2\n' for number in range(2)]
    assert parse_sample(POD, LEAST + "".join(lines)).predictions == {"x" * 256: 4}


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
    "numbers that JSON cannot hold together": LEAST.replace('"200"} 3', '"200"} 9e14').replace(
        '"500"} 1', '"500"} 9e14'
    ),
    "predictions that are no number": LEAST + 'leadsman_serving_predictions_total{class="0"} NaN\n',
    "feedback that was taken back": LEAST + 'leadsman_serving_feedback_total{revision="a",outcome="wrong"} -1\n',
    "a start that is no time": LEAST.replace("1.7e9", "NaN"),
    "a page of HTML": "<!doctype html><title>404</title>",
    "half a line": LEAST + 'leadsman_serving_requests_total{code="20',
}


@pytest.mark.parametrize("text", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_unfit_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, it must be this
        parse_sample(POD, text)


MORE = """\
leadsman_serving_predictions_total{class="0"} 3
leadsman_serving_feedback_total{revision="a",outcome="right"} 2
leadsman_serving_feedback_total{revision="b",outcome="wrong"} 1
"""
lines = st.sampled_from((LEAST + MORE).splitlines())
hostile = st.lists(lines | st.text(max_size=30) | lines.map(lambda line: line[:-3]), max_size=8).map("\n".join)


def only_value_errors(text: str) -> None:
    """Parse it; what comes out can be counted, and nothing but ValueError is raised."""
    try:
        sample = parse_sample(POD, text)
    except ValueError:
        return
    assert 0 <= sample.errors <= sample.requests < 2**53
    assert list(sample.latency.counts) == sorted(sample.latency.counts)
    assert all(0 <= count < 2**53 for count in sample.predictions.values())
    assert all(0 <= told.wrong <= told.labelled < 2**53 for told in sample.feedback.values())


@given(hostile)
def test_hostile_lines(text: str) -> None:
    only_value_errors(text)


@given(st.data())
def test_hostile_changes_of_an_honest_text(data: st.DataObject) -> None:
    honest = LEAST + MORE
    at = data.draw(st.integers(0, len(honest)))
    to = data.draw(st.integers(at, len(honest)))
    put = data.draw(st.text(alphabet='{}="\\,# \n+-.0123456789eNaInf', max_size=6))
    only_value_errors(honest[:at] + put + honest[to:])


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
            "10.0.0.9": httpx.Response(200, text=LEAST + "# and so on\n" * 100_000),
        }
    )
    assert [sample.pod for sample in found] == ["a-0"]


async def test_an_ipv6_address() -> None:
    assert len(await scraped({"fd00::1": httpx.Response(200, text=LEAST)})) == 1


async def test_nobody_to_ask() -> None:
    assert await scraped({}) == []
