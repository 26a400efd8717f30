"""Reading recorded answers: what is taken, and what a broken or hostile pod may not do."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from leadsman.core.answers import Answer, Output, PodAnswers
from leadsman.shell.answers import parse_answers, read_answers
from leadsman_serving.answers import Answers
from leadsman_serving.signature import Tensor
from support.objects import pod


def document(**changes: Any) -> dict[str, Any]:
    """A pod's answer with one recorded answer in it."""
    return {"now": 100.5, "last": 7, "answers": [recorded()]} | changes


def recorded(**changes: Any) -> dict[str, Any]:
    return {"seq": 7, "at": 99.5, "id": "r7", "outputs": [output()]} | changes


def output(**changes: Any) -> dict[str, Any]:
    return {"name": "y", "shape": [1, 2], "values": [0.25, "NaN"]} | changes


def parse(found: Any) -> PodAnswers:
    return parse_answers(json.dumps(found).encode())


def test_the_operator_reads_what_the_serving_image_writes() -> None:
    recorder = Answers(lambda: 100.5)
    assert parse_answers(recorder.page("")) == PodAnswers(100.5, 0, ())
    recorder.record("r1", {"y": Tensor("FP32", np.array([[0.25, np.nan]], np.float32))})
    recorder.record("r2", {"label": Tensor("BYTES", np.array(["cat"], object)), "n": Tensor("INT64", np.array([3]))})
    first, second = parse_answers(recorder.page("after=0")).answers
    assert first == Answer(1, 100.5, "r1", (Output("y", (1, 2), (0.25, "NaN")),))
    assert second.outputs == (Output("label", (1,), ("cat",)), Output("n", (1,), (3,)))
    assert parse_answers(recorder.page("after=1")) == PodAnswers(100.5, 2, (second,))


def test_a_full_ring_is_not_too_much() -> None:
    recorder = Answers(lambda: 100.5)
    recorder.page("")
    for number in range(2000):
        recorder.record(f"r{number}", {"y": Tensor("FP64", np.full((64,), 1 / 3))})
    body = recorder.page("")
    assert len(body) < 4 * 1024 * 1024
    assert parse_answers(body).last == 2000


def test_an_answer() -> None:
    assert parse(document()) == PodAnswers(100.5, 7, (Answer(7, 99.5, "r7", (Output("y", (1, 2), (0.25, "NaN")),)),))


def test_values_stay_what_they_are() -> None:
    values = (1, 1.0, True, "1", "Infinity", 2**64, 0)
    [answer] = parse(document(answers=[recorded(outputs=[output(shape=[7], values=values)])])).answers
    assert [(type(value), value) for value in answer.outputs[0].values] == [(type(value), value) for value in values]


FIT = {
    "nothing recorded": document(last=0, answers=[]),
    "everything recorded is read already": document(last=9, answers=[]),
    "what a later serving image adds": document(more=1, answers=[recorded(more=1, outputs=[output(more=1)])]),
    "whole seconds": document(now=100, answers=[recorded(at=99)]),
    "no values": document(answers=[recorded(outputs=[output(shape=[0, 2], values=[])])]),
    "a scalar": document(answers=[recorded(outputs=[output(shape=[], values=[1])])]),
    "no outputs": document(answers=[recorded(outputs=[])]),
    "several": document(answers=[recorded(seq=1), recorded(seq=3)]),
}
UNFIT = {
    "no object": [],
    "no clock": {"last": 7, "answers": []},
    "no numbers": document(answers=[recorded(seq="one")]),
    "numbers that fall": document(answers=[recorded(seq=3), recorded(seq=2)]),
    "a number twice": document(answers=[recorded(seq=3), recorded(seq=3)]),
    "a number below the first": document(answers=[recorded(seq=0)]),
    "a number beyond the last": document(answers=[recorded(seq=8)]),
    "a last that is below nothing": document(last=-1, answers=[]),
    "a last that no mark can hold": document(last=10**19, answers=[]),
    "too many": document(last=2000, answers=[recorded(seq=seq) for seq in range(1, 1026)]),
    "too few values": document(answers=[recorded(outputs=[output(values=[1.0])])]),
    "a shape of nothing": document(answers=[recorded(outputs=[output(shape=[-1, -2])])]),
    "a value that is none": document(answers=[recorded(outputs=[output(values=[1.0, None])])]),
    "a value in another": document(answers=[recorded(outputs=[output(values=[[1.0], 2.0])])]),
    "a number without end": document(answers=[recorded(outputs=[output(values=[1.0, 10**400])])]),
}


@pytest.mark.parametrize("found", FIT.values(), ids=FIT.keys())
def test_what_is_fit_is_taken(found: Any) -> None:
    assert len(parse(found).answers) == len(found["answers"])


@pytest.mark.parametrize("found", UNFIT.values(), ids=UNFIT.keys())
def test_what_is_unfit_is_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"^/answers: "):
        parse(found)


async def test_each_pod_is_asked_for_what_comes_after_its_mark() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.url.path, dict(request.url.params)))
        return httpx.Response(404) if request.url.host == "10.0.0.2" else httpx.Response(200, json=document())

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        found = await read_answers(
            http, [(pod("a", 1, ip="10.0.0.1"), 5), (pod("b", 1, ip="10.0.0.2"), 0), (pod("b", 2, ip=""), 0)]
        )
    assert asked == [("10.0.0.1", "/answers", {"after": "5"}), ("10.0.0.2", "/answers", {"after": "0"})]
    assert list(found) == ["a-1"]
