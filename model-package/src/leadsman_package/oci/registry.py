"""What is asked of a registry: the distribution specification's manifests and blobs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from leadsman_package.errors import PackageError
from leadsman_package.oci.artifact import ACCEPTED, MOST_BYTES, digest_of
from leadsman_package.oci.connection import Connection
from leadsman_package.sources.store import CHUNK_BYTES, MissingError

_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a blob from `offset` on, which is 0 where the registry does not know ranges."""

    offset: int
    chunks: Iterator[bytes]


class Registry:
    """The artifacts of one name in a registry. Methods raise PackageError; they may be called from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """How the registry is reached."""
        return self._connection

    def manifest(self, wanted: str) -> bytes:
        """Return the bytes of the manifest with a tag or digest. Raises MissingError when there is none."""
        at = self._connection
        with at.request("GET", at.url(f"manifests/{wanted}"), {"Accept": ", ".join(ACCEPTED)}) as response:
            text = at.document(response, MOST_BYTES)
        found = digest_of(text)
        if wanted.startswith("sha256:") and found != wanted:
            raise PackageError(f"{at.reference}: the registry sent a manifest with the digest {found}")
        return text

    def has(self, digest: str) -> bool:
        """Return whether there is a blob."""
        at = self._connection
        try:
            with at.request("HEAD", at.url(f"blobs/{digest}")):
                return True
        except MissingError:
            return False

    @contextmanager
    def blob(self, digest: str, offset: int = 0) -> Iterator[Stream]:
        """Open a blob to go on at `offset`. Its bytes are not verified here."""
        at = self._connection
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with at.request("GET", at.url(f"blobs/{digest}"), headers) as response:
            start = self._start(response, offset)
            yield Stream(start, response.iter_content(CHUNK_BYTES))

    def begin_upload(self) -> str:
        """Return the URL to send a blob to."""
        at = self._connection
        url = at.url("blobs/uploads/")
        with at.request("POST", url) as response:
            return at.absolute(url, response.headers.get("location"))

    def put_blob(self, text: bytes, digest: str) -> None:
        """Store a small blob."""
        headers = {"Content-Type": "application/octet-stream"}
        with self._connection.request("PUT", self.begin_upload(), headers, lambda: text, {"digest": digest}):
            pass

    def put_manifest(self, text: bytes, tag: str, media_type: str) -> None:
        """Store a manifest under a tag."""
        at = self._connection
        with at.request("PUT", at.url(f"manifests/{tag}"), {"Content-Type": media_type}, lambda: text):
            pass

    def _start(self, response: object, offset: int) -> int:
        status, headers = getattr(response, "status_code", 0), getattr(response, "headers", {})
        if status != 206:
            return 0
        matched = _RANGE.fullmatch(headers.get("content-range", ""))
        if not matched or int(matched[1]) != offset:
            raise PackageError(f"{self._connection.reference}: the registry sent another range than asked for")
        return offset
