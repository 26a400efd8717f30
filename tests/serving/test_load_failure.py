"""A model that cannot be served: one sentence, exit code 65, no stack trace."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import models
from serving.process import free_ports, port_arguments, run, serving

SPOILED: dict[str, tuple[Any, str]] = {
    "no file": (None, "no model can be read at "),
    "an empty file": (b"", "No graph was found in the protobuf"),
    "not ONNX at all": (b"<html>404</html>", "rotobuf parsing failed"),
    "cut short": (models.lookup().SerializeToString()[:60], "rotobuf parsing failed"),
    "an operator set from the future": (models.future_opset(), "Opset 999 is under development"),
    "an operator nobody has": (models.unknown_operator(), "example.com:Frobnicate(-1) is not a registered function/op"),
    "an output that is no tensor": (models.classifier(zipmap=True), "convert with zipmap=False"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_the_last_word_says_why(case: str, tmp_path: Path) -> None:
    model, reason = SPOILED[case]
    if isinstance(model, bytes):
        (tmp_path / "model.onnx").write_bytes(model)
    elif model is not None:
        models.save(model, tmp_path)
    log = tmp_path / "termination"

    finished = run(
        *("serve", str(tmp_path), "--name", "m", *port_arguments(free_ports(3))),
        LEADSMAN_TERMINATION_LOG=str(log),
    )

    assert finished.returncode == 65, finished.stderr
    assert reason in log.read_text()
    assert finished.stderr.strip() == log.read_text()
    assert "Traceback" not in finished.stderr
    assert "\n" not in log.read_text()


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_a_port_that_is_taken(taken: int, tmp_path: Path) -> None:
    ports = free_ports(3)
    with serving(models.save(models.lookup(), tmp_path)) as server:
        ports[taken] = [port_of(server.url), int(server.grpc_address.split(":")[1]), port_of(server.metrics_url)][taken]
        finished = run("serve", str(tmp_path), "--name", "m", "--host", "127.0.0.1", *port_arguments(ports))
    assert finished.returncode == 69
    assert finished.stderr == "cannot listen on port {}, {} or {}: Address already in use\n".format(*ports)


def port_of(url: str) -> int:
    return httpx.URL(url).port or 0
