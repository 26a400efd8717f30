"""push, pull, inspect and diff as processes, against a real registry."""

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from leadsman_package.layout import digest
from packages.cli.conftest import Leadsman
from support.packages import make_package, write_model
from support.registry import RunningRegistry, names_below


def test_what_is_pushed_can_be_pasted_into_a_spec(
    registry: RunningRegistry, leadsman: Leadsman, tmp_path: Path
) -> None:
    uri = registry.uri("models/pasted:1")
    pushed = leadsman("push", "fraud-1", uri)
    assert pushed.returncode == 0, pushed.stderr
    assert yaml.safe_load(pushed.stdout) == {"spec": {"model": {"uri": uri, "digest": digest(tmp_path / "fraud-1")}}}
    assert f"pushed: {uri}@sha256:" in pushed.stderr
    pulled = leadsman("pull", uri, "out/deep")
    assert pulled.returncode == 0, pulled.stderr
    assert names_below(tmp_path / "out/deep") == names_below(tmp_path / "fraud-1")
    assert digest(tmp_path / "fraud-1") in pulled.stdout


def test_a_pull_of_another_digest_leaves_nothing(registry: RunningRegistry, leadsman: Leadsman, tmp_path: Path) -> None:
    uri = registry.uri("models/other:1")
    leadsman("push", "fraud-1", uri)
    pulled = leadsman("pull", uri, "out", "--digest", f"sha256:{'0' * 64}")
    assert pulled.returncode == 1
    assert "was expected; it was not used" in pulled.stderr
    assert names_below(tmp_path / "out") == []


def test_a_tag_is_replaced_only_by_force(registry: RunningRegistry, leadsman: Leadsman) -> None:
    uri = registry.uri("models/forced:stable")
    assert leadsman("push", "fraud-1", uri).returncode == 0
    refused = leadsman("push", "fraud-2", uri)
    assert refused.returncode == 1
    assert "already; push to another tag, or replace it with --force" in refused.stderr
    assert leadsman("push", "--force", "fraud-2", uri).returncode == 0


def test_directories_are_places_too(leadsman: Leadsman, tmp_path: Path) -> None:
    assert leadsman("push", "fraud-1", "shelf").stdout.strip() == digest(tmp_path / "fraud-1")
    assert names_below(tmp_path / "shelf") == names_below(tmp_path / "fraud-1")
    assert "holds the package" in leadsman("push", "fraud-2", "shelf").stderr
    assert leadsman("push", "--force", "fraud-2", "file://" + str(tmp_path / "shelf")).returncode == 0
    assert digest(tmp_path / "shelf") == digest(tmp_path / "fraud-2")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(("push", "fraud-1", "https://x/y"), 1, "'https://x/y' is no place to push to", id="a web server"),
        pytest.param(("push", "fraud-1", "oci://h/n"), 1, "expected oci://HOST/NAME:TAG", id="no tag"),
        pytest.param(("push", "empty", "oci://h/n:1"), 1, "expected the manifest of a package", id="no package"),
        pytest.param(("push", "nowhere", "oci://h/n:1"), 2, "does not exist", id="no directory"),
        pytest.param(("pull", "oci://127.0.0.1:9/n:1", "out", "--retry-for", "0"), 75, "refused", id="no registry"),
        pytest.param(("pull", "nowhere", "out"), 1, "no such file or directory", id="no source"),
        pytest.param(("pull", "fraud-1", "out", "--digest", "1"), 2, "is no digest; expected sha256:", id="no digest"),
        pytest.param(("inspect", "ftp://x/y"), 1, "has the unknown scheme 'ftp'", id="no scheme"),
        pytest.param(("inspect", "text.onnx"), 1, "is no model in ONNX", id="no model"),
        pytest.param(("diff", "fraud-1", "nowhere"), 1, "no such file or directory", id="nothing to compare with"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    leadsman: Leadsman, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.onnx").write_text("no model at all")
    ran = leadsman(*arguments)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", ["push . oci://h/n:1", "pull a b", "inspect a", "diff a b"])
def test_what_is_not_installed_is_named(tmp_path: Path, command: str) -> None:
    program = "import sys; sys.modules['oras'] = None; from leadsman.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "needs oras, which is not installed; get it with: pip install 'leadsman[package]'" in ran.stderr


def test_inspect_tells_a_package_without_its_weights(
    registry: RunningRegistry, leadsman: Leadsman, tmp_path: Path
) -> None:
    uri = registry.uri("models/inspected:1")
    leadsman("push", "fraud-1", uri)
    model = digest_path(registry, tmp_path / "fraud-1/model.onnx")
    model.unlink()  # whoever asks for the weights now fails
    told = leadsman("inspect", uri)
    assert told.returncode == 0, told.stderr
    for words in (
        "fraud 1", digest(tmp_path / "fraud-1"), "Team Fraud", "regression", "scikit-learn", "4,000 rows",
        "4000 of 4000 rows answered as by the original", "1 request with answers", "roc_auc", "0.91", "age", "income",
        "FP32", "[N, 3]", "▇", "model.onnx", "4 files",
    ):  # fmt: skip
        assert words in told.stdout, words
    document = json.loads(leadsman("inspect", uri, "--json").stdout)
    assert document["manifest"]["evaluation"]["metrics"] == {"roc_auc": 0.91}
    assert [column["feature"] for column in document["baseline"]["inputs"]] == ["age", "income", "debt"]
    assert document["onnx"] is None


def test_inspect_tells_a_bare_model(leadsman: Leadsman, tmp_path: Path) -> None:
    write_model(tmp_path / "bare.onnx")
    told = leadsman("inspect", "bare.onnx").stdout
    for words in ("a model without a package", "opset ai.onnx 17; IR 8; 3 numbers in it", "tests", "MatMul", "[N, 3]"):
        assert words in told, words
    assert json.loads(leadsman("inspect", "bare.onnx", "--json").stdout)["onnx"]["operators"] == {"MatMul": 1}


def test_a_terminal_is_not_told_what_to_do(leadsman: Leadsman, tmp_path: Path) -> None:
    make_package(tmp_path / "evil", description="\x1b[2J[bold]gone\x07", owner="\x1b]0;title\x07")
    told = leadsman("inspect", "evil", FORCE_COLOR="1").stdout
    assert "[2J[bold]gone" in told
    assert "\x1b[2J" not in told
    assert "\x1b]0;" not in told
    assert "\x07" not in told


def test_diff_tells_what_changed(leadsman: Leadsman) -> None:
    told = leadsman("diff", "fraud-1", "fraud-2", "--answers")
    assert told.returncode == 0, told.stderr
    for words in (
        "roc_auc 0.91 → 0.93 (+0.02)", "training.sourceCommit abc → abd", "far apart", "alike", "model.onnx changed",
        "1 of 2 rows agree (50.0%), in 1 golden request of both", "two: output score[0, 0]: 4.5 → 10.5",
    ):  # fmt: skip
        assert words in told.stdout, words
    document = json.loads(leadsman("diff", "fraud-1", "fraud-2", "--answers", "--json").stdout)
    assert [(each["feature"], each["verdict"]) for each in document["drift"]] == [
        ("age", "far apart"),
        ("income", "alike"),
        ("debt", "alike"),
    ]
    assert document["signature"] == []
    assert document["answers"]["agreeing"] == 1


@pytest.mark.parametrize(("command", "said"), [(("inspect",), "? score"), (("diff", "fraud-2"), "0.91 ? 0.93")])
def test_an_old_terminal_is_shown_what_it_can(leadsman: Leadsman, command: tuple[str, ...], said: str) -> None:
    name, *other = command
    told = leadsman(name, "fraud-1", *other, PYTHONIOENCODING="latin-1")
    assert told.returncode == 0, told.stderr
    assert said in told.stdout


@pytest.mark.parametrize("command", [("inspect", "new"), ("diff", "fraud-1", "new")])
def test_json_is_whole_wherever_it_is_written(leadsman: Leadsman, tmp_path: Path, command: tuple[str, ...]) -> None:
    make_package(tmp_path / "new", description="Wägt 品質.")
    told = leadsman(*command, "--json", PYTHONIOENCODING="latin-1")
    assert told.returncode == 0, told.stderr
    assert "Wägt 品質." in told.stdout


def test_diff_tells_what_breaks_callers_first(leadsman: Leadsman, tmp_path: Path) -> None:
    make_package(tmp_path / "fewer", weights=(0.5, -1.0))
    told = leadsman("diff", "fraud-1", "fewer", "--answers").stdout
    assert "breaks them: input 'x' has the shape [N, 2], had [N, 3]" in told
    assert "the second refuses it" in told
    assert "the first refuses it" in told


def test_diff_of_the_same(leadsman: Leadsman, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "fraud-1", tmp_path / "copy")
    assert "They are the same, to the last bit." in leadsman("diff", "fraud-1", "copy").stdout


def test_bars_on_a_terminal(
    registry: RunningRegistry, leadsman: Leadsman, tmp_path: Path, environment: dict[str, str]
) -> None:
    make_package(tmp_path / "large", padding=30 << 20)
    command = ["leadsman", "push", "large", registry.uri("models/drawn:1")]
    leader, follower = pty.openpty()
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=follower
    ) as process:
        os.close(follower)
        drawn = read_all(leader)
        assert process.wait(60) == 0
    os.close(leader)
    assert "model.onnx" in drawn
    assert "30.0/30.0 MiB" in drawn
    assert "━" in drawn


def read_all(terminal: int) -> str:
    """Return all that is written to a terminal until nobody has it any more."""
    written = b""
    while True:
        try:
            piece = os.read(terminal, 1 << 16)
        except OSError:  # how Linux says that the other side is closed
            piece = b""
        if not piece:
            return written.decode(errors="replace")
        written += piece


def digest_path(registry: RunningRegistry, path: Path) -> Path:
    """Return where a registry keeps the bytes of a file."""
    (found,) = (file for file in registry.files.rglob("data") if file.read_bytes() == path.read_bytes())
    return found
