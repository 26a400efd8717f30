"""The README's simulations, word for word."""

import os
import subprocess
import sys
from pathlib import Path

from support.docs import ROOT, section, shell_blocks


def test_the_simulations_of_the_readme_run(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (commands,) = shell_blocks(section(ROOT / "README.md", "Try a policy before trusting it"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Argo Rollouts" in done.stdout
    assert (tmp_path / "rollouts.svg").read_text().startswith("<?xml")
