"""One file of a model: streamed to disk with bounded memory, its digest computed on the way, resumed after a cut."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import tenacity

from leadsman_package.errors import PackageError
from leadsman_package.progress import Progress
from leadsman_package.sources.store import CHUNK_BYTES, Blob, Settings, Store

Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a store, and where its bytes go. What is known of them is held against them."""

    name: str
    path: Path
    note: Path
    """Where its version is kept, so that another process can go on with it."""
    digest: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard to try, whom to tell, and whether to stop, as when another file has failed."""

    settings: Settings
    progress: Progress
    stop: threading.Event


@dataclass(frozen=True, slots=True)
class Session:
    """What the downloads of one fetch have in common."""

    store: Store
    effort: Effort


def read_small(session: Session, name: str, most_bytes: int) -> bytes:
    """Return the bytes of a small file. Raises PackageError when there are more than `most_bytes`."""

    def read() -> bytes:
        text = bytearray()
        with session.store.open(name) as blob:
            for chunk in blob.chunks:
                text += chunk
                if len(text) > most_bytes:
                    raise PackageError(f"{name} has more than {most_bytes} bytes, the most that it may have")
        _check_size(blob, len(text))
        return bytes(text)

    return retried(session.effort, read)


def download(session: Session, wanted: Wanted) -> str:
    """Put the bytes of a file where they go, and return their digest, "sha256:<hex>".

    Attempts that fail in a way that may pass are repeated with growing pauses, for as long as they get further within
    the settings' `retry_for`. What an earlier process left at the path is gone on with. Raises PackageError.
    """
    part = Part(wanted.path, wanted.note)
    try:
        retried(session.effort, lambda: _attempt(session, wanted, part), lambda: part.furthest)
        if wanted.digest not in (None, part.digest()):
            raise PackageError(f"{wanted.name} has digest {part.digest()}, but {wanted.digest} was expected")
    except PackageError as error:
        if not error.transient:
            part.discard()
        raise
    finally:
        part.close()
    return part.digest()


def retried(effort: Effort, attempt: Callable[[], Got], progress: Callable[[], int] = lambda: 0) -> Got:
    """Return what an attempt does, repeated while it fails in a way that may pass; `progress` says how far it came."""
    furthest, idle = 0, 0.0

    def has_stopped(state: tenacity.RetryCallState) -> bool:
        nonlocal furthest, idle
        if progress() > furthest:
            furthest, idle = progress(), state.idle_for
        return state.idle_for - idle >= effort.settings.retry_for

    def announce(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        pause = f"trying again in {state.upcoming_sleep:.1f} s"
        effort.progress.say(f"attempt {state.attempt_number} failed ({error}); {pause}")

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, PackageError) and error.transient and not effort.stop.is_set()
        ),
        wait=tenacity.wait_exponential(multiplier=0.5, max=15) + tenacity.wait_random(0, 0.25),
        stop=has_stopped,
        sleep=tenacity.sleep_using_event(effort.stop),
        before_sleep=announce,
        reraise=True,
    )
    return retrying(attempt)


def _attempt(session: Session, wanted: Wanted, part: "Part") -> None:
    if wanted.size is not None and part.done == wanted.size:
        session.effort.progress.begin(wanted.name, wanted.size, part.done)
        return
    with session.store.open(wanted.name, part.done, part.version) as blob:
        if wanted.size is not None and blob.size not in (None, wanted.size):
            raise PackageError(f"{wanted.name} has {blob.size} bytes, but {wanted.size} were expected")
        if blob.offset != part.done or blob.version != part.version:
            part.restart(blob.version)
        session.effort.progress.begin(wanted.name, blob.size or wanted.size, part.done)
        for chunk in blob.chunks:
            if session.effort.stop.is_set():
                raise PackageError("another file failed", transient=True)
            part.write(chunk)
            session.effort.progress.advance(wanted.name, len(chunk))
            if wanted.size is not None and part.done > wanted.size:
                raise PackageError(f"{wanted.name} has more than the {wanted.size} bytes that were expected")
    _check_size(blob, part.done)
    if wanted.size is not None and part.done != wanted.size:
        raise PackageError(f"{wanted.name} has {part.done} bytes, but {wanted.size} were expected")
    part.sync()


def _check_size(blob: Blob, done: int) -> None:
    if blob.size is not None and done != blob.size:
        raise PackageError(f"the source promised {blob.size} bytes, but sent {done}", transient=True)


class Part:
    """A file that is not whole yet, and the note of the version that the store gave it."""

    def __init__(self, path: Path, note: Path) -> None:
        self._path = path
        self._note = note
        self._hasher = hashlib.sha256()
        self.done = self.furthest = 0
        self.version: str | None = None
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            note.parent.mkdir(parents=True, exist_ok=True)
            if self._note.is_file() and path.is_file():
                self.version = self._note.read_text()
                self._go_on()
            else:
                self._note.unlink(missing_ok=True)
            # Not buffered: a full disk shows at the write that meets it.
            self._file = path.open("ab" if self.done else "wb", buffering=0)

    def _go_on(self) -> None:
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self._hasher.update(chunk)
                self.done += len(chunk)
        self.furthest = self.done

    def restart(self, version: str | None) -> None:
        """Begin with the first byte, of the file with this version."""
        with explained(self._path):
            self._file.truncate(0)
            self._file.seek(0)
            if version is None:
                self._note.unlink(missing_ok=True)
            else:
                self._note.write_text(version)
        self.version, self.done = version, 0
        self._hasher = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Add these bytes."""
        left = memoryview(chunk)
        with explained(self._path):
            while left:
                left = left[self._file.write(left) :]
        self._hasher.update(chunk)
        self.done += len(chunk)
        self.furthest = max(self.furthest, self.done)

    def digest(self) -> str:
        """Return the digest of all bytes so far."""
        return f"sha256:{self._hasher.hexdigest()}"

    def sync(self) -> None:
        """Have the disk keep it, which may find that it is full."""
        with explained(self._path):
            os.fsync(self._file.fileno())

    def discard(self) -> None:
        """Forget all of it."""
        with explained(self._path):
            self._path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Have an error of the disk at this path raised as PackageError."""
    try:
        yield
    except OSError as error:
        raise PackageError(f"cannot write to {path.parent}: {error.strerror}") from error
