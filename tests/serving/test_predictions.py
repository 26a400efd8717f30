"""Which classes were predicted how often, as /metrics tells it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from leadsman_serving.predictions import ClassOutput, PredictionCounts, class_output
from leadsman_serving.signature import Tensor, TensorSpec
from leadsman_serving.tensors import Array
from serving import models
from serving.process import ServerProcess, serving

FAMILY = "leadsman_serving_predictions"


def infer(client: httpx.Client, server: ServerProcess, tensor: dict[str, Any], *outputs: str) -> httpx.Response:
    body: dict[str, Any] = {"inputs": [tensor]}
    if outputs:
        body["outputs"] = [{"name": name} for name in outputs]
    return client.post(server.infer_url, json=body)


def exported(server: ServerProcess) -> dict[str, float]:
    samples = [
        sample
        for family in text_string_to_metric_families(httpx.get(server.metrics_url).text)
        for sample in family.samples
        if sample.name == f"{FAMILY}_total"
    ]
    for sample in samples:
        assert sample.labels == {"model": "m", "revision": "rev-a", "class": sample.labels["class"]}
    return {sample.labels["class"]: sample.value for sample in samples}


def test_a_scikit_learn_classifier(tmp_path: Path, client: httpx.Client) -> None:
    rows = {"name": "X", "datatype": "FP32", "shape": [3, 3], "data": [[0, 0, 0], [1, 1, 1], [0, 0, 0]]}
    with serving(models.save(models.classifier(zipmap=False), tmp_path)) as server:
        assert exported(server) == {}
        labels = infer(client, server, rows).json()["outputs"][0]["data"]
        assert labels == [0, 1, 0]
        assert infer(client, server, rows, "label").status_code == 200
        assert exported(server) == {"0": 4, "1": 2}

        assert infer(client, server, rows, "probabilities").status_code == 200
        assert exported(server) == {"0": 4, "1": 2}, "the label was not computed, and positions are not labels"
        assert infer(client, server, rows | {"shape": [9, 1]}).status_code == 400
        assert exported(server) == {"0": 4, "1": 2}


def test_scores_without_a_label(tmp_path: Path, client: httpx.Client) -> None:
    scores = {"name": "x", "datatype": "FP32", "shape": [2, 3], "data": [[0.1, 0.2, 0.7], [0.5, 0.3, 0.2]]}
    with serving(models.save(models.through("FP32", ["N", 3]), tmp_path)) as server:
        for _ in range(2):
            assert infer(client, server, scores).status_code == 200
        assert exported(server) == {"2": 2, "0": 2}
        assert infer(client, server, scores | {"shape": [0, 3], "data": []}).status_code == 200
        assert exported(server) == {"2": 2, "0": 2}


def test_a_flood_of_hostile_classes(tmp_path: Path, client: httpx.Client) -> None:
    names = ['say "cheese"\n\\', "", *(f"class {i}" for i in range(200)), "z" * 10_000]
    with serving(models.save(models.through("BYTES", ["N"]), tmp_path)) as server:
        for batch in (names[:2], names):
            tensor = {"name": "x", "datatype": "BYTES", "shape": [len(batch)], "data": batch}
            assert infer(client, server, tensor).status_code == 200
        classes = exported(server)
    assert classes[names[0]] == 2
    assert classes["other"] == len(names) - 64
    assert sum(classes.values()) == 2 + len(names)
    assert len(classes) == 64 + 1


def test_a_regressor_has_no_classes(lookup_server: ServerProcess, client: httpx.Client) -> None:
    tensor = {"name": "x", "datatype": "INT64", "shape": [2], "data": [0, 1]}
    assert infer(client, lookup_server, tensor).status_code == 200
    assert FAMILY not in client.get(lookup_server.metrics_url).text


LABEL, SCORES = ClassOutput("y", scores=False), ClassOutput("y", scores=True)
Shape = tuple[int | str | None, ...]
CHOICES: dict[str, tuple[list[tuple[str, str, Shape]], ClassOutput | None]] = {
    "labels": ([("y", "INT64", ("N",))], LABEL),
    "labels in a column": ([("y", "BYTES", (None, 1))], LABEL),
    "labels of a batch that is always 1": ([("y", "BOOL", (1,))], LABEL),
    "the label before the scores": ([("p", "FP32", ("N", 3)), ("y", "INT32", ("N",))], LABEL),
    "the first label": ([("y", "INT64", ("N",)), ("z", "INT64", ("N",))], LABEL),
    "scores of the fewest classes": ([("y", "FP32", ("N", 2))], SCORES),
    "scores of the most classes": ([("y", "FP16", (None, 64))], SCORES),
    "scores next to a whole image": ([("image", "UINT8", ("N", 8, 8)), ("y", "FP64", ("N", 3))], SCORES),
    "one number for each row": ([("y", "FP32", ("N", 1))], None),
    "too many classes": ([("y", "FP32", ("N", 65))], None),
    "as many classes as you like": ([("y", "FP32", ("N", "K"))], None),
    "several whole numbers for each row": ([("y", "INT64", ("N", 2))], None),
    "any number of whole numbers for each row": ([("y", "INT64", ("N", None))], None),
    "one number": ([("y", "FP32", ("N",))], None),
    "an unknown rank": ([("y", "INT64", ())], None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_which_output_tells_the_class(case: str) -> None:
    outputs, expected = CHOICES[case]
    assert class_output([TensorSpec(*output) for output in outputs]) == expected


def counted(output: ClassOutput, *arrays: Array | Sequence[object]) -> dict[str, int]:
    counts = PredictionCounts(output)
    for array in arrays:
        counts.count({"y": Tensor("", np.asarray(array))})
    return counts.totals()


def test_few_and_many_rows_are_counted_alike() -> None:
    labels = np.random.default_rng(0).integers(-5, 40, 1000)
    expected = {str(label): int((labels == label).sum()) for label in np.unique(labels)}
    assert counted(LABEL, labels) == expected
    assert counted(LABEL, *labels.reshape(100, 10, 1)) == expected
    assert counted(LABEL, labels.astype(str).astype(object)) == expected
    assert counted(LABEL, [True] * 100, [True, False]) == {"true": 101, "false": 1}


def test_a_class_that_is_called_other() -> None:
    names = np.array(["other", *map(str, range(70))], dtype=object)
    assert counted(LABEL, names)["other"] == 1 + 7


def test_scores_of_another_shape_than_declared() -> None:
    assert counted(SCORES, np.zeros(3), np.zeros((2, 0)), np.zeros((1, 3, 3)), np.eye(3)) == {"0": 1, "1": 1, "2": 1}


def test_a_name_that_is_too_long_for_a_label_is_cut() -> None:
    assert counted(LABEL, np.array(["z" * 10_000, "z" * 128], dtype=object)) == {"z" * 128: 2}
