"""The operator's image holds `leadsman` alone: neither the serving runtime nor what packages are made with."""

import subprocess
import sys

import pytest

ABSENT = ("leadsman_serving", "leadsman_package", "onnxruntime", "onnx", "sklearn", "skl2onnx", "model_signing", "oras")
# A module that is None in sys.modules cannot be imported.
PEOPLE_LACK = (*ABSENT, "kopf", "httpx", "prometheus_client", "numpy", "pythonjsonlogger")
"""What the extra `cli` does not bring, besides."""
ALONE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
from leadsman.cli.main import main
main(sys.argv[1:], prog_name="leadsman")
"""


def leadsman(*arguments: str, alone: str = ALONE) -> tuple[int, str]:
    """Run the command as it would run there; returns its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", alone, *arguments], capture_output=True, text=True, check=False, timeout=60, env={}
    )
    return done.returncode, done.stdout + done.stderr


def test_the_operator_starts_without_them() -> None:
    assert leadsman("operator") == (
        1,
        "Error: LEADSMAN_SERVING_IMAGE is not set; expected the image of the serving pods\n",
    )


def test_help_lists_every_command() -> None:
    code, said = leadsman("--help")
    assert code == 0
    assert all(f"\n  {name} " in said for name in ("operator", "preflight", "sign", "package", "push", "simulate"))


@pytest.mark.parametrize("command", [("preflight", "x", "--digest", "y"), ("sign", "x"), ("preflight", "--help")])
def test_what_needs_them_says_how_to_get_them(command: tuple[str, ...]) -> None:
    code, said = leadsman(*command)
    assert code == 2
    assert "which is not installed; get it with: pip install 'leadsman[package]'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["status", "watch", "history", "approve", "undo"])
def test_the_commands_for_people_need_little(command: str) -> None:
    alone = ALONE.replace(str(ABSENT), str(PEOPLE_LACK))
    assert leadsman(command, "--help", alone=alone)[0] == 0
    without = ALONE.replace(str(ABSENT), str((*ABSENT, "rich")))
    code, said = leadsman(command, "fraud", alone=without)
    assert code == 2
    assert "needs rich, which is not installed; get it with: pip install 'leadsman[cli]'" in said
