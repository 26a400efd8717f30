"""What an MLflow run knows of a model goes into its manifest: by a real tracking server, and by ones that misbehave."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.linear_model import Ridge

from leadsman_package.authoring import details, mlflow_run
from leadsman_package.authoring.details import check_says
from leadsman_package.errors import PackageError
from packages.authoring.estimators import fit
from packages.authoring.frames import score
from packages.authoring.making import make
from packages.sources.servers import script, started
from packages.sources.web import Web, content, make_authority, status, web_server
from serving.process import free_ports


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tracking server."""
    directory = tmp_path_factory.mktemp("mlflow")
    python = script("side-venv.sh", "mlflow") / "bin/python"
    (port,) = free_ports(1)
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{directory}/db", "--artifacts-destination", str(directory / "files")]
    url = f"http://127.0.0.1:{port}"
    with started(command, f"{url}/health", directory / "log", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true"):
        yield url


def log_run(server: str) -> str:
    """A finished run as a training script logs it; returns its id."""
    with httpx.Client(base_url=f"{server}/api/2.0/mlflow/runs", trust_env=False, timeout=30) as api:
        tags = {"mlflow.source.git.commit": "8f3c1d2", "mlflow.note.content": "Says how risky a payment is."}
        given = {"experiment_id": "0", "start_time": 1763700000000, "tags": pairs(tags)}
        run: str = api.post("/create", json=given).raise_for_status().json()["run"]["info"]["run_id"]
        logged = {
            "params": pairs({"alpha": "0.5", "note": ""}),
            "metrics": [{**each, "timestamp": 1, "step": 0} for each in pairs({"rmse": 0.25, "r2": 0.9})],
        }
        api.post("/log-batch", json={"run_id": run, **logged}).raise_for_status()
        data = {"name": "payments", "digest": "abc", "source_type": "local", "source": "{}"}
        api.post("/log-inputs", json={"run_id": run, "datasets": [{"dataset": data}]}).raise_for_status()
        ended = {"run_id": run, "status": "FINISHED", "end_time": 1763703600000}
        api.post("/update", json=ended).raise_for_status()
    return run


def pairs(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def test_a_run_fills_the_manifest_and_the_author_has_the_last_word(server: str, tmp_path: Path) -> None:
    run = log_run(server)
    told = mlflow_run.read(f"{server}/{run}")
    assert mlflow_run.read(f"{server}/#/experiments/0/runs/{run}") == told
    says = details.merged(told, {"evaluation": {"metrics": {"r2": 0.95}}, "owner": "Payments"})
    made = make(tmp_path, *fit(Ridge(), score), says=says)
    assert made.manifest is not None
    training, evaluation = made.manifest.training, made.manifest.evaluation
    assert training is not None
    assert evaluation is not None
    assert made.manifest.description == "Says how risky a payment is."
    assert training.run == f"{server}/#/experiments/0/runs/{run}"
    assert training.source_commit == "8f3c1d2"
    assert training.parameters == {"alpha": "0.5"}
    assert training.dataset is not None
    assert training.dataset.name == "payments"
    assert training.trained_at is not None
    assert training.trained_at.isoformat() == "2025-11-21T05:40:00+00:00"
    assert training.framework == "scikit-learn"
    assert evaluation.metrics == {"rmse": 0.25, "r2": 0.95}


def test_a_run_that_there_is_not(server: str) -> None:
    with pytest.raises(PackageError, match="is the id of the run right") as caught:
        mlflow_run.read(f"{server}/{'0' * 32}")
    assert not caught.value.transient


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server that answers as it is told."""
    authority, certificate = make_authority(tmp_path_factory.mktemp("authority"))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with web_server(certificate) as web:
        yield web


PATH = "/tracking/api/2.0/mlflow/runs/get"
ANSWERS: dict[str, tuple[Any, str]] = {
    "no JSON": (b"<html>", "answered with no JSON; expected a tracking server of MLflow"),
    "something else": (b"[]", "answered with no run of MLflow"),
    "no run": (b"{}", "answered with no run of MLflow"),
    "a run of nothing": (b'{"run": {"info": {}}}', "answered with no run of MLflow"),
    "metrics that are none": (
        json.dumps(
            {"run": {"info": {"run_id": "a", "experiment_id": "0"}, "data": {"metrics": [{"key": "a"}]}}}
        ).encode(),
        "answered with no run of MLflow",
    ),
    "a time beyond all calendars": (
        json.dumps({"run": {"info": {"run_id": "a", "experiment_id": "0", "end_time": 10**30}}}).encode(),
        "answered with no run of MLflow",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is_no_run_is_refused(case: str, web: Web) -> None:
    body, sentence = ANSWERS[case]
    web.script(PATH, content(body))
    with pytest.raises(PackageError, match=sentence):
        mlflow_run.read(f"{web.url}/tracking/abc123")


def test_who_may_not_ask_is_told_how_to_say_who_he_is(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.script(PATH, status(401), status(503))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
    with pytest.raises(PackageError, match="answered 401; set MLFLOW_TRACKING_TOKEN") as refused:
        mlflow_run.read(f"{web.url}/tracking/abc123")
    assert not refused.value.transient
    assert web.authorizations == ["Bearer secret-token"]
    with pytest.raises(PackageError, match="answered 503") as busy:
        mlflow_run.read(f"{web.url}/tracking/abc123")
    assert busy.value.transient


def test_numbers_that_are_none_are_left_out_and_what_is_too_long_is_cut(web: Web) -> None:
    data = {"metrics": pairs({"auc": 0.9, "loss": "NaN"}), "params": pairs({"grid": "x" * 10_000})}
    run = {"info": {"run_id": "abc123", "experiment_id": "0"}, "data": data}
    web.script(PATH, content(json.dumps({"run": run}).encode()))
    told = mlflow_run.read(f"{web.url}/tracking/abc123")
    assert told["evaluation"] == {"metrics": {"auc": 0.9}}
    check_says({"name": "m", "version": "1", **told})


@pytest.mark.parametrize(
    "address", ["", "runs:/a", "https://", "https://host", "ftp://host/a", "https://host/a b", "http://[/a"]
)
def test_an_address_that_names_no_run(address: str) -> None:
    with pytest.raises(PackageError, match="is no run of MLflow; expected the server and the run"):
        mlflow_run.read(address)
