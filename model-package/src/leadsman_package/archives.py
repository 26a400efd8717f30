"""Archives from anyone: unpacked within bounds, and never outside the directory.

Neither names nor sizes nor numbers in an archive are believed. Only files and directories are taken: no links, and
no devices.
"""

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from leadsman_package import naming
from leadsman_package.downloading import explained
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import CHUNK_BYTES

MOST_FILES = 10_000
_MOST_TIMES = 200
"""What an archive may grow to, as a multiple of its size; weights hardly grow at all."""
FLOOR_BYTES = 1 << 30
"""What any archive may grow to."""
_HEADER_BYTES = 4 << 20
"""Of what precedes a file in a tar, and of the list of files of a zip."""
_ENCRYPTED = 0x1
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, ValueError)


def unpack(archive: Path, name: str, directory: Path, stopped: Callable[[], bool] = lambda: False) -> Path:
    """Unpack an archive, whose kind its name says, and return the directory of its model.

    That is `directory`, or the only directory in it. Raises PackageError, which says what is wrong with the archive.
    """
    taken = _Taken(name, directory, max(FLOOR_BYTES, _MOST_TIMES * archive.stat().st_size), stopped)
    try:
        if name.lower().endswith(".zip"):
            _unpack_zip(archive, taken)
        else:
            _unpack_tar(archive, taken, compressed=not name.lower().endswith(".tar"))
    except (*_BROKEN, NotImplementedError, RuntimeError) as error:
        raise PackageError(f"{name} is no archive as its name says, or is broken: {_reason(error)}") from error
    inside = sorted(directory.iterdir()) if directory.is_dir() else []
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else directory


class _Taken:
    """What has been taken of an archive so far, held against the bounds."""

    def __init__(self, archive: str, directory: Path, most_bytes: int, stopped: Callable[[], bool]) -> None:
        self.archive = archive
        self._directory = directory
        self._left = most_bytes
        self._most_bytes = most_bytes
        self._stopped = stopped
        self._names: set[str] = set()
        self._entries = 0

    def directory(self, name: str) -> None:
        """Make a directory."""
        path = self._directory / self._checked(name)
        with explained(path):
            path.mkdir(parents=True, exist_ok=True)

    def file(self, name: str, source: IO[bytes]) -> None:
        """Write a file."""
        inner = self._checked(name)
        if inner in self._names:
            raise self.refusal(name, "it is in there twice")
        self._names.add(inner)
        path = self._directory / inner
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path.open("xb", buffering=0)
        with target:
            while chunk := source.read(CHUNK_BYTES):
                self._left -= len(chunk)
                if self._left < 0:
                    raise PackageError(f"{self.archive} holds more than {self._most_bytes} bytes; expected a model")
                if self._stopped():
                    raise PackageError("given up", transient=True)
                with explained(path):
                    target.write(chunk)

    def refusal(self, name: str, why: str) -> PackageError:
        """Return the error for an entry."""
        return PackageError(f"{self.archive} holds {name!r:.200}, which is refused: {why}")

    def _checked(self, name: str) -> str:
        self._entries += 1
        if self._entries > MOST_FILES:
            raise PackageError(f"{self.archive} holds more than {MOST_FILES} files; expected a model")
        try:
            return naming.within(name)
        except ValueError as error:
            raise self.refusal(name, str(error)) from None


def _unpack_tar(path: Path, taken: _Taken, *, compressed: bool) -> None:
    with gzip.open(path) if compressed else path.open("rb") as file:
        metered = _Metered(file)
        metered.allow(_HEADER_BYTES)
        # As a stream: going back and forth in a compressed file takes quadratic time.
        with tarfile.open(fileobj=cast(IO[bytes], metered), mode="r|", bufsize=tarfile.RECORDSIZE) as tar:
            _take_all(tar, metered, taken)


def _take_all(tar: tarfile.TarFile, metered: "_Metered", taken: _Taken) -> None:
    for member in tar:
        if member.isdir():
            if member.name not in (".", "./"):
                taken.directory(member.name)
        elif not member.isreg() or member.issparse():
            raise taken.refusal(member.name, "it is no ordinary file; links and devices are not taken")
        else:
            metered.allow(member.size + _HEADER_BYTES)
            content = tar.extractfile(member)
            assert content is not None
            taken.file(member.name, content)
        metered.allow(_HEADER_BYTES)


class _Metered:
    """A stream that gives only as much as it was allowed to: tarfile keeps all that precedes a file in memory."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile) -> None:
        self._source = source
        self._left = 0

    def allow(self, count: int) -> None:
        """Let so many more bytes be read from now on."""
        self._left = count

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes."""
        data = self._source.read(count)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.ReadError(f"more than {_HEADER_BYTES} bytes before a file")
        return data


def _unpack_zip(path: Path, taken: _Taken) -> None:
    with _Sparing(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if member.is_dir():
                taken.directory(member.filename)
            elif mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                raise taken.refusal(member.filename, "it is no ordinary file; links and devices are not taken")
            elif member.flag_bits & _ENCRYPTED:
                raise taken.refusal(member.filename, "it is encrypted")
            elif member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise taken.refusal(member.filename, "it is packed otherwise than by deflate")
            else:
                with archive.open(member) as content:
                    taken.file(member.filename, content)


class _Sparing(io.BufferedReader):
    """A file of which not much is read at once: zipfile keeps the whole list of files in memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what is asked for. Raises BadZipFile when that is too much for memory."""
        data = super().read(_HEADER_BYTES + 1 if size is None or size < 0 else min(size, _HEADER_BYTES + 1))
        if len(data) > _HEADER_BYTES:
            raise zipfile.BadZipFile(f"its list of files has more than {_HEADER_BYTES} bytes")
        return data


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
