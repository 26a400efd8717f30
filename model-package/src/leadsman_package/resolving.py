"""What a URI stands for now: something that tells cheaply whether the bytes may have changed, and their digest."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leadsman_package import naming
from leadsman_package.canonical import package_digest
from leadsman_package.downloading import retried
from leadsman_package.errors import PackageError
from leadsman_package.fetching import At, data_name, data_of, download_model, fetch_opened, manifest_of, opened
from leadsman_package.manifest import FILE, MODEL_FILE
from leadsman_package.progress import Progress, Silent
from leadsman_package.sources.store import DeniedError, Identity, MissingError, Settings
from leadsman_package.staging import staging


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a URI stands for: the same identity promises the same digest."""

    identity: str
    digest: str


def resolve(
    uri: str,
    known: Resolved | None = None,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Resolved:
    """Return what a URI stands for, reading no more than is needed.

    Of a package that is its manifest. A bare model or an archive is fetched, into a temporary directory, unless its
    identity is the `known` one. Raises PackageError.
    """
    with opened(uri, settings or Settings(), progress or Silent()) as at:
        identity = _identity(at, at.name or FILE)
        if known and identity == Identity(known.identity, whole=True):
            return known
        manifest = None if at.name else manifest_of(at)
        if manifest is None:
            return _resolve_model(at, known)
        digest = package_digest(manifest)
        return Resolved(identity.text if identity and identity.whole else digest, digest)


def _resolve_model(at: At, known: Resolved | None) -> Resolved:
    """Resolve a bare model or an archive."""
    identity = _identity(at, at.name or MODEL_FILE)
    with _temporary_directory() as directory:
        if known and identity and _is_known(at, identity, known, directory):
            return known
        fetched = fetch_opened(at, directory)
        text = identity and _text(at, identity, _data(directory / MODEL_FILE, at))
        return Resolved(text or fetched.digest, fetched.digest)


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    try:
        temporary = tempfile.TemporaryDirectory(prefix="leadsman-")
    except OSError as error:
        raise PackageError(f"there is no temporary directory to fetch to: {error.strerror}; set TMPDIR") from None
    with temporary as name:
        yield Path(name)


def _is_known(at: At, identity: Identity, known: Resolved, directory: Path) -> bool:
    """Whether nothing has changed. The files with a model's data have to be asked for by the names in the model."""
    if known.identity == identity.text:
        return True
    if not known.identity.startswith(f"{identity.text}+"):
        return False
    with staging(directory, at.uri) as stage:
        _, names = download_model(at, stage)
    return _text(at, identity, names) == known.identity


def _data(path: Path, at: At) -> set[str]:
    return set() if naming.is_archive(at.name) else data_of(path, at.uri)


def _text(at: At, model: Identity, names: set[str]) -> str | None:
    """Return the identity of a model with the files of its data; None when one of them has none."""
    if model.whole or not names:
        return model.text
    hasher = hashlib.sha256()
    for name in sorted(names):
        identity = _identity(at, data_name(at, name))
        if identity is None:
            return None
        hasher.update(f"{name}\n{identity.text}\n".encode())
    return f"{model.text}+{hasher.hexdigest()}"


def _identity(at: At, name: str) -> Identity | None:
    try:
        return retried(at.session.effort, lambda: at.session.store.identity(name))
    except (MissingError, DeniedError):
        return None
