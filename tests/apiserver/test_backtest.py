"""Recordings and receipts as a real API server keeps them, and `leadsman backtest` that reads them there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiserver.kubeapi import LEADSMAN, model, policy, with_version
from apiserver.pilot import Pilot, pilot
from apiserver.world import World
from leadsman.api.modelrevision import ModelRevisionStatus
from leadsman.core.names import RECORDING_ANNOTATION
from leadsman.core.recording import decode, replay
from support.recorder import as_json

pytestmark = pytest.mark.apiserver

POLICY = """
apiVersion: leadsman.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: bold}
spec: {falseRollbackRate: 0.2, steps: [{weight: 20, minDuration: 0s}], checks: [{errorRate: {}}]}
"""


async def two_releases(it: Pilot) -> dict[str, dict[str, Any]]:
    """Version 1 serves, 2 is promoted, "bad" is rolled back. Returns the ModelRevisions by version."""
    it.world.errors["bad"] = 0.05
    it.world.api.submit(policy(it.world.namespace), model(it.world.namespace))
    await it.run(until=lambda it: it.serves("1"))
    it.world.api.submit(with_version(model(it.world.namespace), "2"))
    await it.run(until=lambda it: it.serves("2"))
    it.world.api.submit(with_version(model(it.world.namespace), "bad"))
    await it.run(until=lambda it: it.condition("Ready") == ("False", "RolledBack") and it.weights == {"2": 100})
    await it.one_pass()
    revisions = it.world.api.items(f"{LEADSMAN}/namespaces/{it.world.namespace}/modelrevisions")
    return {item["spec"]["model"]["version"]: item for item in revisions}


def run(kubeconfig: Path, program: str, *arguments: str) -> str:
    """Run a program of the virtual environment against the API server."""
    path = Path(sys.executable).with_name(program)
    # Without a home kubectl keeps its cache below the working directory.
    environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_what_the_api_server_keeps_replays_byte_for_byte(world: World) -> None:
    async with pilot(world) as it:
        revisions = await two_releases(it)
    for version in ("2", "bad"):
        revision = revisions[version]
        recording = decode(revision["metadata"]["annotations"][RECORDING_ANNOTATION])
        receipts = ModelRevisionStatus.model_validate(revision["status"]).receipts
        assert as_json(replay(recording).decisions) == as_json(receipts)
        assert [entry.number for entry in recording.entries] == list(range(1, len(recording.entries) + 1))
    assert RECORDING_ANNOTATION not in revisions["1"]["metadata"].get("annotations", {})


async def test_backtest_reads_the_cluster(world: World, kubeconfig: Path, tmp_path: Path) -> None:
    async with pilot(world) as it:
        await two_releases(it)
    (tmp_path / "bold.yaml").write_text(POLICY)
    command = ("leadsman", "backtest", str(tmp_path / "bold.yaml"))
    said = json.loads(run(kubeconfig, *command, "--namespace", world.namespace, "--json"))
    assert [(one["version"], one["outcome"], one["would"]["outcome"]) for one in said["releases"]] == [
        ("2", "Promoted", "Promoted"),
        ("bad", "RolledBack", "RolledBack"),
    ]
    assert said["releases"][0]["would"]["secondsLater"] < 0, "it has one step less"
    everywhere = run(kubeconfig, *command, "--all-namespaces", "--model", "fraud")
    assert f"{world.namespace}/fraud" in everywhere
    assert "There is no release to look at" in run(kubeconfig, *command), "the context's namespace is another"


async def test_kubectl_describe_begins_the_status_with_the_outcome_and_why(world: World, kubeconfig: Path) -> None:
    async with pilot(world) as it:
        name = (await two_releases(it))["bad"]["metadata"]["name"]
    text = run(kubeconfig, "kubectl", "-n", world.namespace, "describe", "mrev", name)
    status = [line.strip() for line in text[text.index("\nStatus:") :].splitlines()[2:]]
    assert status[0].startswith("Digest:")
    assert status[1].startswith("Message:")
    assert "is rolled back: errors " in status[1]
    assert status[1].endswith("at a budget of 1 : 100")
    assert status[2].split() == ["Outcome:", "RolledBack"]
    assert status[3] == "Preflight:"
    assert max(map(len, text.splitlines())) < 700, "no recording spoils the view"
    columns = run(kubeconfig, "kubectl", "-n", world.namespace, "get", "mrev", name).splitlines()
    assert columns[0].split() == ["NAME", "MODEL", "VERSION", "ROLE", "OUTCOME", "DECIDED", "AGE"]
    assert columns[1].split()[1:5] == ["fraud", "bad", "rejected", "RolledBack"]


async def test_a_recording_that_is_refused_stops_nothing(world: World) -> None:
    """An object's annotations have 256 KiB together, and people may have used them up."""
    world.errors["bad"] = 0.3
    async with pilot(world) as it:
        it.world.api.submit(policy(it.world.namespace), model(it.world.namespace))
        await it.run(until=lambda it: it.serves("1"))
        it.world.api.submit(with_version(model(it.world.namespace), "bad"))
        await it.run(until=lambda it: it.weights == {"1": 80, "bad": 20})
        path = f"{LEADSMAN}/namespaces/{world.namespace}/modelrevisions"
        (name,) = [
            item["metadata"]["name"] for item in world.api.items(path) if item["spec"]["model"]["version"] == "bad"
        ]
        world.api.patch(f"{path}/{name}", {"metadata": {"annotations": {"note": "x" * (256 * 1024 - 60)}}})
        seen = set()
        for _ in range(10):
            await it.one_pass()
            seen.add(it.condition("Ready")[1])
        assert seen <= {"RolloutInProgress", "RolledBack"}, "nobody is told that anything was refused"
        assert it.weights == {"1": 100}
        assert world.api.get(f"{path}/{name}")["status"]["outcome"] == "RolledBack"
        assert RECORDING_ANNOTATION not in world.api.get(f"{path}/{name}")["metadata"]["annotations"]
