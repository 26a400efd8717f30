"""The process that fetches a model for preflight, and its signature when that is asked for.

Its arguments are the URI, the directory, the digest or "", the seconds of pauses, and whether the signature is asked
for; its answer is a line of JSON.
"""

import os
import sys
from pathlib import Path

import orjson

from leadsman_package.downloading import read_small
from leadsman_package.errors import PackageError
from leadsman_package.fetching import data_name, fetch, opened
from leadsman_package.naming import is_archive
from leadsman_package.progress import Lines, Silent
from leadsman_package.signing import MOST_BYTES, SIGNATURE_FILE
from leadsman_package.sources.store import MissingError, Settings


def _fetch_signature(uri: str, directory: Path, settings: Settings) -> None:
    """Fetch the signature that is beside a package's manifest, or beside the file of a bare model, if there is one."""
    with opened(uri, settings, Silent()) as at:
        if is_archive(at.name):
            return
        try:
            text = read_small(at.session, data_name(at, SIGNATURE_FILE), MOST_BYTES)
        except MissingError:
            return
    (directory / SIGNATURE_FILE).write_bytes(text)


def _main(uri: str, directory: Path, digest: str | None, settings: Settings, *, signature: bool) -> dict[str, object]:
    try:
        fetched = fetch(
            uri, directory, digest=digest, settings=settings, progress=Lines(lambda line: print(line, file=sys.stderr))
        )
        if signature:
            _fetch_signature(uri, directory, settings)
    except PackageError as error:
        return {"error": str(error), "transient": error.transient}
    return {"digest": fetched.digest, "size": fetched.size}


if __name__ == "__main__":
    _uri, _directory, _digest, _retry_for, _signature = sys.argv[1:]
    _settings = Settings(Path(os.environ.get("LEADSMAN_PVC_ROOT", "/mnt/pvc")), float(_retry_for))
    _told = _main(_uri, Path(_directory), _digest or None, _settings, signature=_signature == "signature")
    sys.stdout.buffer.write(orjson.dumps(_told))
