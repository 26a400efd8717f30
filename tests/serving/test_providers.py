"""Execution providers by name: what an ONNX Runtime has, and that nobody computes on the CPU without being told."""

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from leadsman_serving.providers import full_name, missing_in_build, parse_providers
from serving import models, process
from serving.process import free_ports, port_arguments, run, serving

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "serving-image" / "src"
PACKAGES = ROOT / "model-package" / "src"

LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "the CPU": ("cpu", ("cpu",)),
    "another one, which leaves what it lacks to the CPU": ("cuda", ("cuda", "cpu")),
    "the CPU by name": ("openvino,cpu", ("openvino", "cpu")),
    "in the order of preference": ("tensorrt, cuda", ("tensorrt", "cuda", "cpu")),
}
NO_LISTS = {
    "a name that nobody knows": ("gpu", "'gpu' is no provider; there are tensorrt, cuda, openvino, cpu"),
    "nothing": ("", "'' is no provider"),
    "one twice": ("cuda,cuda", "cuda is there twice"),
    "the CPU first": ("cpu,cuda", "cpu has to be the last, since it would leave nothing to what comes after it"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list(case: str) -> None:
    text, expected = LISTS[case]
    assert parse_providers(text) == expected


@pytest.mark.parametrize("case", NO_LISTS)
def test_a_list_that_is_wrong(case: str) -> None:
    text, reason = NO_LISTS[case]
    finished = run("serve", "d", "--providers", text)
    assert finished.returncode == 2
    assert reason in finished.stderr


def test_each_build_says_what_it_has_and_which_image_has_more() -> None:
    gpu = [full_name(name) for name in ("tensorrt", "cuda", "cpu")]
    assert missing_in_build(("tensorrt", "cuda", "cpu"), gpu, "1.31.1") is None
    assert missing_in_build(("openvino", "cpu"), gpu, "1.31.1") == (
        "this build of ONNX Runtime (1.31.1) has the providers tensorrt, cuda, cpu and not openvino: "
        "use the image that is built with RUNTIME=openvino"
    )


@pytest.mark.parametrize(("provider", "image"), [("cuda", "gpu"), ("tensorrt", "gpu"), ("openvino", "openvino")])
def test_a_build_without_the_provider_ends_with_65_and_a_sentence(provider: str, image: str, tmp_path: Path) -> None:
    directory = models.save(models.lookup(), tmp_path)
    arguments = ["--name", "m", *port_arguments(free_ports(3))]
    finished = run("serve", str(directory), *arguments, LEADSMAN_PROVIDERS=provider)
    assert finished.returncode == 65
    assert f"has the providers cpu and not {provider}: " in finished.stderr
    assert finished.stderr.endswith(f"use the image that is built with RUNTIME={image}\n")
    assert finished.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def with_openvino(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The command of this checkout on the packages of the image for OpenVINO, which runs on any processor of x86-64."""
    venv = subprocess.run(
        [str(ROOT / "hack" / "side-venv.sh"), "serving-openvino"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    directory = tmp_path_factory.mktemp("openvino")
    (directory / "leadsman-0.dist-info").mkdir()
    (directory / "leadsman-0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: leadsman\nVersion: 0\n")
    command = directory / "leadsman-serving"
    command.write_text(
        f"#!/bin/sh\nPYTHONPATH={SOURCE}:{PACKAGES}:{directory} exec {venv}/bin/python -c"
        " 'from leadsman_serving.cli import main; main()' \"$@\"\n"
    )
    command.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "COMMAND", command)
        yield


def layers() -> Any:
    """y (FP32 [N, 4]) is what three layers make of x (FP32 [N, 8])."""
    chance = np.random.default_rng(1)
    sizes = [8, 16, 16, 4]
    weights, nodes, value = [], [], "x"
    for number, shape in enumerate(pairwise(sizes)):
        weights.append(numpy_helper.from_array(chance.normal(size=shape).astype(np.float32), f"w{number}"))
        nodes.append(helper.make_node("MatMul", [value, f"w{number}"], [f"m{number}"]))
        nodes.append(helper.make_node("Tanh", [f"m{number}"], [f"t{number}" if number < 2 else "y"]))
        value = f"t{number}"
    ends = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in (("x", 8), ("y", 4)))
    return models.graph(nodes, *([end] for end in ends), tuple(weights))


def ask(directory: Path, client: httpx.Client, *options: str) -> tuple[list[float], list[str]]:
    """The answers to twenty rows, and the log."""
    rows = np.random.default_rng(2).normal(size=160).astype(np.float32).tolist()
    with serving(directory, *options) as server:
        tensor = {"name": "x", "datatype": "FP32", "shape": [20, 8], "data": rows}
        answer = client.post(server.infer_url, json={"inputs": [tensor]}).raise_for_status().json()
    return answer["outputs"][0]["data"], server.log


def test_openvino_computes_the_same(with_openvino: None, tmp_path: Path, client: httpx.Client) -> None:
    directory = models.save(layers(), tmp_path)
    given, log = ask(directory, client, "--providers", "openvino", "--threads", "1")
    assert "operators on openvino: 6, cpu: 0\n" in log
    rows = np.random.default_rng(2).normal(size=160).astype(np.float32).reshape(20, 8)
    np.testing.assert_allclose(
        given, ReferenceEvaluator(layers()).run(None, {"x": rows})[0].reshape(-1), rtol=1e-4, atol=1e-5
    )


def test_a_model_that_the_provider_has_no_operators_for(
    with_openvino: None, tmp_path: Path, client: httpx.Client
) -> None:
    directory = models.save(models.classifier(zipmap=False), tmp_path)
    with serving(directory, "--providers", "openvino") as server:
        assert "openvino has none of this model's operators, so that the CPU runs all of them\n" in server.log


def test_the_build_for_openvino_has_no_cuda(with_openvino: None, tmp_path: Path) -> None:
    directory = models.save(models.lookup(), tmp_path)
    finished = run("serve", str(directory), "--name", "m", "--providers", "cuda", *port_arguments(free_ports(3)))
    assert finished.returncode == 65
    assert "has the providers openvino, cpu and not cuda" in finished.stderr
