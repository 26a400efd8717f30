"""Running `leadsman-serving preflight`, and what it says in each of its forms."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from serving.process import run

NAMES = ["fetch", "signed", "manifest", "load", "memory", "schema", "golden", "agreement", "latency"]
_TEXT = {"type": "string"}
_DIGEST = {"type": ["string", "null"], "pattern": "^sha256:[0-9a-f]{64}$"}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["v", "passed", "digest", "stableDigest", "sentence", "checks"],
    "properties": {
        "v": {"const": 1},
        "passed": {"type": "boolean"},
        "digest": _DIGEST,
        "stableDigest": _DIGEST,
        "sentence": {"type": "string", "minLength": 1},
        "checks": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "verdict", "expected", "found", "message"],
                "properties": {
                    "name": {"enum": NAMES},
                    "verdict": {"enum": ["Pass", "Fail", "Warn", "Skip"]},
                    "expected": _TEXT,
                    "found": _TEXT,
                    "message": {"type": "string", "minLength": 1},
                },
            },
        },
    },
}
"""Of the report, in the file and in the last word."""


@dataclass(frozen=True)
class Proof:
    """How a preflight ended: the exit code, the report in its file, the last word, and what was said."""

    code: int
    report: dict[str, Any]
    last_word: dict[str, Any]
    said: str

    @property
    def verdicts(self) -> dict[str, str]:
        return {check["name"]: check["verdict"] for check in self.report["checks"]}

    @property
    def failed(self) -> list[str]:
        return [name for name, verdict in self.verdicts.items() if verdict == "Fail"]

    def check(self, name: str) -> dict[str, str]:
        (found,) = (check for check in self.report["checks"] if check["name"] == name)
        return dict(found)


def prove(tmp_path: Path, uri: Path | str, *options: str | Path, **environment: str) -> Proof:
    """Run the command on a model, and check what is true of every report."""
    report, log, scratch = tmp_path / "report.json", tmp_path / "termination", tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    arguments = map(str, (uri, "--json", report, "--scratch", scratch, "--deadline", "50", *options))
    finished = run("preflight", *arguments, LEADSMAN_TERMINATION_LOG=str(log), **environment)
    assert "Traceback" not in finished.stderr, finished.stderr
    assert finished.stdout == ""
    assert not list(scratch.iterdir()), "nothing is left behind"
    assert log.stat().st_size <= 4000
    told = json.loads(log.read_text())
    if finished.returncode == 75:
        assert not report.exists()
        return Proof(75, {}, told, finished.stderr)
    document = json.loads(report.read_text())
    for each in (document, told):
        jsonschema.validate(each, SCHEMA)
        assert [check["name"] for check in each["checks"]] == NAMES
    assert document["passed"] is (finished.returncode == 0), finished.stderr
    assert finished.returncode in (0, 65), finished.stderr
    assert finished.stderr.splitlines()[-1].endswith(document["sentence"])
    return Proof(finished.returncode, document, told, finished.stderr)
