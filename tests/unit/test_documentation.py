"""The documentation points to what exists."""

import re
from pathlib import Path

import pytest

from support.docs import ROOT, documents, links, section, shell_blocks

TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    missing = [link for link in links(page) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    named = {
        target
        for block in shell_blocks(page.read_text())
        for words in re.findall(r"^(?:\$\()?make ((?:[a-z-]+ ?)+)", block, re.MULTILINE)
        for target in words.split()
        if not target.startswith("-")
    }
    assert named - TARGETS == set()


def test_the_readme_opens_with_the_two_commands() -> None:
    first = shell_blocks((ROOT / "README.md").read_text())[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make demo", "make test"]


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    assert set(re.findall(r"`(test_\w+)`", page.read_text())) - TESTS == set()


@pytest.mark.parametrize("title", ["Progressive delivery", "Serving models"])
def test_every_complaint_has_a_test_or_cannot_occur(title: str) -> None:
    rows = [line for line in section(ROOT / "docs/complaints.md", title).splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 16))
    assert [row for row in rows if "`test_" not in row and "| Cannot occur: " not in row] == []
