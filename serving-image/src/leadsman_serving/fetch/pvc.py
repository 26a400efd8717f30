"""Models on a PersistentVolumeClaim that the operator has mounted."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import CHUNK_BYTES, Blob

DEFAULT_ROOT = Path("/mnt/pvc")
ROOT_VARIABLE = "LEADSMAN_PVC_ROOT"


@contextmanager
def open_pvc(root: Path, claim: str, path: str) -> Iterator[Blob]:
    """Open `path` on the claim mounted at root/claim.

    Raises FetchError (permanent) when there is no such file, it cannot be read, or it lies outside the claim.
    """
    shown = f"pvc://{claim}/{path}"
    try:
        file = _resolve(root, claim, path)
        with file.open("rb") as stream:
            yield Blob(size=file.stat().st_size, chunks=iter(partial(stream.read, CHUNK_BYTES), b""))
    except OSError as error:
        raise FetchError(f"{shown} cannot be read: {error.strerror}", transient=False) from error
    except RuntimeError as error:  # what Python before 3.13 makes of links in a circle
        raise FetchError(f"{shown} cannot be read: its links lead in a circle", transient=False) from error


def _resolve(root: Path, claim: str, path: str) -> Path:
    shown = f"pvc://{claim}/{path}"
    mount = (root / claim).resolve()
    if mount.parent != root.resolve() or not mount.is_dir():
        raise FetchError(f"{shown}: no claim {claim!r} is mounted in {root}", transient=False)
    file = (mount / path).resolve()
    if not file.is_relative_to(mount):
        raise FetchError(f"{shown} leads out of the claim", transient=False)
    if not file.is_file():
        raise FetchError(f"{shown}: no such file on the claim", transient=False)
    return file
