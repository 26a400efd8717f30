"""`leadsman backtest` from the outside: files in, a table or JSON out, and a sentence where it cannot."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from leadsman.cli.main import main

POLICY = """
apiVersion: leadsman.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: bold}
spec:
  falseRollbackRate: 0.2
  steps: [{weight: 10, minDuration: 1m}, {weight: 50, minDuration: 1m}]
  checks: [{errorRate: {}}]
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, history: list[dict[str, Any]]) -> Run:
    """Run the command; `export` is what the file holds, the history by default."""

    def call(*arguments: str, export: str | None = None, policy: str = POLICY, files: bool = True) -> Result:
        (tmp_path / "bold.yaml").write_text(policy)
        exported = tmp_path / "history.yaml"
        exported.write_text(export if export is not None else yaml.safe_dump({"kind": "List", "items": history}))
        given = ["--file", str(exported)] if files else []
        return CliRunner().invoke(main, ["backtest", str(tmp_path / "bold.yaml"), *given, *arguments])

    return call


def test_a_table_and_sentences(run: Run) -> None:
    done = run()
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].split("  ")[0] == "#"
    assert "bold would have" in lines[0]
    assert "2026-11-21 12:00" in lines[1]
    assert "payments/fraud" in lines[1]
    assert "promoted after" in lines[1]
    assert lines[2].count("rolled back after") == 2
    assert "Policy bold would have caught release 2 " in done.output
    assert "seconds earlier" in done.output
    assert "Policy bold would have rolled back none of one good release in ten days." in done.output
    assert "- Traffic is as it was" in done.output
    assert "Traceback" not in done.output


def test_json_has_all_figures(run: Run) -> None:
    done = run("--json")
    assert done.exit_code == 0
    said = json.loads(done.stdout)
    good, bad = said["releases"]
    assert (good["number"], good["version"], good["outcome"], good["good"]) == (1, "2026.0", "Promoted", True)
    assert good["would"]["outcome"] == "Promoted"
    assert bad["would"]["outcome"] == "RolledBack"
    assert bad["would"]["secondsLater"] < 0
    assert bad["would"]["badResponses"] < 0
    assert bad["would"]["why"]
    assert len(said["policyHash"]) == 8
    assert any("caught release 2" in sentence for sentence in said["sentences"])
    assert len(said["caveats"]) == 2


FORMATS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "JSON": lambda history: json.dumps({"kind": "List", "apiVersion": "v1", "items": history}),
    "a typed list, whose items carry no kind": lambda history: yaml.safe_dump(
        {"kind": "ModelRevisionList", "items": [{k: v for k, v in raw.items() if k != "kind"} for raw in history]}
    ),
    "documents": lambda history: yaml.safe_dump_all([{"kind": "ConfigMap"}, *history, None]),
    "a list of lists": lambda history: yaml.safe_dump(
        {"kind": "List", "items": [{"kind": "List", "items": [raw]} for raw in history]}
    ),
}


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_what_kubectl_prints_is_read_as(written: Callable[[Any], str], run: Run, history: list[dict[str, Any]]) -> None:
    done = run("--json", export=written(history))
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["releases"]) == 2


def test_one_model_only(run: Run) -> None:
    assert json.loads(run("--json", "--model", "fraud").stdout)["releases"]
    none = run("--model", "other")
    assert none.exit_code == 0
    assert "There is no release to look at" in none.output


def test_a_record_that_cannot_be_understood_is_named_and_the_others_count(
    run: Run, history: list[dict[str, Any]]
) -> None:
    broken = {"kind": "ModelRevision", "metadata": {"name": "fraud-broken"}, "spec": {}}
    done = run(export=yaml.safe_dump_all([*history, broken]))
    assert done.exit_code == 0
    assert "- ModelRevision fraud-broken cannot be understood: spec." in done.output
    assert "caught release 2" in done.output


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no ModelRevision": ({"export": "kind: Pod"}, "there is no ModelRevision in it; expected what `kubectl get mrev"),
    "no YAML": ({"export": "{"}, "neither YAML nor JSON"),
    "no text": ({"export": "kind: \x00"}, "neither YAML nor JSON"),
    "a record without metadata": ({"export": "kind: ModelRevision"}, "without metadata"),
    "a bad policy": ({"policy": POLICY.replace("errorRate", "errors")}, "spec.checks[0].errors: unknown field"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_with_a_sentence(given: dict[str, Any], message: str, run: Run) -> None:
    done = run(**given)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--namespace", "payments"], "give one of them"),
        (["--step", "soon"], "expected a duration like 30s"),
        (["--step", "0s"], "expected 1s at least"),
        (["--file", "/nowhere.yaml"], "/nowhere.yaml: cannot be read"),
        (["--prometheus", "http://127.0.0.1:9"], "no counters could be read from Prometheus: http://127.0.0.1:9"),
        (["--prometheus", "http://127.0.0.1:9", "--prometheus-token-file", "/nowhere"], "/nowhere"),
        (["--prometheus", "nonsense"], "no counters could be read from Prometheus"),
    ],
)
def test_a_wrong_option_is_a_sentence(arguments: list[str], message: str, run: Run) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_without_a_cluster_it_says_what_to_do(tmp_path: Path) -> None:
    # A process of its own: the client library reads KUBECONFIG when it is imported.
    (tmp_path / "bold.yaml").write_text(POLICY)
    done = subprocess.run(
        [Path(sys.executable).with_name("leadsman"), "backtest", tmp_path / "bold.yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={"KUBECONFIG": str(tmp_path / "none")},
    )
    assert done.returncode == 2
    assert "the cluster's ModelRevisions cannot be read" in done.stderr
    assert "--file reads exported ones" in done.stderr
    assert "Traceback" not in done.stderr
