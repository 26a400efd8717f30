"""A package in its author's directory, verified: what there is to push."""

from dataclasses import dataclass
from pathlib import Path

from leadsman_package.canonical import package_digest, read_bytes
from leadsman_package.layout import file_digest, verify
from leadsman_package.manifest import File, Manifest
from leadsman_package.signing import SIGNATURE_FILE


@dataclass(frozen=True, slots=True)
class LocalPackage:
    """A package in a directory. `text` is its model.yaml; `beside` are the files that this cannot name."""

    directory: Path
    manifest: Manifest
    text: bytes
    beside: tuple[File, ...]

    @property
    def digest(self) -> str:
        """The package's digest, "sha256:<hex>"."""
        return package_digest(self.text)

    @property
    def others(self) -> tuple[File, ...]:
        """All files but the manifest."""
        return (*self.manifest.files, *self.beside)


def verified(directory: Path) -> LocalPackage:
    """Return the package in a directory. Raises PackageError that names every file that is wrong."""
    manifest = verify(directory)
    path = directory / SIGNATURE_FILE
    signed = path.is_file()
    beside = File(path=SIGNATURE_FILE, digest=file_digest(path), size=path.stat().st_size) if signed else None
    return LocalPackage(directory, manifest, read_bytes(directory), (beside,) if beside else ())
