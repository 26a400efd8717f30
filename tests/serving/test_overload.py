"""Too much at once, and too slow: who has to be refused is told soon, and the server is as well as before."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from leadsman_serving import open_inference_pb2 as oip
from serving import models
from serving.grpc_client import Client, connected
from serving.process import ServerProcess, serving

REQUESTS, IN_FLIGHT = "leadsman_serving_requests_total", "leadsman_serving_in_flight"
FOR_EVER = 10_000_000


def turns(count: int) -> dict[str, Any]:
    return {"inputs": [{"name": "turns", "datatype": "INT64", "shape": [], "data": [count]}]}


def grpc_turns(count: int) -> Any:
    message = oip.ModelInferRequest(model_name="m")
    message.inputs.add(name="turns", datatype="INT64", shape=[]).contents.int64_contents.append(count)
    return message


async def test_what_takes_too_long_is_answered_504_and_stops(tmp_path: Path) -> None:
    with serving(models.save(models.spin(), tmp_path), "--timeout", "0.5") as server:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            late = await asyncio.gather(*(client.post(server.infer_url, json=turns(FOR_EVER)) for _ in range(2)))
            for response in late:
                assert response.status_code == 504
                assert response.json() == {"error": "the model had no answer within the 0.5 s that it had"}
            # The one thread that computes has been freed, or this would wait for ever too.
            response = await client.post(server.infer_url, json=turns(1))
            assert (response.status_code, response.json()["outputs"][0]["data"]) == (200, [200.0])
        with connected(server) as rpc:
            error = await asyncio.to_thread(failure, rpc, FOR_EVER)
            assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert error.details() == "the model had no answer within the 0.5 s that it had"
        assert server.metric(REQUESTS, code="504") == 3
        assert server.metric(IN_FLIGHT) == 0


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """Answers at most two requests at once."""
    with serving(models.save(models.spin(), tmp_path), "--max-in-flight", "2", "--timeout", "300") as server:
        yield server


@contextmanager
def kept_busy(server: ServerProcess, rpc: Client) -> Iterator[None]:
    """Have the server answer as many requests as it does at once, until their clients give up."""
    method = rpc.method("ModelInfer", oip.ModelInferResponse)
    calls = [method.future(grpc_turns(FOR_EVER), timeout=300) for _ in range(2)]
    until_in_flight(server, 2)
    yield
    for call in calls:
        call.cancel()
    until_in_flight(server, 0)


def until_in_flight(server: ServerProcess, count: int) -> None:
    deadline = time.monotonic() + 30
    while server.metric(IN_FLIGHT) != count:  # each scrape takes its time, and nothing announces it
        assert time.monotonic() < deadline, f"there should be {count} requests in the server by now"


def test_beyond_the_limit_429_at_once_and_when_to_come_back(small_server: ServerProcess) -> None:
    with connected(small_server) as rpc, httpx.Client(trust_env=False, timeout=60) as client:
        with kept_busy(small_server, rpc):
            refused = client.post(small_server.infer_url, json=turns(1))
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error"].startswith("the server is overloaded: 2 requests are being answered")
            large = client.post(small_server.infer_url, content=b"x" * 3_000_000)
            assert large.status_code == 429, "a client that still sends gets its answer too"
            assert client.get(f"{small_server.url}/v2/health/ready").status_code == 200, "it is busy, not broken"

            error = failure(rpc, 1)
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert error.details().startswith("the server is overloaded")
            assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"
        assert client.post(small_server.infer_url, json=turns(1)).status_code == 200
    assert small_server.metric(REQUESTS, code="429") == 3


def failure(rpc: Client, count: int, timeout: float = 60) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        rpc.method("ModelInfer", oip.ModelInferResponse)(grpc_turns(count), timeout=timeout)
    return caught.value


@pytest.fixture
def patient_server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serving(models.save(models.spin(), tmp_path), "--timeout", "300") as server:
        yield server


async def test_nothing_is_computed_for_a_client_that_has_stopped_waiting(patient_server: ServerProcess) -> None:
    with connected(patient_server) as rpc:
        error = await asyncio.to_thread(failure, rpc, FOR_EVER, 0.3)
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert await asyncio.to_thread(rpc.infer, grpc_turns(1)), "the thread that computes is free again"


async def test_the_gateways_patience_counts(patient_server: ServerProcess) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        headers = {"x-envoy-expected-rq-timeout-ms": "300"}
        response = await client.post(patient_server.infer_url, json=turns(FOR_EVER), headers=headers)
        assert response.status_code == 504
        assert "within the 0.3 s" in response.json()["error"]
        for nonsense in ("soon", "-1", "1e3", "9" * 40):
            headers = {"x-envoy-expected-rq-timeout-ms": nonsense}
            response = await client.post(patient_server.infer_url, json=turns(1), headers=headers)
            assert response.status_code == 200, nonsense
