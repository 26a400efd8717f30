"""The process that fetches a model for preflight, and its signature when that is asked for.

Its arguments are the URI, the directory, the digest or "", the seconds of pauses, and whether the signature is asked
for; its answer is a line of JSON.
"""

import os
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from pathlib import Path

import orjson

from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.progress import Lines
from leadsman_package.pulling import fetch_signature
from leadsman_package.sources.store import Settings


def _main(uri: str, directory: Path, digest: str | None, settings: Settings, *, signature: bool) -> dict[str, object]:
    try:
        fetched = fetch(
            uri, directory, digest=digest, settings=settings, progress=Lines(lambda line: print(line, file=sys.stderr))
        )
        if signature:
            fetch_signature(uri, directory, settings)
    except PackageError as error:
        return {"error": str(error), "transient": error.transient or _no_room(error)}
    return {"digest": fetched.digest, "size": fetched.size}


def _no_room(error: PackageError) -> bool:
    """Whether the file system of the scratch directory is at fault, and not the model."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (EDQUOT, EFBIG, EIO, ENOSPC, EROFS)


if __name__ == "__main__":
    _uri, _directory, _digest, _retry_for, _signature = sys.argv[1:]
    _settings = Settings(Path(os.environ.get("LEADSMAN_PVC_ROOT", "/mnt/pvc")), float(_retry_for))
    _told = _main(_uri, Path(_directory), _digest or None, _settings, signature=_signature == "signature")
    sys.stdout.buffer.write(orjson.dumps(_told))
