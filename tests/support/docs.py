"""What the documentation tells its readers to type."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def documents() -> list[Path]:
    """Every page of documentation."""
    return sorted(
        [ROOT / "README.md", ROOT / "hack/README.md", ROOT / "serving-image/README.md", *ROOT.glob("docs/*.md")]
    )


def section(page: Path, title: str) -> str:
    """The text below a second-level heading."""
    for part in page.read_text().split("\n## ")[1:]:
        if part.startswith(f"{title}\n"):
            return part
    raise LookupError(f"{page.name} has no section {title!r}")


def shell_blocks(text: str) -> list[str]:
    """The fenced shell blocks of a text, in order."""
    return _SHELL_BLOCK.findall(text)


def links(page: Path) -> list[str]:
    """The relative links of a page; code is no link."""
    return _LINK.findall(_CODE.sub("", page.read_text()))
