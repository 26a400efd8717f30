"""The README's package is made, tried and looked at, word for word."""

import os
import subprocess
import sys
from pathlib import Path

from support.docs import ROOT, section, shell_blocks


def test_the_package_of_the_readme(tmp_path: Path) -> None:
    (commands,) = shell_blocks(section(ROOT / "README.md", "Package a model"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euxc", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 400 rows are answered as by the original" in done.stdout
    assert "ready to serve" in done.stdout + done.stderr
    assert "churn 1" in done.stdout
