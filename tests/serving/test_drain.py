"""SIGTERM: not ready at once, yet no request is refused or lost until the process is gone."""

import asyncio
import os
import signal
import time
from pathlib import Path

import httpx

from serving import models
from serving.process import ServerProcess, serving, started

BODY = {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}]}
CLIENTS = 8


async def test_no_request_fails_under_load(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--drain-delay", "60") as server:
        drained, statuses = asyncio.Event(), list[int]()
        async with httpx.AsyncClient(trust_env=False) as client:
            load = [asyncio.create_task(hammer(client, server, drained, statuses)) for _ in range(CLIENTS)]
            await answers(200, statuses, load)
            server.terminate()
            await until_unready(client, server)
            # A load balancer takes a moment to notice: everything sent in it must still be answered.
            await answers(200, statuses, load)
            drained.set()
            await asyncio.gather(*load)
        assert set(statuses) == {200}
        server.process.send_signal(signal.SIGINT)  # do without the rest of the delay
        assert await asyncio.to_thread(server.process.wait, 10) == 0
        assert server.log[1:] == []


async def answers(more: int, statuses: list[int], load: list[asyncio.Task[None]]) -> None:
    wanted = len(statuses) + more
    while len(statuses) < wanted:
        done, _ = await asyncio.wait(load, timeout=0.01)
        assert not done, [task.exception() for task in done]


async def hammer(client: httpx.AsyncClient, server: ServerProcess, drained: asyncio.Event, statuses: list[int]) -> None:
    while not drained.is_set():
        statuses.append((await client.post(server.infer_url, json=BODY)).status_code)


async def until_unready(client: httpx.AsyncClient, server: ServerProcess) -> None:
    while True:
        response = await client.get(f"{server.url}/v2/health/ready")
        if response.status_code == 503:
            assert response.json() == {"ready": False}
            assert response.headers["connection"] == "close"
            return
        assert response.status_code == 200


async def test_the_delay_ends_by_itself(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--drain-delay", "0.3") as server:
        sent = time.monotonic()
        server.terminate()
        assert await asyncio.to_thread(server.process.wait, 10) == 0
        assert time.monotonic() - sent >= 0.3


async def test_a_long_request_is_finished_and_scraped_meanwhile(tmp_path: Path) -> None:
    body = {"inputs": [{"name": "turns", "datatype": "INT64", "shape": [], "data": [1500]}]}
    with serving(models.save(models.spin(), tmp_path)) as server:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            long = asyncio.create_task(client.post(server.infer_url, json=body))
            while await asyncio.to_thread(server.metric, "leadsman_serving_in_flight") == 0:
                assert not long.done(), "the request was meant to take longer than a scrape"
            server.terminate()
            response = await long
        assert response.status_code == 200, response.text
        assert response.json()["outputs"][0]["data"] == [200.0]
        assert await asyncio.to_thread(server.process.wait, 10) == 0


async def test_while_it_loads_it_lives_but_is_not_ready_and_can_be_stopped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")  # nobody writes to it: loading never ends
    with started(tmp_path) as server:
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await lives(client, server):
                assert server.process.poll() is None, server.log
                await asyncio.sleep(0.02)  # nothing announces that the port is open
            assert (await client.get(f"{server.url}/v2/health/ready")).status_code == 503
            assert (await client.get(f"{server.url}/v2/models/m/ready")).status_code == 503
            response = await client.post(server.infer_url, json=BODY)
            assert (response.status_code, response.json()) == (503, {"error": "model 'm' is still loading"})
            assert response.headers["x-leadsman-revision"] == "rev-a"
        server.terminate()
        assert await asyncio.to_thread(server.process.wait, 10) == 0


async def lives(client: httpx.AsyncClient, server: ServerProcess) -> bool:
    try:
        return (await client.get(f"{server.url}/v2/health/live")).status_code == 200
    except httpx.ConnectError:
        return False
