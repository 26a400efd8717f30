"""An artifact as a store of files: each layer is one, or an archive with one."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Literal, cast

from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE
from leadsman_package.naming import MODEL, is_archive
from leadsman_package.oci.artifact import Artifact, Layer, read
from leadsman_package.oci.connection import Connection
from leadsman_package.oci.reference import Reference, parse
from leadsman_package.oci.registry import Registry
from leadsman_package.oci.settings import Access
from leadsman_package.sources.store import CHUNK_BYTES, Blob, Identity, Location, MissingError, Settings

_ARCHIVES = {"tar": ".tar", "gzip": ".tar.gz"}
_MOST_OF_A_HEADER = 1 << 20
_MOST_MEMBERS = 10_000


def locate(uri: str, settings: Settings) -> Location:  # noqa: ARG001 - every scheme is given them
    """Return what an artifact holds: a package, its only model, or its only layer when that is an archive.

    Raises PackageError: when the registry does not give it, or it holds none of these.
    """
    reference = parse(uri)
    connection = Connection(reference, Access.from_environment())
    try:
        registry = Registry(connection)
        artifact = read(registry.manifest(reference.wanted), str(reference))
        store = ArtifactStore(registry, artifact, reference)
        return Location(store, store.model())
    except BaseException:
        connection.close()
        raise


class ArtifactStore:
    """The files of one artifact, which never changes: it is what its tag meant when it was opened."""

    def __init__(self, registry: Registry, artifact: Artifact, reference: Reference) -> None:
        self._registry, self._artifact, self._shown = registry, artifact, str(reference)
        self._files = _files(artifact, self._shown)
        self._read: dict[str, tuple[int, Any]] = {}
        """By file, how many bytes of it were handed out, and their hash, for when it goes on there."""

    def model(self) -> str:
        """Return the file to fetch; "" for all of a package. Raises PackageError when there is no telling."""
        if FILE in self._files:
            return ""
        names = list(self._files)
        if len(names) == 1 and is_archive(names[0]):
            return names[0]
        models = [name for name in names if name.endswith(MODEL)]
        if len(models) == 1:
            return models[0]
        held = ", ".join(sorted(names)[:5]) or "no files"
        raise PackageError(f"{self._shown} holds {held}; expected {FILE}, one .onnx file, or one archive")

    @contextmanager
    def open(self, name: str, offset: int = 0, version: str | None = None) -> Iterator[Blob]:
        """Open a file. One in an archive is always read from its beginning."""
        layer = self._files.get(name)
        if layer is None:
            raise MissingError(f"{self._shown} has no file {name!r}")
        if layer.packing != "raw" and layer.path == name:
            with self._registry.blob(layer.digest) as stream, self._archived(layer, stream.chunks) as blob:
                yield blob
            return
        start = offset if version == layer.digest and self._can_go_on(name, offset) else 0
        with self._registry.blob(layer.digest, start) as stream:
            yield Blob(
                self._verified(name, layer, stream.offset, stream.chunks), layer.size, stream.offset, layer.digest
            )

    def identity(self, name: str) -> Identity:  # noqa: ARG002 - all files are of one artifact
        """Return the artifact's digest."""
        return Identity(self._artifact.digest, whole=True)

    def close(self) -> None:
        """Let go of connections."""
        self._registry.connection.close()

    def _can_go_on(self, name: str, offset: int) -> bool:
        """Whether the bytes before need not be seen again: they are hashed, or a manifest says what all have to be."""
        return FILE in self._files or self._read.get(name, (0, None))[0] == offset

    def _verified(self, name: str, layer: Layer, start: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand on the bytes of a layer from `start` on, and complain in the end if all of it is not what was named."""
        count, hasher = self._read.pop(name, (0, None))
        if start != count:
            count, hasher = start, None  # what an earlier process has read is the fetch's own to verify
        if not start:
            hasher = hashlib.sha256()
        with self._registry.connection.explained():
            for chunk in chunks:
                count += len(chunk)
                if count > layer.size:
                    raise PackageError(
                        f"{self._shown}: {name} has more than the {layer.size} bytes that it should have"
                    )
                if hasher is not None:
                    hasher.update(chunk)
                    self._read[name] = (count, hasher)
                yield chunk
        if count < layer.size:
            raise PackageError(f"{self._shown}: {name} ended after {count} of {layer.size} bytes", transient=True)
        self._read.pop(name, None)
        found = f"sha256:{hasher.hexdigest()}" if hasher else layer.digest
        if found != layer.digest:
            raise PackageError(f"{self._shown}: {name} has the digest {found}, but its manifest says {layer.digest}")

    @contextmanager
    def _archived(self, layer: Layer, chunks: Iterator[bytes]) -> Iterator[Blob]:
        """Open the only file of an archive."""
        whole = _Reader(self._verified(str(layer.path), layer, 0, chunks))
        mode: Literal["r|gz", "r|"] = "r|gz" if layer.packing == "gzip" else "r|"
        try:
            with tarfile.open(
                fileobj=cast(IO[bytes], whole), mode=mode, tarinfo=_Member, bufsize=CHUNK_BYTES
            ) as archive:
                member, content = self._only_file(archive, layer)
                yield Blob(iter(lambda: content.read(CHUNK_BYTES), b""), member.size, version=layer.digest)
                while _next(archive):  # whatever else there is has to be read for the digest of all
                    pass
            whole.drain()
        except (tarfile.TarError, EOFError, OSError) as error:
            raise PackageError(f"{self._shown}: the archive {layer.path} cannot be read: {error}") from None

    def _only_file(self, archive: tarfile.TarFile, layer: Layer) -> tuple[tarfile.TarInfo, Any]:
        wanted = {str(layer.path), str(layer.path).rpartition("/")[2]}
        for _ in range(_MOST_MEMBERS):
            member = _next(archive)
            if member is None:
                break
            if member.isreg() and member.name.removeprefix("./") in wanted:
                return member, archive.extractfile(member)
        raise PackageError(f"{self._shown}: the archive {layer.path} does not hold that file")


def _files(artifact: Artifact, shown: str) -> dict[str, Layer]:
    """Return the layers by the names of their files. A lone archive is a file itself."""
    if len(artifact.layers) == 1 and artifact.layers[0].packing != "raw":
        layer = artifact.layers[0]
        return {f"artifact{_ARCHIVES[layer.packing]}": layer}
    nameless = [layer.digest for layer in artifact.layers if layer.path is None]
    if nameless:
        raise PackageError(f"{shown} has several layers, and no path for {nameless[0]}; expected one for each")
    return {str(layer.path): layer for layer in artifact.layers}


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    member = archive.next()
    cast(Any, archive).members.clear()  # else all headers are kept
    return member


class _Member(tarfile.TarInfo):
    """Refuses headers that are read into memory whole and are longer than any name."""

    _LONG = (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in self._LONG and self.size > _MOST_OF_A_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


class _Reader(io.RawIOBase):
    """A stream of chunks as a file to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, `size` of them unless there are fewer."""
        parts = [self._rest]
        held = len(self._rest)
        while held < size and (chunk := next(self._chunks, b"")):
            parts.append(chunk)
            held += len(chunk)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def drain(self) -> None:
        """Read what is left."""
        for _ in self._chunks:
            pass
