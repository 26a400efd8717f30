"""The access log: a line of JSON for every infer request, whole, complete, and without what was asked or answered."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from leadsman_serving import open_inference_pb2 as oip
from leadsman_serving.account import Account, Call, Served
from leadsman_serving.reports import Reports
from serving import models
from serving.clock import wall_clock
from serving.grpc_client import connected
from serving.process import ServerProcess, started

SECRET = 12345.5
ASKED = {"inputs": [{"name": name, "datatype": "FP32", "shape": [1, 3], "data": [SECRET] * 3} for name in "ab"]}
BODY = json.dumps(ASKED).encode()
ALWAYS = {"time", "protocol", "model", "version", "revision", "code", "ms"}
OF_AN_ANSWER = {"queued_ms", "computed_ms", "batch_size", "bytes_in", "bytes_out"}


@dataclass
class Logged:
    """A server, and the file that its standard output is."""

    server: ServerProcess
    file: Path

    def lines(self) -> list[dict[str, Any]]:
        """What is in the log when the server has ended."""
        self.server.stop()
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@contextmanager
def logging_server(directory: Path, *options: str, model: Any = None, **more: str) -> Iterator[Logged]:
    saved = models.save(models.total() if model is None else model, directory)
    with (
        (directory / "log").open("wb") as stdout,
        started(saved, "--access-log", *options, stdout=stdout.fileno(), **more) as server,
    ):
        server.wait_until_it_serves()
        yield Logged(server, directory / "log")


def typed(name: str) -> oip.ModelInferRequest.InferInputTensor:
    contents = oip.InferTensorContents(fp32_contents=[SECRET] * 3)
    return oip.ModelInferRequest.InferInputTensor(name=name, datatype="FP32", shape=[1, 3], contents=contents)


def message(model: str = "m") -> oip.ModelInferRequest:
    return oip.ModelInferRequest(model_name=model, inputs=[typed("a"), typed("b")])


def test_every_infer_request_is_a_line_and_nothing_else_is(tmp_path: Path, client: httpx.Client) -> None:
    before = wall_clock()
    with logging_server(tmp_path) as logged:
        server = logged.server
        answer = client.post(server.infer_url, content=BODY, headers={"x-request-id": "one"})
        client.post(server.infer_url, content=b"{", headers={"x-request-id": "two"})
        client.post(f"{server.url}/v2/models/other/infer", content=BODY)
        client.post(server.feedback_url, json={"feedback": [{"revision": "rev-a", "correct": True}]})
        client.get(f"{server.url}/v2/models/m")
        with connected(server) as channel:
            answered = channel.infer(message(), x_request_id="three")
            with pytest.raises(grpc.RpcError):
                channel.infer(message("other"))
        said = logged.lines()
    assert [(one["protocol"], one["code"], one.get("request_id")) for one in said] == [
        ("http", 200, "one"),
        ("http", 400, "two"),
        ("http", 404, None),
        ("grpc", 200, "three"),
        ("grpc", 404, None),
    ]
    assert all({one["model"], one["version"], one["revision"]} == {"m", "v1", "rev-a"} for one in said)
    good, bad, lost, by_grpc, lost_by_grpc = said
    assert good.keys() == by_grpc.keys() == ALWAYS | OF_AN_ANSWER | {"request_id"}
    assert lost.keys() == lost_by_grpc.keys() == ALWAYS | {"bytes_in"}
    assert (good["bytes_in"], good["bytes_out"], good["batch_size"]) == (len(BODY), len(answer.content), 1)
    assert (by_grpc["bytes_in"], by_grpc["bytes_out"]) == (message().ByteSize(), answered.ByteSize())
    assert bad["bytes_in"] == 1
    assert 0 < good["computed_ms"] <= good["ms"] < 1000 * (wall_clock() - before)
    for one in said:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
        assert before - 0.001 <= datetime.fromisoformat(one["time"]).timestamp() <= wall_clock()
    assert str(SECRET) not in logged.file.read_text()
    assert str(2 * SECRET) not in logged.file.read_text(), "nor what was answered"


def test_without_the_option_nothing_is_written(tmp_path: Path, client: httpx.Client) -> None:
    saved = models.save(models.total(), tmp_path)
    with (tmp_path / "log").open("wb") as stdout, started(saved, stdout=stdout.fileno()) as server:
        server.wait_until_it_serves()
        client.post(server.infer_url, content=BODY).raise_for_status()
        server.stop()
    assert (tmp_path / "log").read_bytes() == b""


def test_the_environment_asks_for_it_too(tmp_path: Path, client: httpx.Client) -> None:
    saved = models.save(models.total(), tmp_path)
    with (
        (tmp_path / "log").open("wb") as stdout,
        started(saved, stdout=stdout.fileno(), LEADSMAN_ACCESS_LOG="true") as server,
    ):
        server.wait_until_it_serves()
        client.post(server.infer_url, content=BODY).raise_for_status()
        server.stop()
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_what_clients_say_cannot_break_a_line(tmp_path: Path, client: httpx.Client) -> None:
    with logging_server(tmp_path) as logged:
        for request_id in (b'"}', "\u00e9\u2028".encode(), b"x" * 4000, b"\xff\xfe", b""):
            client.post(logged.server.infer_url, content=BODY, headers={b"x-request-id": request_id})
        said = logged.lines()
    assert len(said) == 5
    assert said[0]["request_id"] == '"}'
    assert said[2]["request_id"] == "x" * 128
    assert "request_id" not in said[4]


async def test_it_is_complete_at_the_end(tmp_path: Path) -> None:
    with logging_server(tmp_path) as logged:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            waves = [client.post(logged.server.infer_url, content=BODY) for _ in range(300)]
            answers = await asyncio.gather(*waves)
        assert {answer.status_code for answer in answers} == {200}
        said = await asyncio.to_thread(logged.lines)
    assert len(said) == 300


def test_requests_while_it_loads_are_in_it_though_it_never_serves(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    os.mkfifo(tmp_path / "model" / "model.onnx")
    with (
        (tmp_path / "log").open("wb") as stdout,
        started(tmp_path / "model", "--access-log", stdout=stdout.fileno()) as server,
    ):
        # Opening it waits until somebody reads it, which is when all listen.
        with (tmp_path / "model" / "model.onnx").open("wb") as model:
            with httpx.Client(transport=httpx.HTTPTransport(retries=5), trust_env=False) as patient:
                assert patient.post(server.infer_url, content=BODY).status_code == 503
            model.write(b"no model")
        assert server.process.wait(20) == 65
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line)["code"] == 503


def test_a_reader_that_takes_nothing_holds_up_nobody(tmp_path: Path, client: httpx.Client) -> None:
    read_end, write_end = os.pipe()
    saved = models.save(models.total(), tmp_path)
    try:
        with started(saved, "--access-log", stdout=write_end) as server:
            server.wait_until_it_serves()
            os.close(write_end)
            statuses = {client.post(server.infer_url, content=BODY).status_code for _ in range(600)}
            assert statuses == {200}, "more lines than a pipe takes"
            assert server.stop() == 0
            assert any("the end of the access log is lost" in line for line in server.log)
    finally:
        os.close(read_end)


def test_a_report_that_fails_is_nobodys_failure(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def write(self, _: object) -> None:
            raise RuntimeError("a bug")

    told = Reports(Served("m", "v1", None), Broken(), None, wall_clock)  # type: ignore[arg-type]
    told.tell(Account(Call("http", "/v2/models/m/infer", {}.get), None, 1.0, 2.0, None))
    assert caplog.messages == ["a request was not reported: RuntimeError('a bug')"]


def test_a_reader_that_is_gone_is_said_once(tmp_path: Path, client: httpx.Client) -> None:
    read_end, write_end = os.pipe()
    saved = models.save(models.total(), tmp_path)
    with started(saved, "--access-log", stdout=write_end) as server:
        server.wait_until_it_serves()
        os.close(write_end)
        os.close(read_end)
        for _ in range(200):
            client.post(server.infer_url, content=BODY).raise_for_status()
        assert server.stop() == 0
    assert sum("lines of the access log are lost: Broken pipe" in line for line in server.log) == 1
