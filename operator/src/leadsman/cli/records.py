"""Where the ModelRevisions for a backtest come from: exported files, or a cluster, which is only read."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from leadsman.cli.policy import InputError

_KIND = "ModelRevision"
_MOST_BYTES = 256 << 20
# The one in C is ten times as fast; wheels for all usual machines have it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def records_of_files(paths: Sequence[Path], model: str | None = None) -> list[dict[str, Any]]:
    """Return the ModelRevisions in YAML or JSON files, as `kubectl get mrev -o yaml` prints them. Raises InputError."""
    found = []
    for path in paths:
        own = [record for document in _documents(path) for record in _records(document, path)]
        if not own:
            raise InputError(
                f"{path}: there is no ModelRevision in it; expected what `kubectl get mrev -o yaml` prints"
            )
        found += own
    return [record for record in found if model is None or _model_of(record) == model]


def records_of_cluster(namespace: str | None, *, everywhere: bool, model: str | None) -> list[dict[str, Any]]:
    """Return the ModelRevisions of the current context's cluster. Raises InputError."""
    from kubernetes.aio.config import ConfigException

    from leadsman.core.names import MODEL_LABEL
    from leadsman.shell.access import access_of_a_person, connect
    from leadsman.shell.kube import MODEL_REVISION, KubeClient, KubeError

    async def read() -> list[dict[str, Any]]:
        access = access_of_a_person()
        where = "" if everywhere else namespace or access.namespace
        async with connect(access) as api:
            return await KubeClient(api).list(MODEL_REVISION, where, {MODEL_LABEL: model} if model else {})

    try:
        return asyncio.run(read())
    except (KubeError, ConfigException, OSError) as error:
        raise InputError(f"the cluster's ModelRevisions cannot be read: {error}; --file reads exported ones") from error


def _documents(path: Path) -> Iterator[Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: larger than {_MOST_BYTES:,} bytes; export fewer ModelRevisions at a time")
        text = path.read_text(encoding="utf-8")
        yield from [json.loads(text)] if text.lstrip().startswith("{") else yaml.load_all(text, _LOADER)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: neither YAML nor JSON: {' '.join(str(error).split())[:300]}") from error


def _records(document: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Yield the ModelRevisions of one document: itself, or those in it if it is a list."""
    if not isinstance(document, dict):
        return
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        for item in items:
            # Items of a typed list carry no kind of their own.
            known = {"kind": str(document["kind"]).removesuffix("List"), **item} if isinstance(item, dict) else item
            yield from _records(known, path)
    elif document.get("kind") == _KIND:
        if not isinstance(document.get("metadata"), dict):
            raise InputError(
                f"{path}: a ModelRevision without metadata; expected what `kubectl get mrev -o yaml` prints"
            )
        yield document


def _model_of(record: dict[str, Any]) -> Any:
    spec = record.get("spec")
    return spec.get("modelDeployment") if isinstance(spec, dict) else None
