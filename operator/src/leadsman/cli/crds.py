"""The CRD files of the checkout, and whether they say what the API types say."""

from pathlib import Path

import yaml

from leadsman.api.crd import crds

_DIRECTORIES = ("crds", "charts/leadsman/crds")
_HEADER = "# Generated from operator/src/leadsman/api by `leadsman crds --write`; do not edit.\n"


def write(root: Path) -> list[Path]:
    """Write every CRD to every place that holds them; returns the paths."""
    wanted = _files(root)
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(wanted)


def out_of_date(root: Path) -> list[Path]:
    """The files that are missing or differ from what the types say."""
    return [path for path, text in _files(root).items() if not path.exists() or path.read_text() != text]


def _files(root: Path) -> dict[Path, str]:
    return {
        root / directory / f"{crd['metadata']['name']}.yaml": _HEADER
        + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
        for directory in _DIRECTORIES
        for crd in crds()
    }
