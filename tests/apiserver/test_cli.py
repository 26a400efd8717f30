"""`leadsman` as people run it: with a kubeconfig of their own, their rights, and a real API server."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver.kubeapi import Api
from apiserver.town import Town, bound, hold, installed
from support import people
from support.people import CANDIDATE, REVISIONS

pytestmark = pytest.mark.apiserver

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def town(api: Api, new_namespace: Callable[[], str]) -> Iterator[Town]:
    """A namespace where the chart's policies hold, with a ServiceAccount for each role."""
    with ExitStack() as stack:
        town = Town(api, new_namespace(), stack)
        installed(api, town.namespace)
        for role in ("viewer", "operator", "approver"):
            api.create(f"api/v1/namespaces/{town.namespace}/serviceaccounts", {"metadata": {"name": role}})
            bound(town, role, account=role)
        hold(town)
        yield town


@pytest.fixture
def model(town: Town) -> Iterator[Callable[[str], None]]:
    """Puts the model fraud, with its history, into a state of its life."""

    def put(rollout: str) -> None:
        raw = people.deployment(rollout)
        raw["metadata"] = {"name": "fraud", "namespace": town.namespace}
        path = town.path("modeldeployments", "fraud")
        made = town.api.apply(path, {key: raw[key] for key in ("apiVersion", "kind", "metadata", "spec")}, force="true")
        status = {**raw["status"], "observedGeneration": made["metadata"]["generation"]}
        town.api.put(f"{path}/status", {**made, "status": status})

    put("approval")
    for record in REVISIONS:
        body = {"apiVersion": "leadsman.dev/v1alpha1", "kind": "ModelRevision", **record}
        body["metadata"] = {
            **record["metadata"],
            "namespace": town.namespace,
            "labels": {"leadsman.dev/model": "fraud"},
        }
        made = town.api.create(town.path("modelrevisions"), body)
        town.api.put(
            f"{town.path('modelrevisions', made['metadata']['name'])}/status", {**made, "status": body["status"]}
        )
    yield put
    for plural in ("modelrevisions", "rolloutactions", "modeldeployments"):
        town.api.delete(town.path(plural))


@pytest.fixture
def run(town: Town, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command as the ServiceAccount of a role."""

    def call(role: str, *arguments: str, server: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig(town, role, tmp_path, server))}
        command = [sys.executable, "-m", "leadsman.cli.main", *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
        )
        assert "Traceback" not in done.stderr
        return done

    return call


def kubeconfig(town: Town, role: str, where: Path, server: str | None = None) -> Path:
    """The kubeconfig of a ServiceAccount."""
    path = f"api/v1/namespaces/{town.namespace}/serviceaccounts/{role}/token"
    config = yaml.safe_load(town.api.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": town.api.create(path, {"spec": {}})["status"]["token"]}
    config["contexts"][0]["context"]["namespace"] = town.namespace
    if server:
        config["clusters"][0]["cluster"] = {"server": server}
    file = where / f"kubeconfig-{role}"
    file.write_text(json.dumps(config))
    return file


@contextmanager
def answering(town: Town, outcome: str, message: str) -> Iterator[None]:
    """Decide on every action as the operator would."""
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.05):
            for made in town.api.items(town.path("rolloutactions")):
                if "outcome" not in made["status"]:
                    path = f"{town.path('rolloutactions', made['metadata']['name'])}/status"
                    town.api.put(path, {**made, "status": {"outcome": outcome, "message": message}})

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_anybody_who_may_view_sees_how_it_goes(town: Town, model: Any, run: Any) -> None:
    done = run("viewer", "status", "fraud")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        f"fraud in {town.namespace}: 2026.11.20 serves, 2026.11.21 is in step 3 of 4 and waits for approval\n"
    )
    history = json.loads(run("viewer", "history", "fraud", "-o", "json").stdout)
    assert [one["decision"] for one in history["entries"]][-1] == "Approved"
    assert run("viewer", "history", "fraud", "-n", town.namespace, "-o", "csv").stdout.count("\n") == 7


def test_an_approval_is_what_was_shown_by_who_was_logged_in(town: Town, model: Any, run: Any) -> None:
    with answering(town, "Accepted", "approver approves revision 1a2b3c4d (2 of 2)"):
        done = run("approver", "approve", "fraud", "--yes", "--reason", "looks fine")
    assert (done.returncode, done.stderr) == (0, "")
    assert "approve 2026.11.21\n" in done.stdout
    assert done.stdout.endswith("approver approves revision 1a2b3c4d (2 of 2).\n")
    [made] = town.api.items(town.path("rolloutactions"))
    account = f"system:serviceaccount:{town.namespace}:approver"
    asked_by = made["spec"].pop("requestedBy")
    assert (asked_by["user"], "system:authenticated" in asked_by["groups"]) == (account, True)
    assert made["metadata"]["name"].startswith("fraud-approve-")
    assert made["spec"] == {
        "modelDeployment": "fraud",
        "verb": "Approve",
        "revision": CANDIDATE,
        "evidence": "c4d5e6f7",
        "reason": "looks fine",
    }


def test_what_is_refused_is_a_sentence_and_1(town: Town, model: Any, run: Any) -> None:
    with answering(town, "Refused", "it is not paused"):
        done = run("operator", "resume", "fraud")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Error: refused: it is not paused\n")


def test_what_nobody_decides_on_is_75(town: Town, model: Any, run: Any) -> None:
    done = run("operator", "pause", "fraud", "--timeout", "0.5")
    assert done.returncode == 75
    assert (
        "is made, and nobody has decided on it within 0.5 s: does the operator run? `kubectl get rolloutaction"
        in done.stderr
    )
    assert len(town.api.items(town.path("rolloutactions"))) == 1


def test_who_may_not_is_told_what_it_takes(town: Town, model: Any, run: Any) -> None:
    account = f"system:serviceaccount:{town.namespace}:operator"
    done = run("operator", "approve", "fraud", "--yes")
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: {account} may not approve fraud: that takes the verb approve on modeldeployments of leadsman.dev in "
        f"namespace {town.namespace}, which the ClusterRole leadsman-approver gives\n"
    )
    done = run("viewer", "pause", "fraud")
    assert done.returncode == 1
    assert 'cannot create resource "rolloutactions"' in done.stderr
    assert town.api.items(town.path("rolloutactions")) == []


def test_what_cannot_be_asked_for_is_a_sentence(town: Town, model: Any, run: Any) -> None:
    model("canary")
    said = {
        ("approve", "fraud"): (1, "fraud waits for no approval now; look: leadsman status fraud"),
        ("abort", "fraud", "--revision", "9f8e7d6c"): (1, "what is on its way is revision 1a2b3c4d, not 9f8e7d6c"),
        ("abort", "fraud"): (2, "nobody is there to be asked whether to; say --yes"),
        ("status", "churn"): (1, f"there is no ModelDeployment churn in namespace {town.namespace}; `kubectl get"),
        ("status", "fraud", "--context", "none"): (2, "the kubeconfig has no context none; it has light"),
        ("status", "fraud", "-n", "kube-system"): (1, 'cannot get resource "modeldeployments"'),
    }
    for arguments, (code, sentence) in said.items():
        done = run("operator", *arguments)
        assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr


def test_a_cluster_that_does_not_answer_is_75(town: Town, run: Any) -> None:
    done = run("operator", "status", "fraud", server=NOBODY)
    assert done.returncode == 75
    assert "the cluster does not answer" in done.stderr


def test_a_watch_tells_decisions_and_ends_when_the_rollout_is_over(
    town: Town, model: Callable[[str], None], tmp_path: Path
) -> None:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig(town, "viewer", tmp_path)), "PYTHONUNBUFFERED": "1"}
    for rollout, code, last in (
        ("watching", 0, ""),
        (
            "rolled back",
            1,
            "Error: fraud is not out: revision 1a2b3c4d is rolled back: errors 14 of 212 at 5 % against 3 of 4,020\n",
        ),
    ):
        model("canary")
        with subprocess.Popen(
            [sys.executable, "-m", "leadsman.cli.main", "watch", "fraud", "--until-done"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as watching:
            assert watching.stdout
            assert (
                watching.stdout.readline().rstrip().endswith("FirstRevision revision 5e6f7a8b is the first and serves")
            )
            model(rollout)
            _, errors = watching.communicate(timeout=30)
        assert (watching.returncode, errors) == (code, last)


@pytest.mark.parametrize(("answer", "made"), [("n\n", 0), ("y\n", 1)])
def test_on_a_terminal_it_asks_whether_to(
    town: Town, model: Callable[[str], None], tmp_path: Path, answer: str, made: int
) -> None:
    model("canary")
    with terminal() as (mine, its), answering(town, "Accepted", "as it was asked for"):
        os.write(mine, answer.encode())
        done = subprocess.run(
            [sys.executable, "-m", "leadsman.cli.main", "abort", "fraud"],
            env={**os.environ, "KUBECONFIG": str(kubeconfig(town, "operator", tmp_path))},
            stdin=its,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert "abort 2026.11.21: all requests go to 2026.11.20\n" in done.stdout
    assert (done.returncode, len(town.api.items(town.path("rolloutactions")))) == (0 if made else 1, made)


def test_on_a_terminal_a_watch_is_drawn_until_somebody_ends_it(
    town: Town, model: Callable[[str], None], tmp_path: Path
) -> None:
    model("canary")
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig(town, "viewer", tmp_path)),
        "TERM": "xterm-256color",
        "COLUMNS": "120",
        "LINES": "50",
    }
    with terminal() as (mine, its):
        with subprocess.Popen(
            [sys.executable, "-m", "leadsman.cli.main", "watch", "fraud"], env=environment, stdout=its, stderr=its
        ) as watching:
            drawn = until(mine, "█" * 7)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(timeout=30) == 0
        drawn += os.read(mine, 65536).decode(errors="replace")
    assert "is in step 2 of 4" in drawn
    assert "Traceback" not in drawn


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: our end, and that of a program."""
    ends = os.openpty()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def until(end: int, words: str) -> str:
    """Read from a terminal until some words are there."""
    read = b""
    while words not in read.decode(errors="replace"):
        ready, _, _ = select.select([end], [], [], 30)
        assert ready, f"{words!r} was not drawn: {read!r}"
        read += os.read(end, 65536)
    return read.decode(errors="replace")


def test_kubectl_has_it_as_a_plugin(town: Town, model: Any, tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "KUBECONFIG": str(kubeconfig(town, "viewer", tmp_path)),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(
        [programs / "kubectl", "leadsman", "status", "fraud"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("fraud in ")


def test_the_columns_of_kubectl_say_who_asked_for_what(town: Town, model: Any, run: Any) -> None:
    with answering(town, "Accepted", "paused by operator"):
        run("operator", "pause", "fraud")
    table = town.api.table(town.path("rolloutactions"))
    assert [column["name"] for column in table["columnDefinitions"]][1:6] == [
        "Model",
        "Verb",
        "Revision",
        "By",
        "Outcome",
    ]
    account = f"system:serviceaccount:{town.namespace}:operator"
    assert table["rows"][0]["cells"][1:6] == ["fraud", "Pause", None, account, "Accepted"]
