"""One blob on its way to a registry: in one request when it is small, else in parts that can be gone on with."""

import re
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from leadsman_package.errors import PackageError
from leadsman_package.oci.artifact import Layer
from leadsman_package.oci.connection import Connection
from leadsman_package.oci.registry import Registry
from leadsman_package.sources.store import CHUNK_BYTES

PART_BYTES = 64 << 20
"""Of a blob in one request: registries and what stands before them refuse bodies that are too long."""
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_OCTETS = {"Content-Type": "application/octet-stream"}

Advance = Callable[[int], None]


class Upload:
    """A blob to upload from a file. `attempt` may be called again after an error that may pass; it goes on."""

    def __init__(
        self, registry: Registry, layer: Layer, path: Path, advance: Advance, part_bytes: int = PART_BYTES
    ) -> None:
        self._registry, self._layer, self._path, self._advance = registry, layer, path, advance
        self._part_bytes = part_bytes
        self._at: str | None = None
        self.done = 0

    def attempt(self) -> None:
        """Upload what is missing. Raises PackageError."""
        self._count(0 if self._at is None else self._arrived())
        if self._at is None:
            self._at = self._registry.begin_upload()
        try:
            with self._path.open("rb", buffering=0) as file:
                self._send(file, self._registry.connection, self._at)
        except OSError as error:
            raise PackageError(f"{self._path} cannot be read: {error.strerror}") from None

    def _send(self, file: FileIO, at: Connection, url: str) -> None:
        if self._layer.size > self._part_bytes:
            while self.done < self._layer.size:
                url = self._at = self._send_part(file, at, url)
        body = self._body(file, self.done, self._layer.size)
        with at.request("PUT", url, _OCTETS, body, {"digest": self._layer.digest}):
            self._count(self._layer.size)

    def _send_part(self, file: FileIO, at: Connection, url: str) -> str:
        start, end = self.done, min(self.done + self._part_bytes, self._layer.size)
        headers = {**_OCTETS, "Content-Range": f"{start}-{end - 1}"}
        with at.request("PATCH", url, headers, self._body(file, start, end)) as response:
            self._count(end)
            return at.absolute(url, response.headers.get("location"))

    def _arrived(self) -> int:
        """Return how many bytes the registry has of the upload that was begun; begin anew when it does not know."""
        at, url = self._registry.connection, str(self._at)
        self._at = None
        if self._layer.size <= self._part_bytes:
            return 0
        try:
            with at.request("GET", url) as response:
                matched = _RANGE.fullmatch(response.headers.get("range", ""))
                if matched is None or int(matched[1]) >= self._layer.size:
                    return 0
                self._at = at.absolute(url, response.headers.get("location"))
                held = int(matched[1])
                return held + 1 if held else 0  # 0-0 is also what a registry says that has nothing
        except PackageError as error:
            if error.transient:
                self._at = url
                raise
            return 0

    def _count(self, done: int) -> None:
        self._advance(done - self.done)
        self.done = done

    def _body(self, file: FileIO, start: int, end: int) -> Callable[[], "Slice"] | None:
        return (lambda: Slice(file, start, end)) if end > start else None


class Slice:
    """Bytes of a file as the body of a request, which knows its length."""

    def __init__(self, file: FileIO, start: int, end: int) -> None:
        self._file = file
        self._file.seek(start)
        self._length = self._left = end - start

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def read(self, _size: int = -1) -> bytes:
        """Return the next piece, of a size that sends fast, whatever was asked for."""
        data = self._file.read(min(CHUNK_BYTES, self._left))
        self._left -= len(data)
        return data
