"""A look costs one round trip, whatever it reads."""

import asyncio
import json

import httpx

from leadsman.core.queries import Query
from leadsman.core.soundings import Soundings, Wanted
from leadsman.shell.prometheus import PrometheusServer
from leadsman.shell.soundings import take_soundings
from support.objects import pods

WANTED = Wanted(
    counters=pods(a=2, b=2),
    histories=pods(a=2),
    answers=[(pod, 0) for pod in pods(a=2, b=2)],
    queries=[Query("revenue", "up", "payments/fraud"), Query("cost", "up", "payments/fraud")],
)
BODIES = {
    "/metrics": "process_start_time_seconds 1.7e9\n"
    'leadsman_serving_requests_total{code="200"} 3\n'
    'leadsman_serving_request_duration_seconds_bucket{le="+Inf"} 3\n',
    "/history": json.dumps({"seconds": 60, "ticks": [[1, 2, 0]]}),
    "/answers": json.dumps({"now": 1.0, "last": 0, "answers": []}),
    "/api/v1/query": json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1795244233.9, "1"]}}),
}


async def sound(answer: httpx.MockTransport) -> Soundings:
    async with httpx.AsyncClient(transport=answer) as http:
        return await take_soundings(http, PrometheusServer("http://prometheus"), WANTED)


async def test_all_is_read_at_once() -> None:
    # Nobody is answered before everybody has been asked.
    everybody = asyncio.Barrier(4 + 2 + 4 + 2)

    async def answer(request: httpx.Request) -> httpx.Response:
        await everybody.wait()
        return httpx.Response(200, text=BODIES[request.url.path])

    found = await asyncio.wait_for(sound(httpx.MockTransport(answer)), 10)
    assert len(found.samples) == 4
    assert len(found.histories) == 2
    assert sorted(found.answers) == ["a-0", "a-1", "b-0", "b-1"]
    assert [reading.value for reading in found.readings] == [1.0, 1.0]


async def test_whatever_comes_back_nothing_is_raised() -> None:
    for response in (httpx.Response(500), httpx.Response(200), httpx.Response(200, content=b"\xff{]\x00")):
        found = await sound(httpx.MockTransport(lambda _, response=response: response))
        assert (found.samples, found.histories, found.answers) == ([], [], {})
        assert [reading.value for reading in found.readings] == [None, None]
