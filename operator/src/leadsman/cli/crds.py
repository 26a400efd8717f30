"""The files that are generated from the API types: CRDs and reference; and whether they say what the types say."""

from pathlib import Path
from typing import Any

import yaml

from leadsman.api.crd import crds
from leadsman.api.reference import reference

_DIRECTORIES = ("crds", "charts/leadsman/crds")
_REFERENCE = "docs/reference.md"
_HEADER = "# Generated from operator/src/leadsman/api by `leadsman crds --write`; do not edit.\n"


def write(root: Path) -> list[Path]:
    """Write every generated file; returns the paths."""
    wanted = _files(root)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(wanted)


def out_of_date(root: Path) -> list[Path]:
    """The files that are missing or differ from what the types say."""
    return [path for path, text in _files(root).items() if not path.exists() or path.read_text() != text]


def _files(root: Path) -> dict[Path, str]:
    definitions = crds()
    files = {
        root / directory / f"{crd['metadata']['name']}.yaml": _HEADER + _yaml(crd)
        for directory in _DIRECTORIES
        for crd in definitions
    }
    note = "<!-- Generated from operator/src/leadsman/api by `leadsman crds --write`; do not edit. -->\n\n"
    return {**files, root / _REFERENCE: note + reference(definitions)}


def _yaml(crd: dict[str, Any]) -> str:
    return yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
