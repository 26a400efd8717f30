"""Data that a model was made of, as the manifest names it."""

from pathlib import Path
from typing import Any

from leadsman_package.errors import PackageError
from leadsman_package.layout import file_digest


def describe(given: str) -> dict[str, Any]:
    """Return the `dataset` of a manifest: a file by its name and digest, a URI as it is.

    Raises PackageError when it is neither.
    """
    if "://" in given:
        return {"uri": given}
    path = Path(given)
    try:
        return {"name": path.name, "digest": file_digest(path)}
    except OSError as error:
        raise PackageError(f"the data set {given} cannot be read: {error.strerror}; expected a file or a URI") from None
