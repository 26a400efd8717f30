"""Requests that come together share runs of the model, and nobody gets another answer for it."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvloop

from leadsman_serving.batch import Ran
from leadsman_serving.calibration import Calibration
from leadsman_serving.errors import ServingError
from leadsman_serving.model import OnnxModel, Stop
from leadsman_serving.rows import Feed
from leadsman_serving.runner import Limits, Runner
from leadsman_serving.session import load
from leadsman_serving.tensors import Array
from serving import models
from serving.process import ServerProcess, serving

SHARES = Calibration(elements=1, seconds=0.0001, rows=8, batch_seconds=0.0002)
SLOW = replace(SHARES, seconds=0.01, batch_seconds=0.02)
BATCH, ANSWERED = "leadsman_serving_batch_size_count", "leadsman_serving_request_duration_seconds_count"


class Company:
    """Asks a runner of models.dense(8), with `coming` requests in the server; `runs` is how many each run answered."""

    def __init__(self, model: OnnxModel, limits: Limits) -> None:
        self.runs: list[int] = []
        self.coming = 0
        self.pool = ThreadPoolExecutor(1)
        self._runner = Runner(model, self.pool, limits, lambda: self.coming, lambda count, _: self.runs.append(count))

    async def ask(self, *indexes: int, seconds: float = 30) -> Ran:
        return await self.ask_for(np.array(indexes, np.int64), seconds)

    async def ask_for(self, x: Array, seconds: float = 30) -> Ran:
        return await self._runner.run({"x": x}, ("z",), seconds)

    async def ask_all(self, requests: Sequence[Sequence[int]]) -> list[Ran | BaseException]:
        self.coming = len(requests)
        return await asyncio.gather(*(self.ask(*indexes) for indexes in requests), return_exceptions=True)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> OnnxModel:
    return load(models.save(models.dense(8), tmp_path_factory.mktemp("dense")), 1)


@pytest.fixture(params=["on the loop", "on a thread"])
async def company(request: pytest.FixtureRequest, dense: OnnxModel) -> Company:
    dense.calibration = SHARES if request.param == "on the loop" else SLOW
    return Company(dense, Limits(1, 1 << 20, 0.0))


def alone(model: OnnxModel, *indexes: int) -> Any:
    return model.run({"x": np.array(indexes, np.int64)}, ["z"])[0]


async def test_requests_that_come_together_share_runs_and_get_their_own_answers(
    company: Company, dense: OnnxModel
) -> None:
    requests = [(0,), (1, 2), (2,), (0, 0, 1), (1,), (2, 1)]
    answers = await company.ask_all(requests)
    assert max(company.runs) > 1
    assert sum(company.runs) == len(requests)
    for indexes, ran in zip(requests, answers, strict=True):
        assert isinstance(ran, Ran)
        np.testing.assert_allclose(ran.arrays[0], alone(dense, *indexes), rtol=1e-5)
        assert ran.queued >= 0
        assert ran.computed > 0
        assert ran.requests in company.runs


async def test_what_is_wrong_with_one_request_fails_no_other(company: Company) -> None:
    answers = await company.ask_all([(0,), (99,), (1,), (-7,), (2,)])
    failed = [index for index, answer in enumerate(answers) if isinstance(answer, ServingError)]
    assert failed == [1, 3]
    assert "idx=99" in str(answers[1])
    assert "idx=-7" in str(answers[3])
    assert sum(company.runs) == len(answers)
    assert 0 in company.runs, "those that failed for several answered none"


async def test_a_lone_request_that_fails_is_a_run_too(company: Company) -> None:
    with pytest.raises(ServingError, match="idx=99"):
        await company.ask(99)
    assert company.runs == [1]


async def test_one_bad_request_costs_few_runs(company: Company) -> None:
    answers = await company.ask_all([(0,), (1,), (2,), (99,), (0,), (1,), (2,), (0,)])
    assert [index for index, answer in enumerate(answers) if isinstance(answer, ServingError)] == [3]
    assert sorted(company.runs) == [0, 0, 0, 1, 1, 2, 4]


async def test_a_long_run_does_not_keep_quick_ones_waiting(dense: OnnxModel) -> None:
    dense.calibration = SHARES
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    company.coming = 5
    release = threading.Event()
    company.pool.submit(release.wait)
    long = [asyncio.create_task(company.ask(*[0] * 1000)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    quick = await asyncio.gather(*(company.ask(index) for index in range(3)))
    assert [ran.requests for ran in quick] == [3, 3, 3]
    assert not any(task.done() for task in long), "one is on the thread, the other waits for it"
    release.set()
    assert [ran.requests for ran in await asyncio.gather(*long)] == [1, 1]


async def test_a_lone_request_is_run_at_once(dense: OnnxModel) -> None:
    dense.calibration = SHARES
    company = Company(dense, Limits(1, 1 << 20, batch_delay=1.0))
    (ran,) = await company.ask_all([(1,)])
    assert isinstance(ran, Ran)
    assert (ran.queued, ran.requests) == (0, 1)


async def test_with_a_delay_a_run_waits_for_those_that_are_being_received(dense: OnnxModel) -> None:
    dense.calibration = SHARES
    company = Company(dense, Limits(1, 1 << 20, batch_delay=30.0))
    company.coming = 3
    first, second = asyncio.create_task(company.ask(0)), asyncio.create_task(company.ask(1))
    done, _ = await asyncio.wait([first, second], timeout=0.05)
    assert not done, "the third is on its way"
    third = await company.ask(2)
    assert (third.requests, company.runs) == (3, [3])
    await asyncio.gather(first, second)


async def test_but_no_longer_than_the_delay(dense: OnnxModel) -> None:
    dense.calibration = SHARES
    company = Company(dense, Limits(1, 1 << 20, batch_delay=0.05))
    company.coming = 3
    ran, other = await asyncio.gather(company.ask(0), company.ask(1))
    assert (ran.requests, other.requests) == (2, 2)
    assert ran.queued >= 0.05


def test_the_servers_loop_has_a_coarse_clock_of_its_own(dense: OnnxModel) -> None:
    dense.calibration = SHARES

    async def two_of_three() -> tuple[Ran, Ran]:
        company = Company(dense, Limits(1, 1 << 20, batch_delay=0.0014))
        company.coming = 3
        return await asyncio.wait_for(asyncio.gather(company.ask(0), company.ask(1)), 10)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for _ in range(20):
            ran, _ = runner.run(two_of_three())
            assert ran.queued >= 0.0014
            assert 0 < ran.computed < 1


async def test_while_a_run_is_on_the_next_one_gathers(dense: OnnxModel) -> None:
    dense.calibration = SLOW
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    answers = await company.ask_all([(0,)] * 20)
    assert company.runs == [8, 8, 4]
    assert {ran.requests for ran in answers if isinstance(ran, Ran)} == {8, 4}


async def test_and_so_do_quick_ones_when_a_batch_is_not(dense: OnnxModel) -> None:
    dense.calibration = replace(SHARES, seconds=0.001, batch_seconds=0.004)
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    await company.ask_all([(0,)] * 20)
    assert company.runs[:2] == [8, 8]
    assert sum(company.runs) == 20


async def test_a_model_whose_rows_are_not_independent_is_run_one_by_one(dense: OnnxModel) -> None:
    dense.calibration = Calibration(elements=1, seconds=0.0001, rows=1, batch_seconds=0.0001)
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    await company.ask_all([(0,), (1,)])
    assert company.runs == [1, 1]


async def test_who_gives_up_while_waiting_is_not_computed(dense: OnnxModel) -> None:
    dense.calibration = replace(SLOW, rows=1)
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    first, second, third = (asyncio.create_task(company.ask(index)) for index in range(3))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(first, third)
    assert company.runs == [1, 1]


@pytest.mark.parametrize("gives_up", [True, False], ids=["its client leaves", "its time is over"])
async def test_what_nobody_waits_for_is_not_kept(dense: OnnxModel, gives_up: bool) -> None:
    dense.calibration = replace(SLOW, rows=1)
    company = Company(dense, Limits(1, 1 << 20, 0.0))
    release = threading.Event()
    company.pool.submit(release.wait)
    first = asyncio.create_task(company.ask(0))
    await asyncio.sleep(0)
    array = np.array([1], np.int64)
    body = weakref.ref(array)
    second = asyncio.create_task(company.ask_for(array, 30 if gives_up else 0.01))
    del array
    await asyncio.sleep(0)
    if gives_up:
        second.cancel()
    await asyncio.wait([second])
    assert second.cancelled() is gives_up
    assert gives_up or isinstance(second.exception(), ServingError)
    del second
    gc.collect()
    assert body() is None
    release.set()
    await first


class Stubborn(OnnxModel):
    """Notices only when it is done that it was told to stop, as a model does that is one long operator."""

    def __init__(self, model: OnnxModel) -> None:
        super().__init__(model._session, model.signature, model.digest)
        self.calibration = SHARES
        self.threads: list[str] = []

    def run(self, feed: Feed, outputs: Sequence[str], stop: Stop | None = None) -> list[Array]:
        self.threads.append(threading.current_thread().name)
        while stop is not None and not stop.stopped and len(self.threads) == 1:
            pass
        return super().run(feed, outputs)


@pytest.mark.parametrize("requests", [1, 3])
async def test_a_run_that_was_too_long_to_be_stopped_is_an_answer_and_a_lesson(dense: OnnxModel, requests: int) -> None:
    model = Stubborn(dense)
    company = Company(model, Limits(1, 1 << 20, 0.0))
    answers = await company.ask_all([(1,)] * requests)
    for ran in answers:
        assert isinstance(ran, Ran)
        np.testing.assert_allclose(ran.arrays[0], alone(dense, 1), rtol=1e-5)
    assert company.runs == [requests], "it is not computed again"
    await company.ask_all([(1,)])
    loop, pool = model.threads
    assert loop == threading.current_thread().name
    assert pool != loop


@pytest.fixture(scope="module")
def dense_server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with serving(models.save(models.dense(), tmp_path_factory.mktemp("dense-server"))) as server:
        yield server


def picks(*indexes: int) -> dict[str, Any]:
    return {"inputs": [{"name": "x", "datatype": "INT64", "shape": [len(indexes)], "data": list(indexes)}]}


async def test_the_server_finds_out_by_itself(dense_server: ServerProcess) -> None:
    assert "batches: up to" in dense_server.log[0]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def ask(index: int) -> list[float]:
            response = await client.post(dense_server.infer_url, json=picks(index))
            assert response.status_code == 200, response.text
            outputs: list[float] = response.json()["outputs"][0]["data"]
            return outputs

        expected = [await ask(index) for index in range(3)]
        before = dense_server.metric(BATCH), dense_server.metric(ANSWERED)
        for _ in range(100):
            answers = await asyncio.gather(*(ask(number % 3) for number in range(30)))
            for number, answer in enumerate(answers):
                np.testing.assert_allclose(answer, expected[number % 3], rtol=1e-4, atol=1e-4)
            runs = dense_server.metric(BATCH) - before[0]
            if runs < dense_server.metric(ANSWERED) - before[1]:
                break
        else:
            pytest.fail("no two of 3,000 requests, 30 at a time, shared a run")


async def test_a_batch_size_of_one_is_none(tmp_path: Path) -> None:
    with serving(models.save(models.dense(), tmp_path), "--max-batch-size", "1") as server:
        assert "batches: none" in server.log[0]
