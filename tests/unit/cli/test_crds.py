"""`leadsman crds`: the files of the checkout say what the types say."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from leadsman.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
DIRECTORIES = ("crds", "charts/leadsman/crds")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the directories that hold CRDs."""
    for directory in DIRECTORIES:
        shutil.copytree(ROOT / directory, tmp_path / directory)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    """Run the command."""
    result = CliRunner().invoke(main, ["crds", *arguments])
    return result.exit_code, result.output


def test_the_checkout_is_up_to_date() -> None:
    assert run("--check", "--root", str(ROOT)) == (0, "the CRDs are up to date\n")


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_a_file_changed_by_hand_is_found(checkout: Path, directory: str) -> None:
    changed = checkout / directory / "modeldeployments.leadsman.dev.yaml"
    changed.write_text(changed.read_text().replace("mdep", "mdp"))
    code, output = run("--check", "--root", str(checkout))
    assert code == 1
    assert str(changed) in output
    assert "leadsman crds --write" in output


def test_a_missing_file_is_found(checkout: Path) -> None:
    (checkout / "crds" / "modelrevisions.leadsman.dev.yaml").unlink()
    assert run("--root", str(checkout))[0] == 1


def test_writing_brings_everything_up_to_date(tmp_path: Path) -> None:
    code, output = run("--write", "--root", str(tmp_path))
    assert code == 0
    assert {Path(line.removeprefix("wrote ")) for line in output.splitlines()} == {
        path for path in tmp_path.rglob("*") if path.is_file()
    }
    assert run("--check", "--root", str(tmp_path))[0] == 0


def test_the_operator_says_what_setting_it_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADSMAN_SERVING_IMAGE", raising=False)
    result = CliRunner().invoke(main, ["operator"])
    assert result.exit_code == 1
    assert "LEADSMAN_SERVING_IMAGE" in result.output
