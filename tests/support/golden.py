"""Golden files: what is built is compared with what somebody has looked at and committed."""

from pathlib import Path
from typing import Any

import yaml

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


def check_golden(name: str, built: Any, *, update: bool) -> None:
    """Compare one object or a list with tests/golden/<name>.yaml; or write it (`pytest --update-golden`)."""
    path = GOLDEN / f"{name}.yaml"
    documents = built if isinstance(built, list) else [built]
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True))
    assert path.exists(), f"{path} does not exist; look at what is built and run pytest --update-golden"
    assert documents == list(yaml.safe_load_all(path.read_text())), f"{path}; if this is meant, pytest --update-golden"


def check_golden_text(name: str, text: str, *, update: bool) -> None:
    """Compare a text with tests/golden/<name>; or write it (`pytest --update-golden`)."""
    path = GOLDEN / name
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path} does not exist; look at what is written and run pytest --update-golden"
    assert text == path.read_text(), f"{path}; if this is meant, pytest --update-golden"


class _Plain(yaml.SafeDumper):
    """Writes everything out: no anchors for what occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
