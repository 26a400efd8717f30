"""What every place that models come from can do, so that fetching one is written once.

A scheme of URIs is a module with a function `locate(uri, settings) -> Location`; `locating.SCHEMES` names it.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from leadsman_package.errors import PackageError

CHUNK_BYTES = 1 << 20
"""Stores hand out pieces of about this size, which bounds the memory a fetch needs."""


class MissingError(PackageError):
    """There is no such file, as far as the store tells. Trying again will not help."""


class DeniedError(PackageError):
    """Access to a file was denied; some stores say so of every file that is not there as well."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How models are fetched."""

    pvc_root: Path = field(default_factory=lambda: Path(os.environ.get("LEADSMAN_PVC_ROOT", "/mnt/pvc")))
    """Where claims are mounted, each under its name."""
    retry_for: float = 60.0
    """Seconds that the pauses between attempts may add up to, for each file."""
    parallel: int = 4
    """Files to fetch at once."""


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a file from `offset` on, as a stream."""

    chunks: Iterator[bytes]
    size: int | None = None
    """Of the whole file, in bytes; None: the store does not say."""
    offset: int = 0
    """Where the chunks begin: what was asked for, or 0 when the store cannot do that or the file has changed."""
    version: str | None = None
    """What another file of the same name would not have, as an ETag; None: the store does not say."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What changes whenever the bytes of a file may have; the same text promises the same bytes."""

    text: str
    whole: bool = False
    """Whether it stands for all files of the store, as a commit does, and not only for the one asked for."""


class Store(Protocol):
    """A directory of files somewhere. Its methods may be called from several threads at once.

    All raise PackageError: MissingError for a file that is not there, DeniedError for one that may be, transient for
    what may pass. Names are relative,
    with "/" between parts, none of which is empty, "." or "..".
    """

    def open(self, name: str, offset: int = 0, version: str | None = None) -> AbstractContextManager[Blob]:
        """Open a file to go on at `offset`, where a blob of this `version` was left; without a version at 0.

        An error while chunks are taken is explained as well: it passes through the context.
        """
        ...

    def identity(self, name: str) -> Identity | None:
        """Tell what identifies a file's bytes without reading them; None: there is no such thing here."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass(frozen=True, slots=True)
class Location:
    """What a URI names."""

    store: Store
    name: str
    """A file in the store; "": all of it is the package."""


def redact(uri: str) -> str:
    """Return the URI without what may be secret: user and password, query and fragment."""
    scheme, separator, rest = uri.partition("://")
    rest = rest.partition("?")[0].partition("#")[0]
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"
