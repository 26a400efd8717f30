"""Tracing, as a collector sees it: spans of the real server, by HTTP and by gRPC."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from leadsman_serving import open_inference_pb2 as oip
from leadsman_serving.reports import is_traced
from serving import models
from serving.clock import wall_clock
from serving.collector import collector
from serving.grpc_client import connected
from serving.process import ServerProcess, started

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def body(index: object = 1) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [index]}]}


def message(index: int = 1, model: str = "m") -> oip.ModelInferRequest:
    tensor = oip.ModelInferRequest.InferInputTensor(
        name="x", datatype="INT64", shape=[1], contents=oip.InferTensorContents(int64_contents=[index])
    )
    return oip.ModelInferRequest(model_name=model, inputs=[tensor])


@contextmanager
def traced(directory: Path, endpoint: str, *options: str, **environment: str) -> Iterator[ServerProcess]:
    """A server of models.lookup, which fails on most indices; spans are there when it has ended, at the latest."""
    saved = models.save(models.lookup(), directory)
    with started(saved, *options, **{ENDPOINT: endpoint} | environment) as server:
        server.wait_until_it_serves()
        yield server


def test_a_request_by_http_is_a_span(tmp_path: Path, client: httpx.Client) -> None:
    before = wall_clock() * 1e9
    with collector() as taking, traced(tmp_path, taking.endpoint) as server:
        client.post(server.infer_url, json=body(), headers={"traceparent": SAMPLED, "tracestate": "a=1"})
        client.post(f"{server.url}/v2/models/m/versions/v1/infer", json=body())
        client.get(f"{server.url}/v2/models/m")
        assert server.stop() == 0
    first, second = taking.requests()
    assert (first.trace_id, first.parent, first.raw.trace_state) == (TRACE, PARENT, "a=1")
    assert second.trace_id not in (TRACE, "0" * 32)
    assert second.parent == ""
    assert first.name == "POST /v2/models/{model}/infer"
    assert second.name == "POST /v2/models/{model}/versions/{version}/infer"
    assert first.resource["service.name"] == "leadsman-serving"
    assert first.attributes == {
        "http.request.method": "POST",
        "http.route": "/v2/models/{model}/infer",
        "http.response.status_code": 200,
        "url.path": "/v2/models/m/infer",
        "url.scheme": "http",
        "leadsman.model": "m",
        "leadsman.version": "v1",
        "leadsman.revision": "rev-a",
        "leadsman.batch_size": 1,
    }
    parts = taking.parts(first)
    assert parts.keys() == {"queue", "compute"}
    assert {part.trace_id for part in parts.values()} == {TRACE}
    times = [before, first.time[0], *parts["queue"].time, *parts["compute"].time, first.time[1], wall_clock() * 1e9]
    rounding = 2000  # a float of Unix seconds has as many nanoseconds
    assert all(later >= earlier - rounding for earlier, later in pairwise(times)), times
    assert parts["queue"].time[1] == parts["compute"].time[0]
    assert parts["compute"].time[0] < parts["compute"].time[1]


def test_a_request_by_grpc_is_a_span(tmp_path: Path) -> None:
    with collector() as taking, traced(tmp_path, taking.endpoint) as server:
        with connected(server) as channel:
            channel.infer(message(), traceparent=SAMPLED)
            for wrong in (message(model="other"), message(99)):
                with pytest.raises(grpc.RpcError):
                    channel.infer(wrong)
        assert server.stop() == 0
    good, lost, failed = taking.requests()
    assert (good.trace_id, good.parent, good.name) == (TRACE, PARENT, "inference.GRPCInferenceService/ModelInfer")
    assert good.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": "inference.GRPCInferenceService/ModelInfer",
        "rpc.response.status_code": "OK",
        "leadsman.model": "m",
        "leadsman.version": "v1",
        "leadsman.revision": "rev-a",
        "leadsman.batch_size": 1,
    }
    assert [span.attributes["rpc.response.status_code"] for span in (lost, failed)] == ["NOT_FOUND", "INTERNAL"]
    assert [span.raw.status.code for span in (good, lost, failed)] == [0, 0, 2]
    assert failed.attributes["error.type"] == "INTERNAL"
    assert taking.parts(good).keys() == {"queue", "compute"}
    assert taking.parts(lost) == {}


def test_only_what_the_server_failed_at_is_an_error(tmp_path: Path, client: httpx.Client) -> None:
    with collector() as taking, traced(tmp_path, taking.endpoint) as server:
        for asked in (body(), body("one"), body(99)):
            client.post(server.infer_url, json=asked)
        client.post(f"{server.url}/nonsense/infer", json=body())
        assert server.stop() == 0
    spans = taking.requests()
    assert [span.attributes["http.response.status_code"] for span in spans] == [200, 400, 500, 404]
    assert [span.raw.status.code for span in spans] == [0, 0, 2, 0]
    assert [span.attributes.get("error.type") for span in spans] == [None, None, "500", None]
    assert spans[3].name == "POST"
    assert "http.route" not in spans[3].attributes
    assert "99" not in f"{spans[2].attributes} {spans[2].raw.status.message}", "nothing of what was asked"


@pytest.mark.parametrize(
    ("sampler", "wanted"),
    [
        pytest.param({}, ["sampled", "root", "broken"], id="by default the caller decides, and what has none is kept"),
        pytest.param({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, ["sampled"], id="only what callers sample"),
        pytest.param({"OTEL_TRACES_SAMPLER": "always_off"}, [], id="nothing"),
        pytest.param({"OTEL_SDK_DISABLED": "true"}, [], id="tracing is off"),
        pytest.param({"OTEL_TRACES_EXPORTER": "none"}, [], id="nothing is exported"),
    ],
)
def test_whose_requests_are_traced(
    sampler: dict[str, str], wanted: list[str], tmp_path: Path, client: httpx.Client
) -> None:
    sent = {"sampled": SAMPLED, "unsampled": UNSAMPLED, "root": None, "broken": "00-nonsense-01"}
    with collector() as taking, traced(tmp_path, taking.endpoint, **sampler) as server:
        for traceparent in sent.values():
            client.post(server.infer_url, json=body(), headers={"traceparent": traceparent} if traceparent else {})
        assert server.stop() == 0
    assert len(taking.requests()) == len(wanted)
    assert [span.parent for span in taking.requests()].count(PARENT) == wanted.count("sampled")


def test_the_access_log_names_the_trace(tmp_path: Path, client: httpx.Client) -> None:
    with collector() as taking, (tmp_path / "log").open("wb") as stdout:
        saved = models.save(models.lookup(), tmp_path)
        sampler = {ENDPOINT: taking.endpoint, "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
        with started(saved, "--access-log", stdout=stdout.fileno(), **sampler) as server:
            server.wait_until_it_serves()
            for traceparent in (SAMPLED, UNSAMPLED):
                client.post(server.infer_url, json=body(), headers={"traceparent": traceparent})
            client.post(server.infer_url, json=body())
            assert server.stop() == 0
    said = [json.loads(line).get("trace_id") for line in (tmp_path / "log").read_text().splitlines()]
    assert said == [TRACE, TRACE, None], "its caller knows of the second, nobody of the third"


def test_the_environment_names_the_service(tmp_path: Path, client: httpx.Client) -> None:
    named = {
        "OTEL_SERVICE_NAME": "fraud",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    with collector() as taking, traced(tmp_path, taking.endpoint, **named) as server:
        client.post(server.infer_url, json=body())
        assert server.stop() == 0
    (span,) = taking.requests()
    assert span.resource["service.name"] == "fraud"
    assert span.resource["deployment.environment.name"] == "prod"


async def test_spans_come_while_it_serves_and_all_of_them_by_the_end(tmp_path: Path) -> None:
    with collector() as taking, traced(tmp_path, taking.endpoint, OTEL_BSP_SCHEDULE_DELAY="50") as server:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            while not taking.requests():
                await client.post(server.infer_url, json=body())
            sent = await asyncio.gather(*(client.post(server.infer_url, json=body()) for _ in range(200)))
        assert {answer.status_code for answer in sent} == {200}
        counted = server.metric("leadsman_serving_requests_total", code="200")
        assert await asyncio.to_thread(server.stop) == 0
    assert len(taking.requests()) == counted
    assert all(taking.parts(span).keys() == {"queue", "compute"} for span in taking.requests()[-5:])


def test_a_collector_that_is_down_is_said_and_harms_nobody(tmp_path: Path, client: httpx.Client) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with traced(tmp_path, endpoint, OTEL_BSP_SCHEDULE_DELAY="10") as server:
            assert {client.post(server.infer_url, json=body()).status_code for _ in range(600)} == {200}
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 15
    said = server.log[1:]
    assert said[0].startswith("tracing: Transient error")
    assert len(said) <= 4, "now and then a line, and no stack trace"


def test_a_collector_that_never_answers_does_not_hold_up_the_end(tmp_path: Path, client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with traced(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}") as server:
            client.post(server.infer_url, json=body()).raise_for_status()
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 9
        assert any("the last spans are lost: the collector did not take them within 5 s" in line for line in server.log)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        pytest.param({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100000"}, "no tracing: ", id="what cannot be"),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "tracing: spans are sent as http/protobuf; grpc, as the environment asks, is not spoken here",
            id="another protocol",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization: Bearer s3cret"},
            "tracing: a part of OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_TRACES_HEADERS is left out, as it is",
            id="a header with a colon, whose token nobody is to read",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "authorization=Bearer%0As3cret"},
            "tracing: Failed to export spans batch code: None, reason: Invalid leading whitespace, reserved",
            id="a header that cannot be sent, whose token nobody is to read",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://user:s3cret@/v1/traces?key=s3cret"},
            "tracing: Failed to export spans batch code: None, reason: Invalid URL 'http://***:***@/v1/traces?key=***'",
            id="an address without a host, whose password nobody is to read",
        ),
    ],
)
def test_an_environment_that_asks_for_too_much_is_told_so_and_the_model_served(
    environment: dict[str, str], sentence: str, tmp_path: Path, client: httpx.Client
) -> None:
    with collector() as taking, traced(tmp_path, taking.endpoint, **environment) as server:
        assert client.post(server.infer_url, json=body()).status_code == 200
        assert server.stop() == 0
    assert any(line.startswith(sentence) for line in server.log), server.log
    assert "s3cret" not in "".join(server.log)
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318/v1/metrics"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "True"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "false"}, True),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({ENDPOINT: "http://c:4318", "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_whether_it_is_on(environment: dict[str, str], wanted: bool) -> None:
    assert is_traced(environment) is wanted


def test_what_is_off_is_not_even_imported() -> None:
    code = "import sys, leadsman_serving.server; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
