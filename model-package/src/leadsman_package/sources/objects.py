"""Models in object stores: S3, Google Cloud Storage and Azure Blob Storage, each with its ordinary environment."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from leadsman_package import naming
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import (
    CHUNK_BYTES,
    Blob,
    DeniedError,
    Identity,
    Location,
    MissingError,
    Settings,
    redact,
)

if TYPE_CHECKING:  # these exist for type checkers only
    from obstore.store import ClientConfig, RetryConfig

_TRUE = ("1", "true", "yes", "on")
_CLIENT_ERROR = re.compile(r"\bstatus code: 4(?!08|29)\d\d\b")
_NOISE = re.compile(r"^Generic \w+ error: |Error performing \w+ \S+ in \S+( after \d+ retries)? - ")
_UNTRUSTED = re.compile(r"InvalidCertificate\(\s*(\w+)")
_SYSTEM_ERROR = re.compile(r'Os \{\s*code: \d+,\s*kind: \w+,\s*message: "([^"]+)"')
_DENIED = "access denied; check the credentials"
_PANIC = "PanicException"
"""What an error of the library's own in Rust is called here. It is no Exception, and cannot be imported."""
_QUERY = re.compile(r"\?\S*")
# fetching.py retries, for every scheme alike.
_RETRIES: "RetryConfig" = {"max_retries": 0, "retry_timeout": timedelta(0)}
_KINDS = {"s3": "bucket", "gs": "bucket", "az": "container"}
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9._~:/@%\[\]-]+")
# Whatever a store calls a bucket or a container; what a URL cannot hold ends the library, in Rust.
_BUCKET = re.compile(r"\$?[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_ENDPOINTS = {"s3": "AWS_ENDPOINT_URL", "gs": "GOOGLE_BASE_URL", "az": "AZURE_STORAGE_ENDPOINT"}
_ALLOWING_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
_PART_BYTES = 8 << 20
_MOST_PARTS = 4
"""Of a file on their way at once, each in memory."""


def locate(uri: str, settings: Settings) -> Location:  # noqa: ARG001 - every scheme gets them
    """Return what s3://BUCKET/PATH, gs://BUCKET/PATH or az://CONTAINER/PATH names. Raises PackageError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, path = rest.partition("/")
    kind = _KINDS[scheme]
    if not bucket or not path.strip("/"):
        raise PackageError(f"{uri!r} names no model; expected {scheme}://{kind.upper()}/PATH, {naming.EXPECTED}")
    if not _BUCKET.fullmatch(bucket):
        raise PackageError(
            f"{uri!r} names no {kind}: {bucket!r} has other characters than letters, digits, '.', '_', '-'"
        )
    endpoint = os.environ.get(_ENDPOINTS[scheme], "")
    allow_http = os.environ.get(_ALLOWING_HTTP[scheme], "").lower() in _TRUE
    at = f" at {redact(endpoint)}" if endpoint else ""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        raise PackageError(f"{_ENDPOINTS[scheme]} is {redact(endpoint)!r}; expected an http(s) URL")
    if endpoint.startswith("http://") and not allow_http:
        raise PackageError(
            f"{uri}{at}: {_ENDPOINTS[scheme]} is plain http; set {_ALLOWING_HTTP[scheme]}=true to allow it"
        )
    directory, name = naming.split(path)
    with _explained(uri, at, kind):
        store = _connect(scheme, bucket, _client(allow_http=allow_http))
    return Location(Objects(store, directory, f"{scheme}://{naming.joined(bucket, directory)}", at, kind), name)


def _connect(scheme: str, bucket: str, client: "ClientConfig") -> S3Store | GCSStore | AzureStore:
    if scheme == "gs":
        return GCSStore(bucket, client_options=client, retry_config=_RETRIES)
    if scheme == "az":
        return AzureStore(bucket, client_options=client, retry_config=_RETRIES)
    return S3Store(bucket, client_options=client, retry_config=_RETRIES)


def _client(*, allow_http: bool) -> "ClientConfig":
    # Given options replace those of the environment, so allow_http has to be handed on. The default time-out of 30 s
    # would be for a whole file.
    options: ClientConfig = {
        "allow_http": allow_http,
        "connect_timeout": "10s",
        "read_timeout": "30s",
        "timeout": "7d",
    }
    authorities = os.environ.get("SSL_CERT_FILE")
    if authorities:
        try:
            options["root_certificate"] = Path(authorities).read_bytes()
        except OSError as error:
            raise PackageError(f"SSL_CERT_FILE, {authorities}, cannot be read: {error.strerror}") from None
    return options


class Objects:
    """The objects of a bucket below a prefix."""

    def __init__(self, store: S3Store | GCSStore | AzureStore, prefix: str, shown: str, at: str, kind: str) -> None:
        self._store = store
        self._prefix = prefix
        self._shown = shown
        self._at = at
        self._kind = kind

    @contextmanager
    def open(self, name: str, offset: int = 0, version: str | None = None) -> Iterator[Blob]:
        """Open an object; at an offset only while its ETag is the same."""
        key = naming.joined(self._prefix, name)
        with self._explained(name):
            result = self._rest(key, offset, version) if offset and version else None
            start = offset if result else 0
            result = result or obstore.get(self._store, key)
            meta = result.meta
            chunks = map(bytes, result.stream(min_chunk_size=CHUNK_BYTES))
            yield Blob(chunks, meta["size"], start, meta["e_tag"])

    def _rest(self, key: str, offset: int, version: str) -> "obstore.GetResult | None":
        try:
            result = obstore.get(self._store, key, options={"range": {"offset": offset}, "if_match": version})
        except (PreconditionError, ValueError, OSError, BaseError):
            return None  # whatever it is: the whole object is asked for, and that explains it
        return result if result.meta["e_tag"] == version and result.range[0] == offset else None

    def identity(self, name: str) -> Identity | None:
        """Tell an object by its ETag, and by its version where the bucket keeps them."""
        with self._explained(name):
            meta = obstore.head(self._store, naming.joined(self._prefix, name))
        parts = [part for part in (meta["e_tag"], meta["version"]) if part]
        return Identity(" ".join(parts)) if parts else None

    def put(self, name: str, path: Path, advance: Callable[[int], None]) -> None:
        """Upload a file, in parts when it is large; `advance` is told of bytes that go. Raises PackageError."""
        key = naming.joined(self._prefix, name)
        with self._explained(name), path.open("rb") as file:
            first = file.read(_PART_BYTES + 1)
            if len(first) <= _PART_BYTES:
                obstore.put(self._store, key, first, use_multipart=False)
                advance(len(first))
                return
            file.seek(0)
            parts = _told(iter(partial(file.read, _PART_BYTES), b""), advance)
            obstore.put(self._store, key, parts, chunk_size=_PART_BYTES, max_concurrency=_MOST_PARTS)

    def close(self) -> None:
        """Do nothing: the connections end with the store."""

    def _explained(self, name: str) -> AbstractContextManager[None]:
        return _explained(f"{self._shown}/{name}", self._at, self._kind)


def _told(chunks: Iterator[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        advance(len(chunk))


@contextmanager
def _explained(shown: str, at: str, kind: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise MissingError(f"{shown}{at}: no such object or {kind}") from error
    except PermissionDeniedError as error:
        raise DeniedError(f"{shown}{at}: {_DENIED}") from error
    except UnauthenticatedError as error:
        raise PackageError(f"{shown}{at}: {_DENIED}") from error
    except (ValueError, TypeError) as error:
        raise PackageError(f"{shown}{at}: {_first_line(error)}") from error
    except BaseError as error:
        text = str(error)
        lasting = bool(_CLIENT_ERROR.search(text) or _UNTRUSTED.search(text))
        raise PackageError(f"{shown}{at}: {_first_line(error)}{_cause(text)}", transient=not lasting) from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        why = f"its client cannot make such a request ({_first_line(error)})"
        raise PackageError(f"{shown}{at}: {why}; check the URI, address and region of the store") from error


def _first_line(error: BaseException) -> str:
    """Return what happened, without queries, which may be signatures."""
    return _QUERY.sub("", _NOISE.sub("", str(error).strip()).partition("\n")[0])


def _cause(text: str) -> str:
    """Return what was behind an error of a connection, which is told only for people who write Rust."""
    if untrusted := _UNTRUSTED.search(text):
        return f": its certificate is not trusted ({untrusted[1]}); SSL_CERT_FILE adds an authority"
    failed = _SYSTEM_ERROR.search(text)
    return f": {failed[1]}" if failed else ""
