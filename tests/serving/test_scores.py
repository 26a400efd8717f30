"""How sure a classifier was, and what a regressor said, as /metrics tells it."""

import itertools
import math
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman_serving.scores import CONFIDENCE_BOUNDS, VALUE_BOUNDS, ScoreCounts, ScoreOutput, score_output
from leadsman_serving.signature import Tensor, TensorSpec
from serving import models
from serving.process import ServerProcess, serving

FAMILY = "leadsman_serving_scores"
CONFIDENCE, VALUE = ScoreOutput("y", confidence=True), ScoreOutput("y", confidence=False)


def infer(client: httpx.Client, server: ServerProcess, tensor: dict[str, Any], *outputs: str) -> httpx.Response:
    wanted = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    return client.post(server.infer_url, json={"inputs": [tensor]} | wanted)


def exported(server: ServerProcess) -> dict[str, float]:
    """The counts up to each bound that are above those up to the bound before, and the rest of the family."""
    metrics = server.metrics()
    buckets = sorted(
        (float(dict(labels)["le"]), value) for (name, labels), value in metrics.items() if name == f"{FAMILY}_bucket"
    )
    own = {f"{high}": after - before for (_, before), (high, after) in itertools.pairwise([(0, 0), *buckets])}
    whole = {kind: metrics.get((f"{FAMILY}_{kind}", frozenset()), 0) for kind in ("count", "sum", "nonfinite_total")}
    return {name: value for name, value in (own | whole).items() if value}


def test_a_scikit_learn_classifier(tmp_path: Path, client: httpx.Client) -> None:
    rows = {"name": "X", "datatype": "FP32", "shape": [2, 3], "data": [[0, 0, 0], [1, 1, 1]]}
    with serving(models.save(models.classifier(zipmap=False), tmp_path)) as server:
        assert exported(server) == {}
        scores = infer(client, server, rows, "probabilities").json()["outputs"][0]["data"]
        highest = [max(scores[:2]), max(scores[2:])]
        buckets = [str(next(bound for bound in CONFIDENCE_BOUNDS if score <= bound)) for score in highest]
        first = exported(server)
        assert first.pop("sum") == pytest.approx(sum(highest))
        assert first == {bucket: buckets.count(bucket) for bucket in buckets} | {"count": 2}

        assert infer(client, server, rows, "label").status_code == 200
        assert exported(server)["count"] == 2, "they were not computed"
        assert infer(client, server, rows).status_code == 200
        assert exported(server)["count"] == 4


def test_a_regressor(tmp_path: Path, client: httpx.Client) -> None:
    values = [-7.5, 0, 0.3, 1e9, None]
    tensor = {"name": "x", "datatype": "FP64", "shape": [5, 1], "data": values}
    with serving(models.save(models.through("FP64", ["N", 1]), tmp_path)) as server:
        assert infer(client, server, tensor).status_code == 200
        assert infer(client, server, tensor | {"shape": [0, 1], "data": []}).status_code == 200
        told = exported(server)
    assert told == {"-5.0": 1, "0.0": 1, "0.5": 1, "inf": 1, "nonfinite_total": 1}, "no sum: a bound is negative"


def test_a_model_without_scores(tmp_path: Path) -> None:
    with serving(models.save(models.through("INT64", ["N"]), tmp_path)) as server:
        assert FAMILY not in httpx.get(server.metrics_url).text


Shape = tuple[int | str | None, ...]
CHOICES: dict[str, tuple[list[tuple[str, str, Shape]], ScoreOutput | None]] = {
    "probabilities next to a label": ([("label", "INT64", ("N",)), ("y", "FP32", ("N", 2))], CONFIDENCE),
    "of a thousand classes": ([("label", "INT64", ("N",)), ("y", "FP32", ("N", 1000))], CONFIDENCE),
    "probabilities alone": ([("y", "FP16", (None, 3))], CONFIDENCE),
    "the first of several": ([("y", "FP32", ("N", 3)), ("z", "FP32", ("N", 2))], CONFIDENCE),
    "a label alone": ([("label", "BYTES", ("N",))], None),
    "a label and a distance": ([("label", "INT64", ("N",)), ("y", "FP32", ("N", 1))], None),
    "a label and as many as you like": ([("label", "INT64", ("N",)), ("y", "FP32", ("N", "K"))], None),
    "a number for each row": ([("y", "FP32", ("N",))], VALUE),
    "a number for each row in a column": ([("y", "FP64", ("N", 1))], VALUE),
    "a number next to an embedding": ([("embedding", "FP32", ("N", 128)), ("y", "FP32", ("N", 1))], VALUE),
    "an embedding": ([("embedding", "FP32", ("N", 128))], None),
    "an image": ([("image", "FP32", ("N", 3, 8, 8))], None),
    "an unknown rank": ([("y", "FP32", ())], None),
}


@pytest.mark.parametrize("case", CHOICES)
def test_which_output_tells_the_score(case: str) -> None:
    outputs, expected = CHOICES[case]
    assert score_output([TensorSpec(*output) for output in outputs]) == expected


def test_the_bounds_are_for_ever() -> None:
    assert [f"{bound:g}" for bound in CONFIDENCE_BOUNDS[:4]] == ["0.05", "0.1", "0.15", "0.2"]
    assert (len(CONFIDENCE_BOUNDS), CONFIDENCE_BOUNDS[-1]) == (20, 1)
    positive = [bound for bound in VALUE_BOUNDS if bound > 0]
    assert positive[:5] == [0.001, 0.002, 0.005, 0.01, 0.02]
    assert positive[-4:] == [100_000, 200_000, 500_000, 1_000_000]
    assert (*(-bound for bound in reversed(positive)), 0, *positive) == VALUE_BOUNDS
    assert len(VALUE_BOUNDS) == 57


floats = st.floats(width=32) | st.sampled_from([0.05, 0.1, 1.0, -1.0, 0.0, math.nan, math.inf, -math.inf])


@given(st.lists(st.lists(floats, min_size=3, max_size=3), max_size=80), st.sampled_from([CONFIDENCE, VALUE]))
def test_few_and_many_rows_are_counted_alike(rows: list[list[float]], output: ScoreOutput) -> None:
    array = np.array(rows, np.float32).reshape(-1, 3)
    array = array if output.confidence else array[:, :1]
    at_once, one_by_one = ScoreCounts(output), ScoreCounts(output)
    at_once.count({"y": Tensor("FP32", array)})
    for row in array:
        one_by_one.count({"y": Tensor("FP32", row[None])})
    assert samples(at_once) == samples(one_by_one)

    highest = [math.nan if np.isnan(row).any() else float(max(row)) for row in array]
    finite = [value for value in highest if math.isfinite(value)]
    assert at_once.nonfinite == len(highest) - len(finite)
    for bound, count in samples(at_once).items():
        assert count == sum(value <= bound for value in finite), bound


def samples(counts: ScoreCounts) -> dict[float, float]:
    family = counts.histogram.family("f", "", {})
    return {float(each.labels["le"]): each.value for each in family.samples if each.name == "f_bucket"}


def test_scores_of_another_shape_than_declared() -> None:
    counts = ScoreCounts(CONFIDENCE)
    for array in (np.zeros(3), np.zeros((2, 0)), np.zeros((1, 3, 3)), np.eye(3)):
        counts.count({"y": Tensor("FP64", array)})
    assert samples(counts)[math.inf] == 3
