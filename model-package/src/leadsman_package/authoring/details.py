"""What the author says of a model, merged with what was found out: documents as the manifest has them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leadsman_package import plain_yaml
from leadsman_package.canonical import validated
from leadsman_package.errors import PackageError
from leadsman_package.manifest import MODEL_FILE

_OURS = ("apiVersion", "files", "parity", "golden", "baseline")
"""What nobody may say of a package but `leadsman package`, which has seen it."""


def merged(*documents: Mapping[str, Any]) -> dict[str, Any]:
    """Return documents as one: what a later one says holds. Lists of things with names are merged by their names."""
    result: dict[str, Any] = {}
    for document in documents:
        for name, value in document.items():
            result[name] = _one(result.get(name), value)
    return result


def _one(before: Any, after: Any) -> Any:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return merged(before, after)
    if _have_names(before) and _have_names(after):
        later = {item["name"]: item for item in after}
        kept = [_one(item, later.pop(item["name"], {})) for item in before]
        return [*kept, *later.values()]
    return after


def _have_names(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and bool(value)
        and all(isinstance(item, Mapping) and "name" in item for item in value)
    )


_STAND_INS: dict[str, Any] = {
    "signature": {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": []}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": []}],
    },
    "files": [{"path": MODEL_FILE, "digest": f"sha256:{'0' * 64}", "size": 0}],
}
"""For what is only known later."""


def check_says(says: Mapping[str, Any]) -> None:
    """Raise PackageError when something that the author says is no field of a manifest, or not as it has to be.

    What he says of the signature can only be told when there is one.
    """
    validated({**{name: value for name, value in says.items() if name != "signature"}, **_STAND_INS}, "the package")


def read(path: Path) -> dict[str, Any]:
    """Return the fields of a manifest in an author's file of YAML. Raises PackageError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PackageError(
            f"{path} cannot be read: {error.strerror}; expected fields of the manifest in YAML"
        ) from None
    try:
        return check_authors(plain_yaml.load(text), str(path))
    except ValueError as error:
        raise PackageError(f"{path}: {error}") from None


def check_authors(document: Any, where: str) -> dict[str, Any]:
    """Return a document that an author wrote. Raises PackageError unless it is one with nothing but an author's say."""
    if not isinstance(document, dict):
        raise PackageError(f"{where} is no mapping; expected fields of the manifest, as `owner: Payments`")
    if ours := [name for name in _OURS if name in document]:
        raise PackageError(
            f"{where}: {ours[0]} is found out by `leadsman package`; expected what only the author knows"
        )
    return document
