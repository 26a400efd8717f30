"""An artifact's manifest: which files it holds and where, and the one that a package gets. Pure.

The format is the ModelPack specification's, version 1 (`application/vnd.cncf.model.*`). Read is what others push, too:
each layer is a file of its own, whose path one of three annotations names, or a tar archive, perhaps gzipped.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE, MODEL_FILE, Digest, File, Manifest
from leadsman_package.naming import within

MOST_BYTES = 4 << 20
"""Of an artifact's manifest, as registries have it."""
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ACCEPTED = (MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json")
_ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
_WEIGHT = "application/vnd.cncf.model.weight.v1.raw"
_ABOUT_WEIGHT = "application/vnd.cncf.model.weight.config.v1.raw"
_DOCUMENT = "application/vnd.cncf.model.doc.v1.raw"
_DATASET = "application/vnd.cncf.model.dataset.v1.raw"
_DOCUMENTS = (".md", ".txt", ".sig", "licence", "license")
_PATH = "org.cncf.model.filepath"
_TITLE = "org.opencontainers.image.title"
_PATHS = (_PATH, "org.cnai.model.filepath", _TITLE)

Packing = Literal["raw", "tar", "gzip"]
Size = Annotated[int, Field(ge=0, le=1 << 53)]


class _Part(BaseModel):
    """A part of an artifact's manifest; fields that it does not know are others' business."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Descriptor(_Part):
    """A blob: what it is, and the bytes it has."""

    media_type: Annotated[str, StringConstraints(max_length=255)]
    digest: Digest
    size: Size
    annotations: dict[str, str] | None = None


class _Document(_Part):
    """An artifact's manifest as it is stored."""

    schema_version: Literal[2] = 2
    media_type: str | None = None
    artifact_type: str | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    annotations: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `path` is that of its file; of an archive it may be None, or that of what it holds."""

    path: str | None
    packing: Packing
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was read of an artifact. `digest` is that of its manifest, "sha256:<hex>"."""

    digest: str
    layers: tuple[Layer, ...]

    @property
    def package(self) -> str | None:
        """The digest of the package that it holds; None: it holds none."""
        return next((layer.digest for layer in self.layers if layer.path == FILE and layer.packing == "raw"), None)


@dataclass(frozen=True, slots=True)
class Packed:
    """A package as an artifact: the bytes of its manifest and of its configuration, and its layers."""

    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]


def read(text: bytes, where: str) -> Artifact:
    """Return what an artifact's manifest says; `where` names it in messages.

    Raises PackageError for what is no manifest of an artifact, or has a file that would lie outside a directory.
    """
    try:
        document = _Document.model_validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise PackageError(f"{where} has a manifest that cannot be read: {place}: {first['msg']}") from None
    if document.layers is None:
        raise PackageError(
            f"{where} is {document.media_type or 'no image manifest'}; expected one manifest of type {MANIFEST_TYPE}; "
            f"an index of several has to be named by the digest of one of them"
        )
    layers = tuple(layer for layer in (_layer(each, where) for each in document.layers) if layer)
    _refuse_twins(layers, where)
    return Artifact(digest_of(text), layers)


def pack(manifest: Manifest, text: bytes, beside: Sequence[File] = ()) -> Packed:
    """Return the artifact of a package whose model.yaml has these bytes. The same package gives the same artifact.

    `beside` are files that belong to it and that its manifest cannot name, as its signature.
    """
    own = Layer(FILE, "raw", digest_of(text), len(text))
    layers = (own, *(Layer(file.path, "raw", file.digest, file.size) for file in (*_in_order(manifest), *beside)))
    config = _json(_config(manifest, layers))
    descriptors = [_described(layer, _media_type(str(layer.path))) for layer in layers]
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": _ARTIFACT_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "digest": digest_of(config), "size": len(config)},
        "layers": descriptors,
        "annotations": _annotations(manifest),
    }
    return Packed(_json(document), config, layers)


def digest_of(text: bytes) -> str:
    """Return "sha256:<hex>" of some bytes."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


def _layer(descriptor: Descriptor, where: str) -> Layer | None:
    """Return a layer; None for one that is no file and no archive, as other tools may add."""
    annotations = descriptor.annotations or {}
    path = next((annotations[key] for key in _PATHS if key in annotations), None)
    packing = _packing(descriptor.media_type, where)
    if path is None and packing == "raw":
        return None
    if path is not None:
        try:
            path = within(path)
        except ValueError as error:
            raise PackageError(f"{where} has a layer with the path {path[:80]!r}: {error}") from None
    return Layer(path, packing, descriptor.digest, descriptor.size)


def _packing(media_type: str, where: str) -> Packing:
    kind = media_type.lower()
    if kind.endswith(("tar+zstd", "tar.zstd")):
        raise PackageError(f"{where} has a layer of type {media_type}; expected raw files, tar, or tar with gzip")
    if kind.endswith(("tar+gzip", "tar.gzip")):
        return "gzip"
    return "tar" if kind.endswith((".tar", "+tar")) else "raw"


def _refuse_twins(layers: Iterable[Layer], where: str) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.packing == "raw" and layer.path is not None:
            if layer.path in seen:
                raise PackageError(f"{where} has two layers with the path {layer.path!r}; expected one")
            seen.add(layer.path)


def _in_order(manifest: Manifest) -> list[File]:
    return sorted(manifest.files, key=lambda file: (file.path != MODEL_FILE, file.path))


def _media_type(path: str) -> str:
    if path == FILE:
        return _ABOUT_WEIGHT
    if path.endswith(".json"):
        return _DATASET
    return _DOCUMENT if path.lower().endswith(_DOCUMENTS) else _WEIGHT


def _described(layer: Layer, media_type: str) -> dict[str, object]:
    path = str(layer.path)
    return {
        "mediaType": media_type,
        "digest": layer.digest,
        "size": layer.size,
        "annotations": {_PATH: path, _TITLE: path},  # the title for `oras pull`
    }


def _config(manifest: Manifest, layers: tuple[Layer, ...]) -> dict[str, object]:
    training = manifest.training
    dataset = training.dataset if training else None
    descriptor = {
        "createdAt": _moment(training.trained_at) if training else None,
        "authors": [manifest.owner] if manifest.owner else None,
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "revision": training.source_commit if training else None,
        "licenses": [manifest.licence] if manifest.licence else None,
        "datasetsURL": [dataset.uri] if dataset and dataset.uri else None,
    }
    return {
        "descriptor": {key: value for key, value in descriptor.items() if value is not None},
        "config": {"format": "onnx"},
        "modelfs": {"type": "layers", "diffIds": [layer.digest for layer in layers]},
    }


def _moment(when: datetime | None) -> str | None:
    """Return a moment by RFC 3339, which none is without its time zone."""
    return when.isoformat() if when and when.tzinfo else None


def _annotations(manifest: Manifest) -> dict[str, str]:
    found = {
        _TITLE: manifest.name,
        "org.opencontainers.image.version": manifest.version,
        "org.opencontainers.image.description": manifest.description,
        "org.opencontainers.image.authors": manifest.owner,
        "org.opencontainers.image.licenses": manifest.licence,
        "org.opencontainers.image.revision": manifest.training.source_commit if manifest.training else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
