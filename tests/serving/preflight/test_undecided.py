"""What says nothing of the model is no rejection: exit code 75, and why, for whoever tries again."""

import json
import os
import subprocess
import sys
from pathlib import Path

from serving.preflight.packages import package, scores
from serving.preflight.proving import prove
from serving.process import clean_environment, free_ports

COMMAND = Path(sys.executable).with_name("leadsman-serving")


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    proof = prove(tmp_path, f"http://127.0.0.1:{port}/models/m.onnx", "--deadline", "4")
    assert proof.code == 75
    assert list(proof.last_word) == ["v", "transient"]
    assert proof.last_word["transient"].startswith("could not be decided now: ")
    assert proof.said.rstrip().endswith(proof.last_word["transient"])


def test_the_stable_model_s_store_does_not_answer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    good = package(tmp_path / "good", scores())
    proof = prove(tmp_path, good, "--against", f"http://127.0.0.1:{port}/m.onnx", "--deadline", "4")
    assert (proof.code, list(proof.last_word)) == (75, ["v", "transient"])


def test_no_room_for_the_files(tmp_path: Path) -> None:
    """As another user, so that permissions hold for root as well."""
    good = package(tmp_path / "good", scores())
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    log = tmp_path / "termination"
    log.touch(mode=0o666)
    finished = subprocess.run(
        [str(COMMAND), "preflight", str(good), "--scratch", str(closed / "gone")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment() | {"LEADSMAN_TERMINATION_LOG": str(log)},
    )
    assert finished.returncode == 2, "a wrong command line, which is nobody's model's fault"
    assert "--scratch" in finished.stderr


def test_the_disk_is_full(tmp_path: Path) -> None:
    large = package(tmp_path / "large", scores(), big=bytes(200_000))
    log = tmp_path / "termination"
    # The process may write no file of more than 100 kB, which ends in the same way as a disk that is full.
    finished = subprocess.run(
        ["prlimit", "--fsize=100000", str(COMMAND), "preflight", str(large), "--scratch", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment() | {"LEADSMAN_TERMINATION_LOG": str(log)},
    )
    assert finished.returncode == 75
    assert json.loads(log.read_text())["transient"].startswith("could not be decided now: cannot write to ")


def test_nothing_is_written_but_in_the_scratch_directory(tmp_path: Path) -> None:
    good = package(tmp_path / "good", scores())
    home = tmp_path / "home"
    home.mkdir()
    before = {path: path.stat().st_mtime_ns for path in good.rglob("*")}
    nowhere = {"HOME": str(home), "TMPDIR": str(tmp_path / "none"), "XDG_CACHE_HOME": str(home / "cache")}
    proof = prove(tmp_path, good, "--against", good, **nowhere)
    assert proof.code == 0, proof.said
    assert not list(home.iterdir())
    assert {path: path.stat().st_mtime_ns for path in good.rglob("*")} == before


def test_options_come_from_the_environment_as_well(tmp_path: Path) -> None:
    good = package(tmp_path / "good", scores())
    proof = prove(tmp_path, good, LEADSMAN_MAX_LATENCY="0.000001")
    assert (proof.code, proof.failed) == (65, ["latency"])


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    key = tmp_path / "key.pub"
    key.touch()
    for options, reason in {
        ("--identity", "a@example.com"): "--identity and --issuer go together",
        ("--issuer", "https://example.com"): "--identity and --issuer go together",
        ("--identity", "a", "--issuer", "b", "--public-key", str(key)): "give --public-key, or --identity and --issuer",
    }.items():
        finished = subprocess.run(
            [str(COMMAND), "preflight", "m.onnx", *options],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=clean_environment() | {"HOME": os.environ.get("HOME", "/")},
        )
        assert (finished.returncode, reason in finished.stderr) == (2, True), finished.stderr
