"""Where a fetch keeps its files until all are right, and how they then take the place of what was there."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from leadsman_package.canonical import read_manifest
from leadsman_package.downloading import Wanted, explained
from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE, MODEL_FILE

_PREFIX = ".leadsman-"


@dataclass(frozen=True, slots=True)
class Staging:
    """A directory beside the files that it is for, named by the URI: who comes back for the same goes on with it."""

    root: Path

    @property
    def files(self) -> Path:
        """Where the model's files are put together, under the names they will have."""
        return self.root / "files"

    @property
    def unpacked(self) -> Path:
        """Where an archive is unpacked."""
        return self.root / "unpacked"

    def wanted(self, name: str, path: str, digest: str | None = None, size: int | None = None) -> Wanted:
        """Return what is to be downloaded: a store's file `name` as `path` of the model."""
        return Wanted(name, self.files / path, self._note(path), digest, size)

    def archive(self, name: str) -> Wanted:
        """Return an archive that is to be downloaded."""
        return Wanted(name, self.root / "archive", self._note("archive"))

    def _note(self, path: str) -> Path:
        return self.root / "versions" / hashlib.sha256(path.encode()).hexdigest()


@contextmanager
def staging(directory: Path, uri: str) -> Iterator[Staging]:
    """Open the staging directory of a URI. It stays only after an error that may pass.

    Raises PackageError when the directory cannot be written to, or another fetch is at work in it.
    """
    root = directory / f"{_PREFIX}{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
    keep = False
    with _alone(directory):
        with explained(root):
            for other in directory.glob(f"{_PREFIX}*"):
                if other != root:
                    shutil.rmtree(other, ignore_errors=True)
            root.mkdir(exist_ok=True)
            shutil.rmtree(root / "unpacked", ignore_errors=True)
        try:
            yield Staging(root)
        except BaseException as error:
            keep = not isinstance(error, PackageError) or error.transient
            raise
        finally:
            if not keep:
                shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other fetches out of a directory. Some file systems have no locks; there it is up to the caller."""
    with explained(directory / MODEL_FILE):
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PackageError(f"another fetch into {directory} is at work", transient=True) from None
        yield
    finally:
        os.close(lock)


def put_in_place(files: Path, names: Sequence[str], directory: Path) -> None:
    """Move a model's files to a directory, where they replace another model's.

    At no time are files of two models there with a `model.onnx`: the old one goes first when it is not simply replaced,
    and the new one comes last.
    """
    stale = _files_of(directory) - set(names)
    with explained(directory / MODEL_FILE):
        if stale or len(names) > 1:
            for name in (MODEL_FILE, FILE, *stale):
                (directory / name).unlink(missing_ok=True)
        for name in sorted(names, key=lambda name: (name == MODEL_FILE, name == FILE)):
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (files / name).replace(target)


def _files_of(directory: Path) -> set[str]:
    """Return the names of the files of the package that is in a directory, none if there is none."""
    with suppress(PackageError):
        return {FILE, *(file.path for file in read_manifest(directory).files)}
    return {FILE} if (directory / FILE).exists() else set()
