"""One download: streamed to disk with bounded memory, its digest computed on the way, put in place only when right."""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import tenacity

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import Blob
from leadsman_serving.fetch.source import Opener

_REPORT_EVERY = 5.0  # seconds
_MIB = 1 << 20

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was put in place: "sha256:<hex>" and the size in bytes."""

    digest: str
    size: int


def fetch(opener: Opener, target: Path, digest: str | None, retry_for: float, report: Report) -> Fetched:
    """Download to `target`, trying again with growing pauses that add up to about `retry_for` seconds.

    `report` gets a line of text for people about progress and retries. Raises the last FetchError.
    """

    def announce(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        report(f"attempt {state.attempt_number} failed ({error}); trying again in {state.upcoming_sleep:.1f} s")

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, FetchError) and error.transient),
        wait=tenacity.wait_exponential(multiplier=0.5, max=15) + tenacity.wait_random(0, 0.25),
        stop=lambda state: state.idle_for >= retry_for,
        before_sleep=announce,
        reraise=True,
    )
    return retrying(lambda: _fetch_once(opener, target, digest, ProgressLine(report)))


def _fetch_once(opener: Opener, target: Path, digest: str | None, progress: "ProgressLine") -> Fetched:
    partial = target.with_name(f".{target.name}.partial")
    try:
        with opener() as blob:
            fetched = _write(blob, partial, progress)
        if digest is not None and fetched.digest != digest:
            raise FetchError(
                f"the file has digest {fetched.digest}, but {digest} was expected; it was not used", transient=False
            )
        partial.replace(target)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return fetched


def _write(blob: Blob, path: Path, progress: "ProgressLine") -> Fetched:
    hasher = hashlib.sha256()
    done = 0
    with _explained(path):
        file = path.open("wb", buffering=0)  # a full disk shows at the write that meets it
    with file:
        for chunk in blob.chunks:  # errors of the source are the source's own to explain
            with _explained(path):
                _write_all(file, chunk)
            hasher.update(chunk)
            done += len(chunk)
            progress.tell(done, blob.size)
        with _explained(path):
            os.fsync(file.fileno())
    if blob.size is not None and done != blob.size:
        raise FetchError(f"the source promised {blob.size} bytes, but sent {done}", transient=True)
    return Fetched(f"sha256:{hasher.hexdigest()}", done)


def _write_all(file: io.FileIO, chunk: bytes) -> None:
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FetchError(f"cannot write to {path.parent}: {error.strerror}", transient=False) from error


class ProgressLine:
    """Reports how far a download is, every few seconds."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._next = time.monotonic() + _REPORT_EVERY

    def tell(self, done: int, size: int | None) -> None:
        """Take note of `done` bytes of `size` (None: not known)."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _REPORT_EVERY
        of = f" of {size / _MIB:.0f} MiB ({done / size:.0%})" if size else ""
        self._report(f"fetched {done / _MIB:.0f} MiB{of}")
