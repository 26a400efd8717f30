"""Models registered with MLflow: its server says by its REST API where their files are, and may hand them out itself.

It is at MLFLOW_TRACKING_URI; credentials are MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and -_PASSWORD.
"""

import os
import re
from contextlib import closing
from typing import Any
from urllib.parse import unquote

from leadsman_package import naming, plain_yaml
from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE
from leadsman_package.sources.locating import locate as locate_elsewhere
from leadsman_package.sources.store import Blob, DeniedError, Identity, Location, MissingError, Settings, Store, redact
from leadsman_package.sources.web import Web

_URI = re.compile(r"mlflow://(?P<model>[^/@]+)(@(?P<alias>[^/@]+)|/(?P<version>[1-9][0-9]*))")
_API = "api/2.0/mlflow"
_PROXY = "api/2.0/mlflow-artifacts/artifacts"
_PROXIED = re.compile(r"mlflow-artifacts:(//[^/]*)?/(?P<path>.*)")
_DESCRIPTION = "MLmodel"
_MOST_BYTES = 4 << 20
_ELSEWHERE = ("s3", "gs", "https", "http")
_SCHEMES = f"its artifact proxy, {', '.join(_ELSEWHERE)} or wasbs"
_AZURE = re.compile(r"(wasbs|abfss)://(?P<container>[^@/]+)@[^/]+/(?P<path>.*)")


def locate(uri: str, settings: Settings) -> Location:
    """Return what mlflow://MODEL@ALIAS or mlflow://MODEL/VERSION names: a package, or a model of the flavour `onnx`.

    Raises PackageError.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise PackageError(f"{uri!r} names no model; expected mlflow://MODEL@ALIAS or mlflow://MODEL/VERSION")
    model = unquote(found["model"])
    with closing(_server("")) as server:
        version = found["version"] or _aliased(server, model, unquote(found["alias"]))
        about = _ask(server, f"{_API}/model-versions/get", "model_version", name=model, version=version)
        answer = _ask(server, f"{_API}/model-versions/get-download-uri", None, name=model, version=version)
    # A version is deleted with its number, which no other version gets; its time is for servers made anew.
    revision = f"{model}/{version} {about.get('creation_timestamp', '')}".rstrip()
    store = _files(str(answer.get("artifact_uri")), revision, settings)
    try:
        return Location(store, _entry(store, uri))
    except BaseException:
        store.close()
        raise


def _server(path: str, revision: str | None = None) -> Web:
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not address.startswith(("http://", "https://")):
        raise PackageError(f"MLFLOW_TRACKING_URI is {redact(address)!r}; expected the http(s) URL of an MLflow server")
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
    auth = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
    headers = {"authorization": f"Bearer {token}"} if token and not user else {}
    return Web(naming.joined(address.rstrip("/"), path), headers=headers, revision=revision, auth=auth)


def _aliased(server: Web, model: str, alias: str) -> str:
    path = f"{_API}/registered-models/alias"
    return str(_ask(server, path, "model_version", name=model, alias=alias)["version"])


def _ask(server: Web, path: str, field: str | None, **parameters: str) -> dict[str, Any]:
    answer = server.json(path, **parameters)
    part = answer.get(field) if field and isinstance(answer, dict) else answer
    if not isinstance(part, dict):
        raise PackageError(f"what is at MLFLOW_TRACKING_URI did not answer {path} as MLflow does")
    return part


def _files(place: str, revision: str, settings: Settings) -> Store:
    """Return the store of the files that the server says are at a place."""
    proxied = _PROXIED.fullmatch(place)
    if proxied:
        return _server(f"{_PROXY}/{proxied['path'].strip('/')}", revision)
    azure = _AZURE.fullmatch(place)
    if azure:
        place = f"az://{azure['container']}/{azure['path']}"
    if place.partition("://")[0] not in (*_ELSEWHERE, "az"):
        raise PackageError(f"MLflow has the model at {redact(place)}; expected {_SCHEMES}")
    return Pinned(locate_elsewhere(f"{place.rstrip('/')}/", settings).store, revision)


class Pinned:
    """A store whose files are those of a revision."""

    def __init__(self, store: Store, revision: str) -> None:
        self._revision = revision
        self.open = store.open
        self.close = store.close

    def identity(self, name: str) -> Identity:  # noqa: ARG002 - it is that of all files
        """Tell the revision."""
        return Identity(self._revision, whole=True)


def _entry(store: Store, uri: str) -> str:
    """Return the file of the model's flavour `onnx`, or "" when the files are a package."""
    try:
        with store.open(FILE):
            return ""
    except (MissingError, DeniedError):
        pass
    try:
        with store.open(_DESCRIPTION) as blob:
            text = _bounded(blob, uri)
        flavours = plain_yaml.load(text)["flavors"]
        onnx = dict(flavours).get("onnx")
        if onnx is not None:
            return naming.within(str(onnx.get("data", "model.onnx")))
    except (MissingError, DeniedError):
        return ""
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PackageError(f"{uri}: its {_DESCRIPTION} cannot be understood: {error}") from None
    others = ", ".join(map(str, flavours))
    raise PackageError(f"{uri} has the flavours {others}; expected onnx, or a package (`leadsman package` makes one)")


def _bounded(blob: Blob, uri: str) -> bytes:
    text = bytearray()
    for chunk in blob.chunks:
        text += chunk
        if len(text) > _MOST_BYTES:
            raise PackageError(f"{uri}: its {_DESCRIPTION} has more than {_MOST_BYTES} bytes")
    return bytes(text)
