"""What an MLflow tracking server knows of the run that trained a model, by its REST API."""

import math
import os
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from leadsman_package.errors import PackageError

_SECONDS = 30
_RUN_ID = re.compile(r"[0-9a-zA-Z][\w-]{0,255}", re.ASCII)
_MOST = 100
"""Parameters and metrics that are taken over."""
_MOST_CHARACTERS = 4096


def read(address: str) -> dict[str, Any]:
    """Return what a run tells of a manifest: description, training and evaluation.

    The address is that of the server and the run's id, https://mlflow.example.com/ID, or the one that the browser has
    (.../#/experiments/1/runs/ID). Who asks is said by MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD.
    Raises PackageError, transient where the same may succeed later.
    """
    server, run = _parts(address)
    answer = _ask(f"{server}/api/2.0/mlflow/runs/get", run, address)
    try:
        return _told(answer["run"], server)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise PackageError(f"{address} answered with no run of MLflow: {error!r}") from None


def _parts(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
        path, run = (parts.path + parts.fragment).rsplit("/", 1)
    except ValueError:
        parts, run, path = urlsplit(""), "", ""
    if parts.scheme not in ("http", "https") or not parts.netloc or not _RUN_ID.fullmatch(run):
        raise PackageError(f"{address!r} is no run of MLflow; expected the server and the run, https://SERVER/RUN_ID")
    base = parts.path if parts.fragment else path
    return urlunsplit((parts.scheme, parts.netloc, base.rstrip("/"), "", "")), run


def _ask(url: str, run: str, address: str) -> Any:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    try:
        response = httpx.get(
            url,
            params={"run_id": run},
            headers={"Authorization": f"Bearer {token}"} if token else {},
            auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user and not token else None,
            timeout=_SECONDS,
            follow_redirects=True,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PackageError(f"{address} cannot be reached: {error}", transient=True) from None
    if response.status_code != httpx.codes.OK:
        hint = "; is the id of the run right?" if response.status_code == httpx.codes.NOT_FOUND else ""
        hint = "; set MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD" if response.status_code in (401, 403) else hint
        raise PackageError(f"{address} answered {response.status_code}{hint}", transient=response.status_code >= 500)
    try:
        return response.json()
    except ValueError:
        raise PackageError(f"{address} answered with no JSON; expected a tracking server of MLflow") from None


def _told(run: dict[str, Any], server: str) -> dict[str, Any]:
    info, data = run["info"], run.get("data") or {}
    tags = _pairs(data.get("tags"))
    metrics = {name: value for name, value in _pairs(data.get("metrics")).items() if math.isfinite(float(value))}
    ended = info.get("end_time")
    datasets = (run.get("inputs") or {}).get("dataset_inputs") or []
    training = {
        "run": f"{server}/#/experiments/{info['experiment_id']}/runs/{info['run_id']}",
        "sourceCommit": tags.get("mlflow.source.git.commit"),
        "dataset": {"name": datasets[0]["dataset"]["name"]} if datasets else None,
        "parameters": {
            name: str(value)[:_MOST_CHARACTERS] for name, value in _pairs(data.get("params")).items() if value
        },
        "trainedAt": datetime.fromtimestamp(int(ended) / 1000, UTC).isoformat() if ended else None,
    }
    return {
        **({"description": note[:_MOST_CHARACTERS]} if (note := tags.get("mlflow.note.content")) else {}),
        "training": {name: value for name, value in training.items() if value},
        **({"evaluation": {"metrics": {name: float(value) for name, value in metrics.items()}}} if metrics else {}),
    }


def _pairs(given: Any) -> dict[str, Any]:
    return {str(each["key"])[:128]: each["value"] for each in sorted(given or [], key=lambda one: one["key"])[:_MOST]}
