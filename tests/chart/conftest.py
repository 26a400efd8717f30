"""Golden files of the rendered chart: `LEADSMAN_UPDATE_GOLDEN=1 pytest tests/chart` writes them anew."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def check_golden() -> Callable[[str, str], None]:
    """Compares a text with a golden file."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("LEADSMAN_UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert text == path.read_text(), f"{path} differs; LEADSMAN_UPDATE_GOLDEN=1 writes it anew"

    return check
