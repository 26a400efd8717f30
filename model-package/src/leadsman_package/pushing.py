"""A package from its author's directory to where it is fetched from: verified first, and there whole or not at all."""

import shutil
import tempfile
import threading
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leadsman_package.canonical import MOST_BYTES, package_digest, read_bytes
from leadsman_package.downloading import Effort, Session, explained, read_small, retried
from leadsman_package.errors import PackageError
from leadsman_package.layout import verify
from leadsman_package.local import LocalPackage, verified
from leadsman_package.manifest import FILE
from leadsman_package.oci.push import push as push_artifact
from leadsman_package.parallel import in_parallel
from leadsman_package.progress import Progress, Silent
from leadsman_package.sources.locating import locate
from leadsman_package.sources.objects import Objects
from leadsman_package.sources.store import MissingError, Settings, redact
from leadsman_package.staging import put_in_place

_OBJECTS = ("s3", "gs", "az")


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was pushed: the digest of the package, and the URI to fetch just it by."""

    digest: str
    uri: str


def push(
    directory: Path,
    uri: str,
    *,
    force: bool = False,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Pushed:
    """Push the package in a directory to an oci, s3, gs or az URI, or to another directory.

    Its files are verified first. What is there already is not sent again. Raises PackageError; without `force` also
    when the URI names another package already.
    """
    package = verified(directory)
    effort = Effort(settings or Settings(), progress or Silent(), threading.Event())
    scheme, separator, path = uri.partition("://")
    if scheme == "oci":
        uri = push_artifact(package, uri, effort, force=force)
    elif scheme in _OBJECTS:
        _to_objects(package, uri, effort, force=force)
    elif scheme == "file" or not separator:
        _to_directory(package, Path(path if separator else uri), force=force)
    else:
        expected = "oci://HOST/NAME:TAG, s3://, gs:// or az://BUCKET/PATH, or a directory"
        raise PackageError(f"{redact(uri)!r} is no place to push to; expected {expected}")
    return Pushed(package.digest, uri)


def _to_objects(package: LocalPackage, uri: str, effort: Effort, *, force: bool) -> None:
    """Put the manifest last: until then nobody takes the other objects for a package."""
    location = locate(uri, effort.settings)
    if location.name or not isinstance(location.store, Objects):
        raise PackageError(f"{redact(uri)!r} names a file; expected the prefix of a package")
    store = location.store
    with closing(store):
        _refuse_another(_there(Session(store, effort)), package.text, uri, force=force)

        def put(name: str, size: int) -> None:
            def attempt() -> None:
                effort.progress.begin(name, size, 0)
                store.put(name, package.directory / name, partial(effort.progress.advance, name))

            retried(effort, attempt)

        in_parallel(effort, [partial(put, file.path, file.size) for file in package.others])
        put(FILE, len(package.text))


def _to_directory(package: LocalPackage, target: Path, *, force: bool) -> None:
    there = read_bytes(target) if (target / FILE).exists() else None
    _refuse_another(there, package.text, str(target), force=force)
    names = [*(file.path for file in package.others), FILE]
    with explained(target / FILE):
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".leadsman-", dir=target) as staged:
            for name in names:
                (Path(staged) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(package.directory / name, Path(staged) / name)
            verify(Path(staged))
            put_in_place(Path(staged), names, target)


def _there(session: Session) -> bytes | None:
    """Return the manifest that a store has already."""
    try:
        return read_small(session, FILE, MOST_BYTES)
    except MissingError:
        return None


def _refuse_another(there: bytes | None, text: bytes, uri: str, *, force: bool) -> None:
    if there is not None and there != text and not force:
        found = package_digest(there)
        raise PackageError(
            f"{redact(uri)} holds the package {found} already; push elsewhere, or replace it with --force"
        )
