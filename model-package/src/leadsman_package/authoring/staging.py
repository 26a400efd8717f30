"""Where a package is made: a directory beside the one it is to be, which appears under its name when all is well."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leadsman_package import layout
from leadsman_package.canonical import to_yaml
from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE, Manifest
from leadsman_serving.errors import ModelLoadError
from leadsman_serving.samples import read_samples, rehearse
from leadsman_serving.schema_file import read_schema
from leadsman_serving.session import load

_MOST_BYTES = 64 << 20
"""Of a sample: what the server takes of a request if it is not told otherwise."""


def check_free(directory: Path) -> None:
    """Raise PackageError unless a directory can be made there: nothing is overwritten."""
    if directory.is_dir() and not directory.is_symlink() and not any(directory.iterdir()):
        return
    if directory.exists() or directory.is_symlink():
        raise PackageError(f"{directory} exists, and is not an empty directory; expected a new one, or remove it first")


@contextmanager
def beside(directory: Path) -> Iterator[Path]:
    """Give a new directory on the same file system, which is removed at the end if it is still there."""
    wanted = directory.absolute()
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{wanted.name}.", dir=wanted.parent))
        made.chmod(0o755)
    except OSError as error:
        raise PackageError(f"no directory can be made at {directory}: {error.strerror}") from None
    try:
        yield made
    except OSError as error:
        raise PackageError(f"{directory} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def write(directory: Path, name: str, content: bytes) -> None:
    """Write one file of the package."""
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, the last file of all."""
    write(directory, FILE, to_yaml(manifest))


def listing(directory: Path) -> list[dict[str, Any]]:
    """Return the `files` of a manifest: all that there are, by path."""
    paths = sorted((path.relative_to(directory).as_posix(), path) for path in directory.rglob("*") if path.is_file())
    return [{"path": name, "digest": layout.file_digest(path), "size": path.stat().st_size} for name, path in paths]


def check(directory: Path, manifest: Manifest) -> None:
    """Raise PackageError unless the package is what its manifest says, and the server takes it as it is."""
    if layout.verify(directory) != manifest:
        raise PackageError("the manifest reads otherwise than it was written")
    try:
        model = load(directory, threads=1)
        read_schema(directory, model.signature)
        rehearse(model, read_samples(directory, model.signature, _MOST_BYTES))
    except ModelLoadError as error:
        raise PackageError(f"the server would refuse the package: {str(error).replace(f'{directory}/', '')}") from None


def publish(made: Path, directory: Path) -> None:
    """Give the package its name, at once: nobody sees half of it. Raises PackageError when something else is there."""
    try:
        made.rename(directory.absolute())
    except OSError as error:
        raise PackageError(f"{directory} cannot be written: {error.strerror}") from None
