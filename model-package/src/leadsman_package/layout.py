"""A package as a directory: whether its files are those that its manifest names."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from leadsman_package.canonical import package_digest, parse_manifest, read_bytes
from leadsman_package.digest import model_digest
from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE, MODEL_FILE, File, Manifest

Kind = Literal["package", "model"]
"""What a directory holds: a package, or a bare model, which is only `model.onnx` with its external data."""
_MOST_TOLD = 10


def kind(directory: Path) -> Kind:
    """Return what a directory holds. Raises PackageError when it is neither a package nor a model."""
    if (directory / FILE).is_file():
        return "package"
    if (directory / MODEL_FILE).is_file():
        return "model"
    raise PackageError(f"{directory} holds no model; expected {FILE}, of a package, or {MODEL_FILE}")


def digest(directory: Path) -> str:
    """Return the digest, "sha256:<hex>", of the package or the bare model in a directory. Raises PackageError.

    A package's is that of its manifest, which says nothing of the other files until they are verified.
    """
    if kind(directory) == "package":
        return package_digest(read_bytes(directory))
    path = directory / MODEL_FILE
    try:
        return model_digest(path)
    except (OSError, ValueError) as error:
        raise PackageError(f"{path}, or a file of its data, has no digest: {error}") from None


def verify(directory: Path) -> Manifest:
    """Return the manifest of the package in a directory, all of whose files are as it says.

    Files that it does not name do not matter. Raises PackageError, which names every file that is wrong.
    """
    manifest = parse_manifest(read_bytes(directory), str(directory / FILE))
    wrong = [*problems(directory, manifest)]
    if wrong:
        more = f"; and {len(wrong) - _MOST_TOLD} more" if len(wrong) > _MOST_TOLD else ""
        raise PackageError(f"{directory} is not as its {FILE} says: {'; '.join(wrong[:_MOST_TOLD])}{more}")
    return manifest


def problems(directory: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the files of a package, one by one."""
    root = directory.resolve()
    for file in manifest.files:
        try:
            wrong = _problem(root, file)
        except OSError as error:
            wrong = f"cannot be read: {error.strerror}"
        if wrong:
            yield f"{file.path} {wrong}"


def _problem(root: Path, file: File) -> str | None:
    path = (root / file.path).resolve()
    if not path.is_relative_to(root):
        return "leads outside the package"
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"has {size} bytes; expected {file.size}"
    found = file_digest(path)
    return None if found == file.digest else f"has the digest {found}; expected {file.digest}"


def file_digest(path: Path) -> str:
    """Return the digest of one file, "sha256:<hex>". Raises OSError."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
