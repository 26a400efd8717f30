"""What is known of a model at a URI: what its package says, or the model itself where there is no package."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from leadsman_package import layout
from leadsman_package.baseline import Baseline, parse_baseline
from leadsman_package.canonical import package_digest, parse_manifest, read_bytes
from leadsman_package.digest import external_files
from leadsman_package.downloading import read_small
from leadsman_package.errors import PackageError
from leadsman_package.fetching import At, fetch_opened, manifest_of, opened
from leadsman_package.layout import Kind
from leadsman_package.manifest import FILE, MODEL_FILE, File, Manifest, Signature
from leadsman_package.progress import Progress, Silent
from leadsman_package.sources.store import Settings
from leadsman_package.summary import Summary, summarise

_MOST_OF_A_BASELINE = 64 << 20


@dataclass(frozen=True, slots=True)
class Inspection:
    """A model. `manifest` and `baseline` are those of a package.

    `summary` is what the model file says; None: there was no need to fetch it.
    """

    kind: Kind
    digest: str
    files: tuple[File, ...]
    manifest: Manifest | None = None
    baseline: Baseline | None = None
    summary: Summary | None = None

    @property
    def signature(self) -> Signature | None:
        """What it takes and gives: as its package says, or the model itself."""
        if self.manifest is not None:
            return self.manifest.signature
        return self.summary.signature if self.summary else None


def inspect(uri: str, *, settings: Settings | None = None, progress: Progress | None = None) -> Inspection:
    """Return what is known of the model at a URI. Of a package only the manifest and the baseline are fetched.

    A bare model and an archive are fetched to a temporary directory. Raises PackageError.
    """
    with opened(uri, settings or Settings(), progress or Silent()) as at:
        text = None if at.name else manifest_of(at)
        if text is not None:
            return _package(at, text)
        with tempfile.TemporaryDirectory(prefix="leadsman-") as name:
            fetch_opened(at, Path(name))
            return inspect_directory(Path(name), at.uri)


def inspect_directory(directory: Path, shown: str) -> Inspection:
    """Return what is known of the model in a directory, the model file read as well. Raises PackageError."""
    digest = layout.digest(directory)
    summary = summarise(directory / MODEL_FILE, shown)
    if layout.kind(directory) == "package":
        manifest = parse_manifest(read_bytes(directory), f"{shown}/{FILE}")
        text = (directory / manifest.baseline).read_bytes() if manifest.baseline else None
        baseline = parse_baseline(text, f"{shown}/{manifest.baseline}") if text else None
        return Inspection("package", digest, manifest.files, manifest, baseline, summary)
    names = [MODEL_FILE, *sorted(external_files(directory / MODEL_FILE))]
    return Inspection("model", digest, tuple(_file(directory, name) for name in names), summary=summary)


def _package(at: At, text: bytes) -> Inspection:
    manifest = parse_manifest(text, f"{at.uri}/{FILE}")
    baseline = None
    if manifest.baseline:
        held = read_small(at.session, manifest.baseline, _MOST_OF_A_BASELINE)
        baseline = parse_baseline(held, f"{at.uri}/{manifest.baseline}")
    return Inspection("package", package_digest(text), manifest.files, manifest, baseline, _summary_here(at))


def _summary_here(at: At) -> Summary | None:
    """Return what the model file says if it is on this machine."""
    scheme, separator, path = at.uri.partition("://")
    if separator and scheme != "file":
        return None
    with suppress(PackageError):
        return summarise(Path(path if separator else at.uri) / MODEL_FILE, at.uri)
    return None


def _file(directory: Path, name: str) -> File:
    path = directory / name
    return File.model_construct(path=name, digest=layout.file_digest(path), size=path.stat().st_size)
