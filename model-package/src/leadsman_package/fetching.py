"""A whole model from where its URI says into a directory: `model.onnx` with its data, or the files of a package."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leadsman_package import archives, layout, naming
from leadsman_package.canonical import MOST_BYTES, package_digest, parse_manifest
from leadsman_package.digest import digest_of_list, external_files
from leadsman_package.downloading import Effort, Session, Wanted, download, explained, read_small, retried
from leadsman_package.errors import PackageError
from leadsman_package.layout import Kind
from leadsman_package.manifest import FILE, MODEL_FILE
from leadsman_package.parallel import in_parallel
from leadsman_package.progress import Progress, Silent
from leadsman_package.sources.locating import locate
from leadsman_package.sources.store import DeniedError, MissingError, Settings, redact
from leadsman_package.staging import Staging, put_in_place, staging


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was put in place: its digest "sha256:<hex>", the bytes of all its files, and what it is."""

    digest: str
    size: int
    kind: Kind


def fetch(
    uri: str,
    directory: Path,
    *,
    digest: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch what a URI names into a directory that exists; nothing is put in place before all of it is right.

    With a digest, other bytes are refused: a package's before more than its manifest is fetched. Raises PackageError;
    what was in the directory is still there then, and after a transient one the next fetch of the URI goes on.
    """
    with opened(uri, settings or Settings(), progress or Silent()) as at:
        return fetch_opened(at, directory, digest)


@dataclass(frozen=True, slots=True)
class At:
    """What a URI names, opened: a file of the session's store, or all of it with the name ""."""

    uri: str
    session: Session
    name: str


@contextmanager
def opened(uri: str, settings: Settings, progress: Progress) -> Iterator[At]:
    """Open what a URI names. Raises PackageError."""
    effort = Effort(settings, progress, threading.Event())
    location = retried(effort, lambda: locate(uri, settings))
    with closing(location.store):
        yield At(redact(uri), Session(location.store, effort), location.name)


def fetch_opened(at: At, directory: Path, digest: str | None = None) -> Fetched:
    """Fetch what has been opened, as `fetch` does."""
    with staging(directory, at.uri) as stage:
        staged = _staged(at, stage, digest)
        _check(staged.fetched.digest, digest)
        put_in_place(staged.files, staged.names, directory)
    return staged.fetched


def manifest_of(at: At) -> bytes | None:
    """Return the bytes of the manifest in a store, None when it has none, or denies it but not the model.

    Raises PackageError.
    """
    try:
        return read_small(at.session, FILE, MOST_BYTES)
    except MissingError:
        return None
    except DeniedError as denied:
        if not _can_be_read(at, MODEL_FILE):
            why = f"{at.uri} holds neither {FILE} nor {MODEL_FILE}, or they must not be read"
            raise DeniedError(f"{why}; expected {naming.EXPECTED} ({denied})") from None
        return None


def _can_be_read(at: At, name: str) -> bool:
    def attempt() -> bool:
        try:
            with at.session.store.open(name):
                return True
        except (MissingError, DeniedError):
            return False

    return retried(at.session.effort, attempt)


def download_model(at: At, stage: Staging) -> tuple[str, set[str]]:
    """Fetch the one file of a bare model. Returns its digest, and the names that it has for files with its data."""
    name = at.name or MODEL_FILE
    wanted = stage.wanted(name, MODEL_FILE)
    try:
        own = download(at.session, wanted)
    except MissingError:
        if at.name:
            raise
        raise MissingError(
            f"{at.uri} holds neither {FILE}, of a package, nor {MODEL_FILE}; expected {naming.EXPECTED}"
        ) from None
    return own, data_of(wanted.path, name)


def data_of(path: Path, shown: str) -> set[str]:
    """Return the names of the files with data of the model at a path, as it has them. Raises PackageError."""
    try:
        names = external_files(path)
    except ValueError as error:
        raise PackageError(f"{shown} is no ONNX model: {error}") from None
    if len(names) > archives.MOST_FILES:
        raise PackageError(f"{shown} has its data in {len(names)} files; at most {archives.MOST_FILES} are fetched")
    for name in sorted(names):
        try:
            if naming.within(name) in (MODEL_FILE, FILE):
                raise ValueError("a model's data cannot be in a file of this name")
        except ValueError as error:
            raise PackageError(f"{shown} has data in a file {name!r:.200}, which is refused: {error}") from None
    return names


def data_name(at: At, name: str) -> str:
    """Return the store's name of a file with data, which is beside the model."""
    return naming.joined(at.name.rpartition("/")[0], naming.within(name))


@dataclass(frozen=True, slots=True)
class _Staged:
    """A model that is whole: in `files`, under these names."""

    fetched: Fetched
    files: Path
    names: tuple[str, ...]


def _staged(at: At, stage: Staging, digest: str | None) -> _Staged:
    if naming.is_archive(at.name):
        return _stage_archive(at, stage)
    manifest = None if at.name else manifest_of(at)
    return _stage_model(at, stage) if manifest is None else _stage_package(at, stage, manifest, digest)


def _stage_package(at: At, stage: Staging, text: bytes, expected: str | None) -> _Staged:
    digest = package_digest(text)
    _check(digest, expected)
    manifest = parse_manifest(text, f"{at.uri}/{FILE}")
    wanted = [stage.wanted(file.path, file.path, file.digest, file.size) for file in manifest.files]
    for each in wanted:
        at.session.effort.progress.begin(each.name, each.size, 0)
    _download_all(at.session, wanted)
    with explained(stage.files / FILE):
        (stage.files / FILE).write_bytes(text)
    return _whole(digest, "package", stage.files, [FILE, *(file.path for file in manifest.files)])


def _stage_model(at: At, stage: Staging) -> _Staged:
    own, names = download_model(at, stage)
    wanted = {name: stage.wanted(data_name(at, name), naming.within(name)) for name in names}
    found = _download_all(at.session, list({each.path: each for each in wanted.values()}.values()))
    others = {name: _hex(found[each.path]) for name, each in wanted.items()}
    digest = digest_of_list(_hex(own), MODEL_FILE, others)
    return _whole(digest, "model", stage.files, [MODEL_FILE, *map(naming.within, names)])


def _stage_archive(at: At, stage: Staging) -> _Staged:
    wanted = stage.archive(at.name)
    download(at.session, wanted)
    directory = archives.unpack(wanted.path, at.name, stage.unpacked)
    if (directory / FILE).is_file():
        manifest = layout.verify(directory)
        return _whole(layout.digest(directory), "package", directory, [FILE, *(file.path for file in manifest.files)])
    path = _only_model(directory, at.uri)
    names = {naming.within(name) for name in data_of(path, at.uri)}
    lacking = sorted(name for name in names if not (directory / name).is_file())
    if lacking:
        raise PackageError(f"{at.uri} lacks {lacking[0]!r}, which holds data of its model")
    return _whole(layout.digest(directory), "model", directory, [MODEL_FILE, *names])


def _only_model(directory: Path, shown: str) -> Path:
    """Return the path of the one model in a directory, which is called model.onnx from now on."""
    path = directory / MODEL_FILE
    if path.is_file():
        return path
    models = [each for each in directory.glob(f"*{naming.MODEL}") if each.is_file()]
    if len(models) != 1:
        raise PackageError(f"{shown} holds {len(models)} models; expected {FILE}, of a package, or one {MODEL_FILE}")
    return models[0].rename(path)


def _whole(digest: str, kind: Kind, files: Path, names: Iterable[str]) -> _Staged:
    names = tuple(dict.fromkeys(names))
    return _Staged(Fetched(digest, sum((files / name).stat().st_size for name in names), kind), files, names)


def _download_all(session: Session, wanted: Sequence[Wanted]) -> dict[Path, str]:
    """Download files, several at once. Returns their digests by path. Raises PackageError."""
    found = in_parallel(session.effort, [partial(download, session, each) for each in wanted])
    return {each.path: digest for each, digest in zip(wanted, found, strict=True)}


def _check(found: str, expected: str | None) -> None:
    if expected not in (None, found):
        raise PackageError(f"the model has digest {found}, but {expected} was expected; it was not used")


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
