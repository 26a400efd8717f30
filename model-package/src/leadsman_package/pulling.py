"""A package, or a bare model, to a directory of its user's: with its signature, which its manifest cannot name."""

from pathlib import Path

from leadsman_package.downloading import explained, read_small
from leadsman_package.fetching import Fetched, data_name, fetch, opened
from leadsman_package.naming import is_archive
from leadsman_package.progress import Progress, Silent
from leadsman_package.signing import MOST_BYTES, SIGNATURE_FILE
from leadsman_package.sources.store import DeniedError, MissingError, Settings


def pull(
    uri: str,
    directory: Path,
    *,
    digest: str | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Fetched:
    """Fetch what a URI names, as `fetch` does, into a directory, which need not be there yet. Raises PackageError."""
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
    fetched = fetch(uri, directory, digest=digest, settings=settings, progress=progress)
    fetch_signature(uri, directory, settings or Settings())
    return fetched


def fetch_signature(uri: str, directory: Path, settings: Settings) -> None:
    """Fetch the signature that is beside a package's manifest, or beside the file of a bare model, if there is one.

    One that was in the directory is gone then, whatever there is. Raises PackageError.
    """
    path = directory / SIGNATURE_FILE
    with explained(path):
        path.unlink(missing_ok=True)
    with opened(uri, settings, Silent()) as at:
        if is_archive(at.name):
            return
        try:
            text = read_small(at.session, data_name(at, SIGNATURE_FILE), MOST_BYTES)
        except (MissingError, DeniedError):  # whoever has to have a signature refuses what has none
            return
    with explained(path):
        path.write_bytes(text)
