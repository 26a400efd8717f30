"""Pushing a package: blobs that the registry lacks, several at once, then its configuration, and the manifest last."""

from contextlib import closing
from functools import partial
from pathlib import Path

from leadsman_package.downloading import Effort, retried
from leadsman_package.errors import PackageError
from leadsman_package.local import LocalPackage
from leadsman_package.oci.artifact import MANIFEST_TYPE, Layer, Packed, digest_of, pack, read
from leadsman_package.oci.connection import Connection
from leadsman_package.oci.reference import Reference, parse
from leadsman_package.oci.registry import Registry
from leadsman_package.oci.settings import Access
from leadsman_package.oci.upload import PART_BYTES, Upload
from leadsman_package.parallel import in_parallel
from leadsman_package.sources.store import MissingError


def push(package: LocalPackage, uri: str, effort: Effort, *, force: bool = False, part_bytes: int = PART_BYTES) -> str:
    """Push a package, and return a URI that pins the artifact that it has become.

    Raises PackageError; without `force` also when the tag stands for something else.
    """
    reference = parse(uri)
    if reference.tag is None or reference.digest is not None:
        raise PackageError(f"{reference} is no place to push to; expected oci://HOST/NAME:TAG")
    tag, packed = reference.tag, pack(package.manifest, package.text, package.beside)
    connection = retried(effort, lambda: Connection(reference, Access.from_environment()))
    with closing(connection):
        registry = Registry(connection)
        there = retried(effort, lambda: _there(registry, tag))
        if there is not None and there != packed.manifest and not force:
            _refuse_another(there, package.digest, reference)
        _Push(package.directory, registry, effort, part_bytes).all(packed)
        if there != packed.manifest:
            retried(effort, lambda: _tag(registry, packed.manifest, tag))
    return str(Reference(reference.host, reference.name, tag, digest_of(packed.manifest)))


class _Push:
    def __init__(self, directory: Path, registry: Registry, effort: Effort, part_bytes: int) -> None:
        self._directory, self._registry, self._effort = directory, registry, effort
        self._part_bytes = part_bytes

    def all(self, packed: Packed) -> None:
        """Upload what the registry lacks; files with the same bytes are one blob."""
        blobs = {layer.digest: layer for layer in packed.layers}
        in_parallel(self._effort, [partial(self._layer, layer) for layer in blobs.values()])
        self._config(packed.config)

    def _layer(self, layer: Layer) -> None:
        name = str(layer.path)
        progress = self._effort.progress
        if retried(self._effort, lambda: self._registry.has(layer.digest)):
            progress.begin(name, layer.size, layer.size)
            return
        progress.begin(name, layer.size, 0)
        upload = Upload(
            self._registry,
            layer,
            self._directory / name,
            lambda count: progress.advance(name, count),
            self._part_bytes,
        )
        retried(self._effort, upload.attempt, lambda: upload.done)

    def _config(self, text: bytes) -> None:
        digest = digest_of(text)
        if not retried(self._effort, lambda: self._registry.has(digest)):
            retried(self._effort, lambda: self._registry.put_blob(text, digest))


def _there(registry: Registry, tag: str) -> bytes | None:
    """Return the manifest that a tag stands for."""
    try:
        return registry.manifest(tag)
    except MissingError:
        return None


def _refuse_another(there: bytes, digest: str, reference: Reference) -> None:
    """Raise PackageError unless what is there is the same package, which may have another signature."""
    try:
        found = read(there, str(reference)).package
    except PackageError:
        found = None
    if found != digest:
        other = f"the package {found}" if found else "something else"
        raise PackageError(f"{reference} is {other} already; push to another tag, or replace it with --force")


def _tag(registry: Registry, manifest: bytes, tag: str) -> None:
    registry.put_manifest(manifest, tag, MANIFEST_TYPE)
    if registry.manifest(tag) != manifest:
        raise PackageError(f"{registry.connection.reference}: the registry has stored another manifest than was sent")
