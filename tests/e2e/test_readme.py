"""A new user follows the README's first five minutes, word for word, on a real cluster."""

import subprocess

import pytest

from support.docs import ROOT, section, shell_blocks

pytestmark = pytest.mark.cluster

# The README's load runs in the background; it ends with the shell.
_PRELUDE = "set -euxo pipefail\ntrap 'kill $(jobs -p) || true' EXIT\n"


def test_the_first_model_of_the_readme_serves_and_its_second_version_is_promoted() -> None:
    blocks = shell_blocks(section(ROOT / "README.md", "A first model in five minutes"))
    script = _PRELUDE + "".join(blocks)
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert '"model_version":"1"' in done.stdout.replace(" ", "")
    assert "all 2 steps passed" in done.stdout
