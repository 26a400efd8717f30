"""The manifest as a file: written so that the same content gives the same bytes, and read from anyone."""

import hashlib
import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from leadsman_package import plain_yaml
from leadsman_package.errors import PackageError
from leadsman_package.manifest import FILE, Manifest

MOST_BYTES = 4 << 20
"""Of a manifest."""
_STYLE: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120, "default_flow_style": None}
_ENDS_OF_LINES = frozenset("\r\x85\u2028\u2029")
_MOST_TOLD = 3
_MOST_CHARACTERS = 80
_UNIONS = frozenset({"bool", "int", "float", "str", "constrained-int", "constrained-str"})
"""What pydantic puts last in a place when there are several types that a value may have."""


def to_yaml(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest: its fields in their order, those without a value left out."""
    document = manifest.model_dump(mode="json", by_alias=True, exclude_none=True)
    # Not the dumper of libyaml, whose lines break elsewhere from one version to the next.
    text: str = yaml.dump(document, Dumper=_Dumper, **_STYLE)
    return text.encode()


def parse_manifest(text: bytes, where: str = FILE) -> Manifest:
    """Return the manifest in a file's bytes; `where` names the file in messages.

    Raises PackageError, in one sentence, that says what is wrong, at which place, and what was expected.
    """
    if len(text) > MOST_BYTES:
        raise PackageError(f"{where}: more than {MOST_BYTES} bytes, the most that a manifest may have")
    try:
        document = plain_yaml.load(text)
        if not isinstance(document, dict):
            raise PackageError(f"{where} is {_said(document)}; expected the manifest of a package, a mapping")
        return validated(document, where)
    except ValueError as error:
        raise PackageError(f"{where}: {error}") from None


def validated(document: dict[Any, Any], where: str) -> Manifest:
    """Return the manifest that a document is. Raises PackageError as `parse_manifest` does."""
    try:
        # By way of JSON: only there is a list a tuple, and nothing else anything else.
        text = json.dumps(document, default=str)
        return Manifest.model_validate_json(text, strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        told = list(dict.fromkeys(map(_sentence, error.errors(include_url=False))))
        more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        raise PackageError(f"{where}: {'; '.join(told[:_MOST_TOLD])}{more}") from None
    except (TypeError, ValueError) as error:  # a key that is no string, a number beyond all bounds
        raise PackageError(f"{where}: {error}") from None


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of the package in a directory. Raises PackageError."""
    return parse_manifest(read_bytes(directory), str(directory / FILE))


def read_bytes(directory: Path) -> bytes:
    """Return the bytes of the manifest in a directory. Raises PackageError when there are none, or too many."""
    path = directory / FILE
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}; expected the manifest of a package") from None
    if len(text) > MOST_BYTES:
        raise PackageError(f"{path}: more than {MOST_BYTES} bytes, the most that a manifest may have")
    return text


def package_digest(text: bytes) -> str:
    """Return the digest of a package, "sha256:<hex>", by the bytes of its manifest."""
    return f"sha256:{hashlib.sha256(text).hexdigest()}"


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice: no aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML calls it
        """Return that nothing is to be an alias."""
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Return a string, in quotes when it has one of the ends of lines that YAML takes for any other."""
        quoted = '"' if _ENDS_OF_LINES.intersection(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=quoted)


_Dumper.add_representer(str, _Dumper.represent_text)


def _sentence(error: ErrorDetails) -> str:
    parts = list(error["loc"])
    several = bool(parts) and parts[-1] in _UNIONS
    place = _place(parts[:-1] if several else parts)
    if error["type"] == "extra_forbidden":
        alike = get_close_matches(str(parts[-1]), _all_fields(), n=1)
        return f"{place} is no field of a manifest" + (f"; did you mean {alike[0]!r}?" if alike else "")
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "value_error":
        return (
            f"{place}: {error['msg'].removeprefix('Value error, ')}" if place else error["msg"][len("Value error, ") :]
        )
    wanted = (
        "a number, a string, true or false"
        if several
        else error["msg"].replace("Input should be ", "").replace("String should", "a string that should")
    )
    return f"{place} is {_said(error['input'])}; expected {wanted}"


def _place(parts: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _said(value: object) -> str:
    if value is None:
        return "empty"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


@cache
def _all_fields() -> tuple[str, ...]:
    """The names of all fields of a manifest, wherever they stand."""
    schema = Manifest.model_json_schema()
    parts = (schema, *schema["$defs"].values())
    return tuple(sorted({name for part in parts for name in part.get("properties", {})}))
