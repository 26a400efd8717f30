"""gRPC from start to exit: health, draining, and that its requests are counted as those of HTTP are."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from leadsman_serving.admission import Admission, Ticket
from leadsman_serving.answers import Answers
from leadsman_serving.attendant import Attendant
from leadsman_serving.history import History
from leadsman_serving.metrics import ServingMetrics
from leadsman_serving.open_inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelReadyRequest,
    ServerLiveRequest,
    ServerReadyRequest,
)
from leadsman_serving.signature import Signature
from serving import models
from serving.clock import Clock
from serving.grpc_client import SERVICE, connected
from serving.process import ServerProcess, serving, started

ROOT = Path(__file__).parents[2]
CLIENTS = 8
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


def look_up(*indices: int) -> Any:
    contents = InferTensorContents(int64_contents=indices)
    tensor = ModelInferRequest.InferInputTensor(name="x", datatype="INT64", shape=[len(indices)], contents=contents)
    return ModelInferRequest(model_name="m", inputs=[tensor])


def spin(turns: int) -> Any:
    contents = InferTensorContents(int64_contents=[turns])
    tensor = ModelInferRequest.InferInputTensor(name="turns", datatype="INT64", contents=contents)
    return ModelInferRequest(model_name="m", inputs=[tensor])


def test_the_generated_code_is_that_of_the_proto(tmp_path: Path) -> None:
    subprocess.run(
        [str(ROOT / "hack" / "proto.sh"), str(tmp_path)], check=True, env=os.environ | {"PYTHON": sys.executable}
    )
    for file in ("open_inference_pb2.py", "open_inference_pb2.pyi"):
        committed = ROOT / "serving-image" / "src" / "leadsman_serving" / file
        assert (tmp_path / file).read_text() == committed.read_text(), "run hack/proto.sh"


def test_requests_are_counted_as_those_of_http_are(lookup_server: ServerProcess, client: httpx.Client) -> None:
    server = lookup_server
    assert client.get(server.answers_url).json()["answers"] == [], "this starts recording"
    with connected(server) as rpc:
        for number in range(5):
            assert rpc.infer(look_up(1), x_request_id=f"id-{number}").outputs[0].contents.fp32_contents == [2.5]
        for wrong, code in ((look_up(99), "INTERNAL"), (spin(1), "INVALID_ARGUMENT")):
            with pytest.raises(grpc.RpcError) as caught:
                rpc.infer(wrong)
            assert caught.value.code().name == code
        rpc.call("ModelReady", ModelReadyRequest(name="m"))
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}
    assert client.post(server.infer_url, json={"inputs": [tensor]}, headers={"x-request-id": "h"}).status_code == 200

    assert {code: server.metric("leadsman_serving_requests_total", code=code) for code in ("200", "400", "500")} == {
        **{"200": 6, "400": 1, "500": 1}
    }
    assert server.metric("leadsman_serving_request_duration_seconds_count") == 6
    assert server.metric("leadsman_serving_in_flight") == 0
    ticks = client.get(server.history_url).json()["ticks"]
    assert (sum(tick[1] for tick in ticks), sum(tick[2] for tick in ticks)) == (8, 2)
    answers = client.get(server.answers_url).json()["answers"]
    assert [each["id"] for each in answers] == [*(f"id-{number}" for number in range(5)), "h"]
    assert answers[0]["outputs"] == answers[-1]["outputs"] == [{"name": "y", "shape": [1], "values": [2.5]}]


def test_predictions_are_counted(tmp_path: Path) -> None:
    with serving(models.save(models.through("INT64", ["N"]), tmp_path)) as server, connected(server) as rpc:
        rpc.infer(look_up(7, 7, 8))
        predictions = {label: server.metric("leadsman_serving_predictions_total", **{"class": label}) for label in "78"}
    assert predictions == {"7": 2, "8": 1}


async def test_a_client_that_gives_up_is_not_counted() -> None:
    admission, asked = Admission(1, 1), asyncio.Event()
    metrics = ServingMetrics("m", "v1", History(Clock()), admission)
    metrics.describe_model("rev-a", "sha256:0", Signature((), ()))

    async def work(_: Ticket) -> Any:
        asked.set()
        await asyncio.Event().wait()

    attended = asyncio.create_task(Attendant(admission, metrics, Answers(Clock())).attend(None, work))
    await asked.wait()
    assert admission.in_flight == 1
    attended.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attended
    assert admission.in_flight == 0
    (requests,) = (family for family in metrics.collect() if family.name == "leadsman_serving_requests")
    assert {sample.value for sample in requests.samples} == {0}


def test_health_and_what_is_watched_ends_with_the_server(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--drain-delay", "60") as server:
        with grpc.insecure_channel(server.grpc_address) as channel:
            health = HealthStub(channel)
            for service in ("", "m", SERVICE):
                assert health.Check(HealthCheckRequest(service=service)).status == SERVING
            with pytest.raises(grpc.RpcError) as caught:
                health.Check(HealthCheckRequest(service="n"))
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            watch = health.Watch(HealthCheckRequest(service="m"))
            assert next(watch).status == SERVING
            server.terminate()
            assert next(watch).status == NOT_SERVING
            assert health.Check(HealthCheckRequest()).status == NOT_SERVING
            server.process.send_signal(signal.SIGINT)  # do without the rest of the delay
            assert server.process.wait(10) == 0, "whoever watches does not keep the server"
        assert server.log[1:] == []


async def test_no_request_fails_under_load(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--drain-delay", "60") as server:
        drained, answered = asyncio.Event(), list[int]()
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            load = [asyncio.create_task(hammer(channel, drained, answered)) for _ in range(CLIENTS)]
            await answers(200, answered, load)
            server.terminate()
            while (await call(channel, "ServerReady", ServerReadyRequest())) != b"":  # false is not sent
                pass
            await answers(200, answered, load)
            drained.set()
            await asyncio.gather(*load)
        server.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(server.process.wait, 10) == 0
        assert server.log[1:] == []


async def test_no_request_fails_while_one_server_goes_and_another_takes_over(tmp_path: Path) -> None:
    """New connections get to the other one once this one is not ready, as with a Service of Kubernetes."""
    directory = models.save(models.lookup(), tmp_path)
    with serving(directory, "--drain-delay", "2") as going, serving(directory, "--drain-delay", "2") as staying:
        place = [going.grpc_address]
        async with passing_on(place) as address, grpc.aio.insecure_channel(address) as channel:
            drained, answered = asyncio.Event(), list[int]()
            load = [asyncio.create_task(hammer(channel, drained, answered)) for _ in range(CLIENTS)]
            await answers(200, answered, load)
            going.terminate()
            place[0] = staying.grpc_address
            assert await asyncio.to_thread(going.process.wait, 10) == 0
            await answers(200, answered, load)
            drained.set()
            await asyncio.gather(*load)
            assert going.log[1:] == []


@asynccontextmanager
async def passing_on(place: list[str]) -> AsyncIterator[str]:
    """Pass each connection on to the address in `place` at the time; gives its own address."""
    tasks = set[asyncio.Task[None]]()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(*place[0].split(":"))
        tasks.update({asyncio.create_task(copy(reader, there[1])), asyncio.create_task(copy(there[0], writer))})

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    yield "{}:{}".format(*server.sockets[0].getsockname())
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def answers(more: int, answered: list[int], load: list[asyncio.Task[None]]) -> None:
    wanted = len(answered) + more
    while len(answered) < wanted:
        done, _ = await asyncio.wait(load, timeout=0.01)
        assert not done, [task.exception() for task in done]


async def hammer(channel: Any, drained: asyncio.Event, answered: list[int]) -> None:
    while not drained.is_set():
        assert await call(channel, "ModelInfer", look_up(1))
        answered.append(1)


async def call(channel: Any, method: str, message: Any) -> bytes:
    response: bytes = await channel.unary_unary(f"/{SERVICE}/{method}")(message.SerializeToString(), timeout=30)
    return response


async def test_a_long_request_is_finished(tmp_path: Path) -> None:
    with serving(models.save(models.spin(), tmp_path)) as server:
        async with grpc.aio.insecure_channel(server.grpc_address) as channel:
            long = asyncio.create_task(call(channel, "ModelInfer", spin(1500)))
            while await asyncio.to_thread(server.metric, "leadsman_serving_in_flight") == 0:
                assert not long.done(), "the request was meant to take longer than a scrape"
            server.terminate()
            answer = ModelInferResponse.FromString(await long)
        assert answer.outputs[0].contents.fp32_contents == [200]
        assert await asyncio.to_thread(server.process.wait, 10) == 0


def test_while_it_loads_it_lives_but_is_not_ready(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")  # nobody writes to it: loading never ends
    with started(tmp_path) as server, connected(server) as rpc:
        grpc.channel_ready_future(rpc.channel).result(30)
        assert rpc.call("ServerLive", ServerLiveRequest()).live
        assert not rpc.call("ServerReady", ServerReadyRequest()).ready
        assert not rpc.call("ModelReady", ModelReadyRequest(name="m")).ready
        assert HealthStub(rpc.channel).Check(HealthCheckRequest()).status == NOT_SERVING
        for method, message in (("ModelInfer", look_up(1)), ("ModelMetadata", ModelMetadataRequest(name="m"))):
            with pytest.raises(grpc.RpcError) as caught:
                rpc.call(method, message)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert caught.value.details() == "model 'm' is still loading"
            assert ("x-leadsman-revision", "rev-a") in {(key, value) for key, value in caught.value.trailing_metadata()}
        server.terminate()
        assert server.process.wait(10) == 0
