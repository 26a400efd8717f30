"""Reading what serving pods remember: what the serving image writes, and whatever else a pod may answer."""

import httpx
import pytest

from leadsman.core.evidence import Minute
from leadsman.shell.history import parse_history, read_histories
from leadsman_serving.history import History
from support.objects import pod


def test_the_operator_reads_what_the_serving_image_writes() -> None:
    now = 1000 * 60.0
    history = History(lambda: now)
    assert parse_history(history.document()) == ()
    for minutes, failed in ((0, False), (0, True), (2, False)):
        now = (1000 + minutes) * 60.0
        history.count(failed=failed)
    assert parse_history(history.document()) == (Minute(1000, 2, 1), Minute(1002, 1, 0))


def test_a_whole_day_of_a_busy_pod_is_not_too_long() -> None:
    now = 29_000_000 * 60.0
    history = History(lambda: now)
    for minute in range(24 * 60 + 5):
        now = (29_000_000 + minute) * 60.0
        history.count(failed=True)
    assert len(parse_history(history.document())) == 24 * 60


UNFIT = {
    "no JSON": b"<html>",
    "a list": b"[]",
    "other ticks": b'{"seconds": 10, "ticks": []}',
    "no ticks": b'{"seconds": 60}',
    "a tick too short": b'{"seconds": 60, "ticks": [[1, 2]]}',
    "a tick too long": b'{"seconds": 60, "ticks": [[1, 2, 0, 4]]}',
    "half a request": b'{"seconds": 60, "ticks": [[1, 2.5, 0]]}',
    "a number as text": b'{"seconds": 60, "ticks": [[1, "2", 0]]}',
    "less than no errors": b'{"seconds": 60, "ticks": [[1, 2, -1]]}',
    "more errors than requests": b'{"seconds": 60, "ticks": [[1, 2, 3]]}',
    "a number that JSON cannot hold": b'{"seconds": 60, "ticks": [[1, 1000000000000000000, 0]]}',
    "more minutes than a day has": b'{"seconds": 60, "ticks": [%s]}' % b",".join([b"[1,1,0]"] * 1442),
}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_unfit_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^/history: "):
        parse_history(body)


async def test_pods_without_a_history_are_left_out() -> None:
    answers = {
        "10.0.0.1": httpx.Response(200, content=b'{"seconds": 60, "ticks": [[7, 2, 1]]}'),
        "10.0.0.2": httpx.Response(404),
        "10.0.0.3": httpx.Response(200, content=UNFIT["a list"]),
        "10.0.0.4": httpx.Response(200, content=b" " * 300_000),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/history"
        return answers[request.url.host]

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        pods = [pod("a", number, ip=ip) for number, ip in enumerate(answers)]
        assert await read_histories(http, [*pods, pod("a", 9, ip="")]) == [(Minute(7, 2, 1),)]
