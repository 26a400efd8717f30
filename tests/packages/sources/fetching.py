"""Running `leadsman-serving fetch` and looking at everything it leaves behind."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from serving.process import run


@dataclass(frozen=True)
class Outcome:
    """How a fetch ended: exit code, termination message, what was said, what lies in the directory.

    Not what begins with a dot, which is what the next attempt may go on with.
    """

    code: int
    last_word: str
    stderr: str
    files: dict[str, bytes]


@dataclass(frozen=True)
class Answer:
    """How resolving ended: exit code, termination message, what was said."""

    code: int
    last_word: str
    stderr: str


def resolve(tmp_path: Path, uri: str, *options: str, **environment: str) -> Answer:
    log = tmp_path / "termination"
    finished = run("resolve", uri, "--retry-for", "0.4", *options, LEADSMAN_TERMINATION_LOG=str(log), **environment)
    assert "Traceback" not in finished.stderr, finished.stderr
    assert finished.returncode or finished.stdout == f"{log.read_text()}\n", "the same for people and for Kubernetes"
    return Answer(finished.returncode, log.read_text(), finished.stderr)


def fetch(tmp_path: Path, uri: str, *options: str, **environment: str) -> Outcome:
    target, log = tmp_path / "model", tmp_path / "termination"
    target.mkdir(exist_ok=True)
    finished: subprocess.CompletedProcess[str] = run(
        *("fetch", uri, str(target), "--retry-for", "0.4", *options), LEADSMAN_TERMINATION_LOG=str(log), **environment
    )
    assert "Traceback" not in finished.stderr, finished.stderr
    return Outcome(
        finished.returncode,
        log.read_text(),
        finished.stderr,
        files_in(target),
    )


def files_in(directory: Path) -> dict[str, bytes]:
    """The files below a directory by name, and that nothing is there but files."""
    found = [path for path in directory.rglob("*") if not path.relative_to(directory).parts[0].startswith(".")]
    assert all(path.is_dir() or path.is_file() for path in found)
    return {str(path.relative_to(directory)): path.read_bytes() for path in found if path.is_file()}


def assert_fetched(outcome: Outcome, body: bytes) -> None:
    assert outcome.code == 0, outcome.stderr
    assert outcome.files == {"model.onnx": body}
    assert json.loads(outcome.last_word) == {"digest": digest_of(body), "bytes": len(body), "kind": "model"}


def assert_package(outcome: Outcome, package: Path) -> None:
    """The package was fetched, and nothing else is there."""
    assert outcome.code == 0, outcome.stderr
    files = files_in(package)
    assert outcome.files == files
    expected = {"digest": digest_of(files["model.yaml"]), "bytes": sum(map(len, files.values())), "kind": "package"}
    assert json.loads(outcome.last_word) == expected


def assert_failed(outcome: Outcome, code: int, *reasons: str) -> None:
    assert (outcome.code, outcome.files) == (code, {}), outcome.stderr
    assert outcome.stderr.splitlines()[-1] == outcome.last_word, "the same sentence for people and for Kubernetes"
    for reason in reasons:
        assert reason in outcome.last_word


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
