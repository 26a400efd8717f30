"""A model that cannot be served: one sentence, exit code 65, no stack trace."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import models
from serving.process import free_ports, run, serving

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
    port, metrics_port = map(str, free_ports(2))

    finished = run(
        *("serve", str(tmp_path), "--name", "m", "--port", port, "--metrics-port", metrics_port),
        LEADSMAN_TERMINATION_LOG=str(log),
    )

    assert finished.returncode == 65, finished.stderr
    assert reason in log.read_text()
    assert finished.stderr.strip() == log.read_text()
    assert "Traceback" not in finished.stderr
    assert "\n" not in log.read_text()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    (free,) = free_ports(1)
    with serving(models.save(models.lookup(), tmp_path)) as server:
        for port, metrics_port in ((port_of(server.url), free), (free, port_of(server.metrics_url))):
            finished = run(
                *("serve", str(tmp_path), "--name", "m", "--host", "127.0.0.1"),
                *("--port", str(port), "--metrics-port", str(metrics_port)),
            )
            assert finished.returncode == 69
            assert f"cannot listen on port {port} or {metrics_port}: Address already in use" in finished.stderr
            assert "Traceback" not in finished.stderr


def port_of(url: str) -> int:
    return httpx.URL(url).port or 0
