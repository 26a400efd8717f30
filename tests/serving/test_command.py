"""`leadsman-serving serve` as people call it: what has a default, what comes from the environment, what is refused."""

import socket
from pathlib import Path

import httpx
import pytest

from serving import models
from serving.process import free_ports, port_arguments, run, running, serving

REFUSED: dict[str, tuple[list[str], dict[str, str], str]] = {
    "a name for no URL": (["serve", "d", "--name", "bad/name"], {}, "'bad/name' must be letters, digits, '.', '_'"),
    "a bad name from the environment": (["serve", "d"], {"LEADSMAN_NAME": "bad/name"}, "'bad/name' must be letters"),
    "a directory's name that is none": (["serve", "/"], {}, "the directory's name is no name for a model, so give one"),
    "no directory": (["serve"], {}, "Missing argument 'MODEL_DIR'"),
    "a port that is none": (["serve", "d", "--port", "70000"], {}, "70000 is not in the range 1<=x<=65535"),
    "no threads": (["serve", "d", "--threads", "0"], {}, "0 is not in the range x>=1"),
    "an unknown option": (["serve", "d", "--workers", "2"], {}, "No such option"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_2_and_what_is_wrong(case: str) -> None:
    arguments, environment, message = REFUSED[case]
    finished = run(*arguments, **environment)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_directory_names_the_model_and_its_digest_the_revision(tmp_path: Path) -> None:
    ports = free_ports(3)
    directory = models.save(models.lookup(), tmp_path / "fraud")
    arguments = ["--host", "127.0.0.1", *port_arguments(ports)]
    with running(["serve", str(directory), *arguments], ports, "fraud") as server:
        server.wait_until_it_serves()
        response = httpx.get(f"{server.url}/v2/models/fraud", trust_env=False)
        assert (response.status_code, response.json()["versions"]) == (200, ["1"])
        assert len(response.headers["x-leadsman-revision"]) == 10


def test_everything_can_come_from_the_environment(tmp_path: Path) -> None:
    ports = free_ports(3)
    environment = {
        "LEADSMAN_MODEL_DIR": str(models.save(models.lookup(), tmp_path)),
        "LEADSMAN_NAME": "fraud",
        "LEADSMAN_VERSION": "2026.11",
        "LEADSMAN_REVISION": "rev-z",
        "LEADSMAN_HOST": "127.0.0.1",
        "LEADSMAN_PORT": str(ports[0]),
        "LEADSMAN_GRPC_PORT": str(ports[1]),
        "LEADSMAN_METRICS_PORT": str(ports[2]),
        "LEADSMAN_THREADS": "2",
        "LEADSMAN_DRAIN_DELAY": "0",
    }
    with running(["serve"], ports, "fraud", **environment) as server:
        server.wait_until_it_serves()
        response = httpx.get(f"{server.url}/v2/models/fraud/versions/2026.11/ready", trust_env=False)
        assert (response.status_code, response.headers["x-leadsman-revision"]) == (200, "rev-z")


def test_without_grpc_nothing_listens_there(tmp_path: Path) -> None:
    with serving(models.save(models.lookup(), tmp_path), "--grpc-port", "0") as server:
        assert httpx.get(f"{server.url}/v2/health/ready", trust_env=False).status_code == 200
        host, port = server.grpc_address.split(":")
        with pytest.raises(ConnectionRefusedError), socket.create_connection((host, int(port)), timeout=5):
            pass


def test_nothing_is_written_where_the_process_is_at_home(tmp_path: Path) -> None:
    ports, home = free_ports(3), tmp_path / "home"
    home.mkdir()
    directory = models.save(models.lookup(), tmp_path / "m")
    arguments = ["serve", str(directory), "--host", "127.0.0.1", *port_arguments(ports)]
    with running(arguments, ports, "m", HOME=str(home), XDG_CACHE_HOME=str(home / "cache")) as server:
        server.wait_until_it_serves()
    assert not list(home.iterdir()), "as ONNX Runtime's telemetry does"
