"""Where model bytes come from: one opener per URI scheme."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import Blob, redact
from leadsman_serving.fetch.http import open_http
from leadsman_serving.fetch.pvc import open_pvc
from leadsman_serving.fetch.s3 import open_s3

Opener = Callable[[], AbstractContextManager[Blob]]

_EXPECTED = "expected https://HOST/PATH, http://HOST/PATH, s3://BUCKET/KEY or pvc://CLAIM/PATH"


def opener(uri: str, pvc_root: Path) -> Opener:
    """Return what opens the model at `uri`; every call starts from the first byte.

    Raises FetchError (permanent) for a URI that is none of https, http, s3 and pvc, or names no file.
    """
    scheme, separator, rest = uri.partition("://")
    place, _, path = rest.partition("/")
    if not separator or not place or not path or path.endswith("/"):
        raise FetchError(f"{redact(uri)!r} does not name a model file; {_EXPECTED}", transient=False)
    match scheme:
        case "https" | "http":
            return lambda: open_http(uri)
        case "s3":
            return lambda: open_s3(place, path)
        case "pvc":
            return lambda: open_pvc(pvc_root, place, path)
    raise FetchError(f"{redact(uri)!r} has the unknown scheme {scheme!r}; {_EXPECTED}", transient=False)
