"""What fuzzing.py and mutants.py make up for a fixed set of seeds. Longer runs, by hand, choose other seeds."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import onnx
import pytest

from serving import models, mutants
from serving.fuzzing import Target, place
from serving.grpc_client import connected
from serving.process import ServerProcess, serving

MOST_MEGABYTES = 200
REQUESTS = 1200


@pytest.fixture(scope="module")
def mixed_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(place(tmp_path_factory.mktemp("mixed")), "--max-body-bytes", "100000") as server:
        yield server


@pytest.mark.parametrize("seed", ["a", "b", "c", "d", "e", "f"])
def test_whatever_comes_is_answered_fairly_and_harms_nobody(seed: str, mixed_server: ServerProcess) -> None:
    with connected(mixed_server) as client:
        target = Target(mixed_server, client)
        for number in range(REQUESTS):
            target.ask(f"{seed}/{number}")
        target.close()
    for surface in ("HTTP 200", "HTTP 400", "gRPC OK", "gRPC INVALID_ARGUMENT"):
        assert target.answers[surface] > REQUESTS // 20, "a fuzzer that is always right, or always wrong, finds nothing"
    assert httpx.get(f"{mixed_server.url}/v2/health/ready", trust_env=False).status_code == 200
    assert mixed_server.metric("leadsman_serving_in_flight") == 0
    assert mixed_server.metric("process_resident_memory_bytes") < MOST_MEGABYTES * 1e6
    assert mixed_server.log[1:] == [], "nothing that a client does is a bug in the server"


@pytest.mark.parametrize("seed", [1, 2])
def test_spoiled_models_are_refused_in_a_sentence_or_served(seed: int, tmp_path: Path) -> None:
    originals = {"total": models.total(), "every": models.every_datatype(), "lookup": models.lookup()}
    originals |= {"spin": models.spin(), "classifier": models.classifier(zipmap=False)}
    for name, model in originals.items():
        onnx.save(model, tmp_path / f"{name}.onnx")
    command = [sys.executable, str(Path(mutants.__file__)), str(tmp_path), str(seed), "2000"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert "'refused': 1" in finished.stdout
    assert "'served': " in finished.stdout
