"""The commands that docs/packages.md gives for pushing, pulling, inspecting and comparing, word for word."""

import subprocess
from pathlib import Path

import pytest

from packages.cli.conftest import write_packages
from support.docs import ROOT, section, shell_blocks
from support.registry import RunningRegistry

PAGE = ROOT / "docs/packages.md"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Push, pull", ["digest: sha256:", "pulled: "]),
        ("Inspect, diff", ["fraud 1", "roc_auc 0.91 → 0.93", "far apart", "agree", '"kind": "package"']),
    ],
)
def test_the_commands_of_a_section_run(
    tmp_path: Path, registry: RunningRegistry, environment: dict[str, str], title: str, expected: list[str]
) -> None:
    write_packages(tmp_path)
    name = title.split(",", maxsplit=1)[0].lower()
    for version in ("1", "2") if title == "Inspect, diff" else ():
        command = ["leadsman", "push", f"fraud-{version}", f"oci://{registry.host}/{name}/fraud:{version}"]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    ran = subprocess.run(
        ["bash", "-euc", "\n".join(shell_blocks(section(PAGE, title)))],
        cwd=tmp_path,
        env=environment | {"REGISTRY": f"{registry.host}/{name}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for words in expected:
        assert words in ran.stdout, words
