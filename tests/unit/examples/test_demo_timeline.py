from typing import Any

import pytest

from demo.cluster import split_documents
from demo.load import body, predicted
from demo.records import Request, RequestLog, as_line
from demo.timeline import Line, Timeline


class Listener:
    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[Line] = []
        self.timeline = Timeline("cancer", lambda: self.now, self.told.append)

    def texts(self, kind: str) -> list[str]:
        return [line.text for line in self.told if line.kind == kind]


@pytest.fixture
def listener() -> Listener:
    return Listener()


def deployment(generation: int = 2, observed: int = 2, **rollout: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "False", "reason": "RolloutInProgress", "message": "on its way"}
    targets = [{"revision": "aaa", "version": "1", "weight": 90}, {"revision": "bbb", "version": "2", "weight": 10}]
    return {
        "metadata": {"generation": generation},
        "spec": {"model": {"version": "2"}},
        "status": {"observedGeneration": observed, "traffic": targets, "conditions": [ready], "rollout": rollout},
    }


def route(**weights: int) -> dict[str, Any]:
    backends = [{"name": f"cancer-{revision}", "weight": weight} for revision, weight in weights.items()]
    return {"spec": {"rules": [{"backendRefs": backends}]}}


CHECK = {"name": "errorRate", "verdict": "Collecting", "harm": 0.5, "promotion": 0.25}


def test_a_condition_is_told_when_it_changes_and_not_again(listener: Listener) -> None:
    for _ in range(3):
        listener.timeline.hear_deployment(deployment())
    assert listener.texts("condition") == ["Ready=False RolloutInProgress: on its way"]


def test_weights_are_told_by_version_and_the_time_of_weight_0_is_kept(listener: Listener) -> None:
    listener.timeline.hear_deployment(deployment(candidate={"revision": "bbb", "checks": [CHECK]}))
    listener.timeline.hear_route(route(aaa=90, bbb=10))
    listener.now = 107.5
    listener.timeline.hear_route(route(aaa=100))
    assert listener.texts("weights") == ["v1 90 %, v2 10 %", "v1 100 %"]
    assert listener.timeline.zero_at == {"2": 107.5}
    assert [point.weights for point in listener.timeline.points] == [{}, {}, *[{"1": 90, "2": 10}] * 2, {"1": 100}]


def test_the_evidence_is_one_line(listener: Listener) -> None:
    listener.timeline.hear_deployment(deployment(candidate={"revision": "bbb", "checks": [CHECK]}))
    assert listener.timeline.standing() == "no route yet  errorRate Collecting: harm 50%, proof 25%"


def test_an_event_is_told_once_and_only_if_it_is_about_the_model(listener: Listener) -> None:
    event = {
        "metadata": {"uid": "1"},
        "regarding": {"kind": "ModelDeployment"},
        "reason": "Promoted",
        "note": "all steps passed",
        "type": "Normal",
    }
    for each in (event, event, event | {"metadata": {"uid": "2"}, "regarding": {"kind": "Pod"}}):
        listener.timeline.hear_event(each)
    assert listener.texts("decision") == ["Promoted: all steps passed"]


def test_a_condition_of_an_older_generation_does_not_count(listener: Listener) -> None:
    listener.timeline.hear_deployment(deployment(generation=3, observed=2))
    assert not listener.timeline.view.is_condition("Ready", "False")
    listener.timeline.hear_deployment(deployment(generation=3, observed=3))
    assert listener.timeline.view.is_condition("Ready", "False", "RolloutInProgress")


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_stream_of_objects_can_be_cut_anywhere(cut: int) -> None:
    text = '{"kind": "A",\n "x": "}{"}\n{"kind": "List", "items": [{"kind": "B"}]}\n'
    first, rest = split_documents(text[:cut])
    second, left = split_documents(rest + text[cut:])
    assert ([each["kind"] for each in first + second], left) == (["A", "B"], "")


def test_a_log_is_read_while_its_last_line_is_being_written(tmp_path: Any) -> None:
    log = RequestLog(tmp_path / "requests.jsonl")
    assert log.read() == []
    line = as_line(Request(1.0, 0.1, 200, "2", True, False))
    log.path.write_text(line + line[:10])
    assert len(log.read()) == 1
    log.path.write_text(line + line)
    assert len(log.read()) == 2


def test_request_and_answer_are_of_the_open_inference_protocol() -> None:
    assert body([1.0, 2.0])["inputs"][0]["shape"] == [1, 2]
    assert predicted({"outputs": [{"name": "probabilities", "data": [0.1]}, {"name": "label", "data": [1]}]}) == 1
    assert predicted({"outputs": []}) is None
