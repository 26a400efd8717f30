"""Models that are files here: on a claim that the operator has mounted, or anywhere on a laptop."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from leadsman_package import naming
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import CHUNK_BYTES, Blob, Identity, Location, MissingError, Settings


def locate(uri: str, settings: Settings) -> Location:
    """Return what pvc://CLAIM/PATH or file://PATH names. Raises PackageError when there is no such claim or path."""
    scheme, _, rest = uri.partition("://")
    if scheme == "file":
        return _located(Path(rest), Path("/"), uri)
    claim, _, path = rest.partition("/")
    if not claim or not path.strip("/"):
        raise PackageError(f"{uri!r} names no file or directory; expected pvc://CLAIM/PATH")
    mount = _mount(settings.pvc_root.resolve(), claim)
    if mount is None:
        raise PackageError(f"{uri}: no claim {claim!r} is mounted in {settings.pvc_root}")
    return _located(mount / path, mount, uri)


def _mount(root: Path, claim: str) -> Path | None:
    """Return where a claim is mounted; None when it is not, or cannot be."""
    try:
        mount = (root / claim).resolve()
        return mount if mount.parent == root and mount.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def _located(path: Path, boundary: Path, uri: str) -> Location:
    shown = uri.removeprefix("file://")
    resolved = _resolve(path, boundary, shown)
    if resolved.is_dir():
        return Location(Files(path, boundary, shown), "")
    if not naming.split(path.name)[1]:
        raise PackageError(f"{shown} names no model; expected {naming.EXPECTED}")
    return Location(Files(path.parent, boundary, shown.rpartition("/")[0] or "."), path.name)


class Files:
    """A directory, of which no way leads out of `boundary`."""

    def __init__(self, root: Path, boundary: Path, shown: str) -> None:
        self._root = root
        self._boundary = boundary
        self._shown = shown.rstrip("/")

    @contextmanager
    def open(self, name: str, offset: int = 0, version: str | None = None) -> Iterator[Blob]:
        """Open a file, at an offset only when it is still the same by its time and size."""
        path, shown = self._find(name)
        try:
            with path.open("rb") as stream:
                found = _version(path)
                start = offset if version == found else 0
                stream.seek(start)
                chunks = iter(partial(stream.read, CHUNK_BYTES), b"")
                yield Blob(chunks, path.stat().st_size, start, found)
        except OSError as error:
            raise PackageError(f"{shown} cannot be read: {error.strerror}") from error

    def identity(self, name: str) -> Identity:
        """Tell a file by its time and size."""
        path, shown = self._find(name)
        try:
            return Identity(_version(path))
        except OSError as error:
            raise PackageError(f"{shown} cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Do nothing: there are no connections."""

    def _find(self, name: str) -> tuple[Path, str]:
        shown = f"{self._shown}/{name}"
        path = _resolve(self._root / name, self._boundary, shown)
        if not path.is_file():
            raise PackageError(f"{shown} is no file")
        return path, shown


def _resolve(path: Path, boundary: Path, shown: str) -> Path:
    try:
        resolved = path.resolve()
        if not resolved.is_relative_to(boundary):
            raise PackageError(f"{shown} leads out of the claim")
        resolved.stat()
    except FileNotFoundError:
        raise MissingError(f"{shown}: no such file or directory") from None
    except OSError as error:
        raise PackageError(f"{shown} cannot be read: {error.strerror}") from None
    except RuntimeError:  # what Python before 3.13 makes of links in a circle
        raise PackageError(f"{shown} cannot be read: its links lead in a circle") from None
    except ValueError:
        raise PackageError(f"{shown!r} is no path") from None
    return resolved


def _version(path: Path) -> str:
    found = path.stat()
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
