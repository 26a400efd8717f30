"""A model with samples beside it is warmed up on them before it is ready; a broken one is told to its author."""

import json
from pathlib import Path
from typing import Any

import pytest

from serving import models
from serving.process import free_ports, port_arguments, run, serving

ROW = {"name": "x", "datatype": "INT64", "shape": [1], "data": [2]}


def with_samples(directory: Path, *samples: Any) -> Path:
    """models.lookup, and these samples, 0.json and on."""
    models.save(models.lookup(), directory)
    (directory / "samples").mkdir()
    for number, sample in enumerate(samples):
        text = sample if isinstance(sample, str) else json.dumps(sample)
        (directory / "samples" / f"{number}.json").write_text(text)
    return directory


def test_the_model_is_run_on_them_before_it_is_ready(tmp_path: Path) -> None:
    two_rows = {"inputs": [ROW | {"shape": [2], "data": [0, -3]}], "outputs": [{"name": "y"}], "id": "as posted"}
    with serving(with_samples(tmp_path, {"inputs": [ROW]}, two_rows)) as server:
        assert "warmed up on samples: 2\n" in server.log


def test_without_samples_an_input_is_made_up(tmp_path: Path) -> None:
    with serving(with_samples(tmp_path)) as server:
        assert not any("sample" in line for line in server.log)


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "the request body is not valid JSON"),
    "no inputs": ({}, "'inputs' must be a list of tensors"),
    "another input": ({"inputs": [ROW | {"name": "z"}]}, "input 'x' is missing; the model takes 'x'"),
    "another datatype": ({"inputs": [ROW | {"datatype": "INT32"}]}, "input 'x': the model takes INT64, but"),
    "an output that is not there": (
        {"inputs": [ROW], "outputs": [{"name": "z"}]},
        "the model has no output 'z'; it gives 'y'",
    ),
    "an input that the model fails on": ({"inputs": [ROW | {"data": [9]}]}, "the model failed on this input"),
    "more than a request may have": (" " * 1001, "1001 bytes, but at most 1000 are taken of a request"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_one_ends_the_server_with_65_and_a_sentence(case: str, tmp_path: Path) -> None:
    sample, reason = BROKEN[case]
    directory = with_samples(tmp_path, {"inputs": [ROW]}, sample)
    arguments = ["--name", "m", "--max-body-bytes", "1000", *port_arguments(free_ports(3))]
    finished = run("serve", str(directory), *arguments)
    assert finished.returncode == 65, finished.stderr
    assert finished.stderr.startswith(f"the model's sample {directory}/samples/1.json: {reason}")
    assert finished.stderr.count("\n") == 1


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    directory = with_samples(tmp_path)
    (directory / "samples" / "gone.json").symlink_to("nowhere")
    finished = run("serve", str(directory), "--name", "m", *port_arguments(free_ports(3)))
    assert finished.returncode == 65
    sentence = f"the model's sample {directory}/samples/gone.json: cannot be read: No such file or directory\n"
    assert finished.stderr == sentence
