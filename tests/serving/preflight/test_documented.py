"""The commands that the documentation gives for preflight and signing, word for word; and `leadsman preflight`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leadsman_serving.preflight.judge import judge
from leadsman_serving.preflight.measured import Demands, Measured, Missing, Model, Signed
from serving.preflight.packages import bare, package, scores
from serving.process import clean_environment
from support.docs import ROOT, section, shell_blocks

PAGE = ROOT / "docs/packages.md"


def run(commands: str, where: Path) -> subprocess.CompletedProcess[str]:
    """Run commands as one who types them in that directory."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", commands],
        cwd=where,
        env=clean_environment() | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory with the packages that the documentation speaks of."""
    package(tmp_path / "fraud-1", scores())
    package(tmp_path / "fraud-2", scores(1.00001))
    return tmp_path


def test_the_commands_of_preflight(packages: Path) -> None:
    (commands,) = shell_blocks(section(PAGE, "Preflight"))
    finished = run(commands, packages)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1].startswith("ready to serve; checks: 8 passed, 1 skipped")
    assert json.loads((packages / "preflight.json").read_text())["passed"] is True
    (suite,) = ElementTree.parse(packages / "preflight.xml").getroot()
    assert suite.get("name") == "./fraud-2"


def test_the_commands_of_signing(packages: Path) -> None:
    (commands,) = shell_blocks(section(PAGE, "Signing"))
    finished = run(commands, packages)
    assert finished.returncode == 0, finished.stderr
    assert "signed: fraud-2/model.sig" in finished.stdout
    assert "all files are signed by the key of team.pub" in finished.stdout


def test_the_table_has_each_check_in_order() -> None:
    names = [line.split("`")[1] for line in section(PAGE, "Preflight").splitlines() if line.startswith("| `")]
    nothing = Measured(Model(Missing("gone")), Signed.NO_FILES)
    assert names == [check.name for check in judge(nothing, Demands()).checks]


def test_json_on_standard_output_is_nothing_but_json(packages: Path) -> None:
    finished = run("leadsman preflight fraud-2 --json -", packages)
    assert (finished.returncode, json.loads(finished.stdout)["passed"]) == (0, True)
    assert "golden" in finished.stderr


def test_on_a_terminal_there_is_a_table(packages: Path) -> None:
    finished = run("script -qec 'leadsman preflight fraud-2 --digest sha256:" + "0" * 64 + "' /dev/null", packages)
    assert finished.returncode == 65
    assert "┃ verdict" in finished.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("┃  ", "┃ ")
    assert "rejected: fetch: the model has digest" in finished.stdout


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("preflight nowhere", 65, "rejected: fetch: nowhere: no such file or directory"),
        ("preflight ftp://example.com/m.onnx", 65, "has the unknown scheme 'ftp'"),
        ("sign fraud-1 --private-key bare/m.onnx", 1, "is no private key of an elliptic curve, in PEM"),
        ("preflight fraud-1 --json /proc/nowhere", 1, "/proc/nowhere cannot be written: "),
    ],
)
def test_what_goes_wrong_is_told_in_a_sentence(packages: Path, command: str, code: int, sentence: str) -> None:
    bare(packages / "bare", scores())
    finished = run(f"leadsman {command}", packages)
    assert finished.returncode == code, finished.stderr
    assert sentence in finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr


def test_without_onnx_runtime_it_says_what_to_install(packages: Path) -> None:
    hidden = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n == 'onnxruntime' else f(n)"
    program = (
        f"{hidden}; import sys; sys.argv[1:] = ['preflight', 'fraud-1']; from leadsman.cli.main import main; main()"
    )
    finished = run(f'python -c "{program}"', packages)
    assert finished.returncode == 2
    assert "preflight needs onnxruntime, which is not installed; get it with: pip install 'leadsman[package]'" in (
        finished.stderr
    )


def test_help_imports_nothing_that_it_does_not_need(packages: Path) -> None:
    heavy = "('numpy', 'onnxruntime', 'rich', 'sigstore')"
    program = f"import sys; import leadsman.cli.main; print(*(name for name in {heavy} if name in sys.modules))"
    assert run(f'python -c "{program}"', packages).stdout == "\n"
