"""The commands that the documents give for simulations and backtests, word for word."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.docs import ROOT, section, shell_blocks
from unit.cli.elsewhere import elsewhere

POLICY = ROOT / "examples/quickstart/policy.yaml"
# Readers need enough runs to tell rates by; a few show that the commands do what is said.
FEW_RUNS = 'leadsman() { command leadsman "$@" --runs 5; }\n'


def done(commands: str, where: Path, **environment: str) -> str:
    """Run commands, as one would who types them in that directory; returns what they print."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-euc", commands],
        cwd=where,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_simulations_of_the_readme_run(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (commands,) = shell_blocks(section(ROOT / "README.md", "Try a policy before trusting it"))
    assert "Argo Rollouts" in done(FEW_RUNS + commands, tmp_path)
    assert (tmp_path / "rollouts.svg").read_text().startswith("<?xml")


def test_the_simulations_of_their_page_run(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").symlink_to(POLICY)
    (commands,) = shell_blocks((ROOT / "docs/simulate.md").read_text())
    said = done(FEW_RUNS + commands, tmp_path)
    for given in ("at 2 rps", "at 20 rps", "Argo Rollouts"):
        assert given in said
    assert json.loads(said[said.index("\n{") :])["runs"] == 5
    assert (tmp_path / "rollouts.svg").read_text().startswith("<?xml")


def test_the_backtests_of_their_page_run(tmp_path: Path, history: list[dict[str, Any]]) -> None:
    (tmp_path / "bold.yaml").symlink_to(POLICY)
    (commands,) = shell_blocks((ROOT / "docs/backtest.md").read_text())
    with elsewhere(history) as address:
        kubeconfig = {
            "clusters": [{"name": "one", "cluster": {"server": address}}],
            "contexts": [{"name": "one", "context": {"cluster": "one", "user": "me", "namespace": "payments"}}],
            "users": [{"name": "me", "user": {}}],
            "current-context": "one",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
        environment = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "http_proxy": address, "no_proxy": "127.0.0.1"}
        said = done(commands, tmp_path, HOME=str(tmp_path), **environment)
    caught = "Policy bold would have caught release 2 "
    assert said.count(caught) == 3, "in the context's namespace, in all, and in what was exported"
    exported, _ = json.JSONDecoder().raw_decode(said[said.index("\n{") + 1 :])
    assert [one["version"] for one in exported["releases"]] == ["2026.0", "2026.1"]
    assert "the Prometheus server has no counters of it" in said
