"""The commands against an API server that says what a test wants: what changes while somebody thinks, and mistakes."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leadsman.cli.main import main
from leadsman.cli.people import verbs
from support import loopback, people
from support.people import CANDIDATE, STABLE


@dataclass
class Cluster:
    """One model in each namespace, and what was asked for."""

    rollout: dict[str, Any]
    groups: list[str] = field(default_factory=list)
    user: str = "alice"
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Namespace and verb."""
    actions: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""

    def get(self, path: str) -> dict[str, Any]:
        if path.endswith("/modeldeployments/fraud"):
            raw = people.deployment("canary")
            raw["status"]["rollout"] = self.rollout
            raw["metadata"]["namespace"] = path.split("/")[-3]
            return raw
        return {"items": people.REVISIONS if path.endswith("/modelrevisions") else self.actions}

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/selfsubjectreviews"):
            return {"status": {"userInfo": {"username": self.user, "groups": self.groups}}}
        self.asked.append((path.split("/")[-2], body["spec"]["verb"]))
        return {
            **body,
            "metadata": {**body["metadata"], "name": "made"},
            "status": {"outcome": "Accepted", "message": "it is done"},
        }


@contextmanager
def serving(cluster: Cluster) -> Iterator[Cluster]:
    class Page(loopback.Handler):
        def do_GET(self) -> None:
            self.say(cluster.get(self.path.partition("?")[0]))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.say(cluster.create(self.path.partition("?")[0], body))

        def say(self, said: dict[str, Any]) -> None:
            self.answer(json.dumps(said).encode())

    with loopback.serving(Page) as cluster.address:
        yield cluster


@dataclass
class Town:
    """Two clusters, and the kubeconfig that names them."""

    clusters: dict[str, Cluster]
    file: Path

    def config(self, current: str, namespace: str) -> None:
        """Write the kubeconfig."""
        config = {
            "clusters": [{"name": name, "cluster": {"server": one.address}} for name, one in self.clusters.items()],
            "contexts": [
                {"name": name, "context": {"cluster": name, "user": "me", "namespace": namespace}}
                for name in self.clusters
            ],
            "users": [{"name": "me", "user": {}}],
            "current-context": current,
        }
        self.file.write_text(json.dumps(config))


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """The current context is the cluster `here`, namespace `payments`."""
    with ExitStack() as stack:
        clusters = {
            name: stack.enter_context(serving(Cluster(dict(people.ROLLOUTS["canary"])))) for name in ("here", "there")
        }
        made = Town(clusters, tmp_path / "config")
        made.config("here", "payments")
        monkeypatch.setenv("KUBECONFIG", str(made.file))
        yield made


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Lets something happen while somebody thinks about what is shown, and then answers yes."""

    def happen(change: Callable[[], None]) -> None:
        monkeypatch.setattr(verbs, "_ask_whether", lambda *_: change())

    return happen


def run(*arguments: str, charset: str = "utf-8") -> Result:
    """Run a command; whatever is wrong is a sentence."""
    done = CliRunner(charset=charset).invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("verb", ["skip", "promote", "abort", "undo"])
def test_a_verb_acts_where_it_has_looked(town: Town, meanwhile: Any, verb: str) -> None:
    meanwhile(lambda: town.config("there", "lab"))
    done = run(verb, "fraud")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "it is done.")
    assert town.clusters["here"].asked == [("payments", verb.capitalize())]
    assert town.clusters["there"].asked == []


STEP_3 = {"phase": "Canary", "stable": STABLE, "candidate": people.candidate(3)}
PHASE = {"phase": "Preparing", "stable": STABLE, "candidate": people.candidate(1)}
OTHER = {"phase": "Canary", "stable": STABLE, "candidate": people.candidate(1, revision="0a0b0c0d")}
GONE = people.ROLLOUTS["watching"]
MOVED: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "skip, the step passed by itself": (
        "skip",
        STEP_3,
        f"fraud has moved on: candidate {CANDIDATE} beside stable {STABLE} in step 2 of 4 (Canary) was shown, "
        f"now it is candidate {CANDIDATE} beside stable {STABLE} in step 4 of 4 (Canary); "
        "look again: leadsman status fraud",
    ),
    "skip, at another phase": ("skip", PHASE, "in step 2 of 4 (Preparing); look again"),
    "skip, another candidate": ("skip", OTHER, "now it is candidate 0a0b0c0d"),
    "promote, the step passed by itself": ("promote", STEP_3, "now it is"),
    "promote, another candidate": ("promote", OTHER, "now it is candidate 0a0b0c0d"),
    "abort, another candidate": ("abort", OTHER, "now it is candidate 0a0b0c0d"),
    "abort, the candidate serves": ("abort", GONE, f"now it is stable {CANDIDATE} alone"),
    "undo, another candidate": ("undo", OTHER, "now it is candidate 0a0b0c0d"),
    "abort, a step later it is the same candidate": ("abort", STEP_3, None),
}


@pytest.mark.parametrize(("verb", "then", "said"), MOVED.values(), ids=MOVED)
def test_what_was_not_shown_is_not_done(
    town: Town, meanwhile: Any, verb: str, then: dict[str, Any], said: str | None
) -> None:
    cluster = town.clusters["here"]
    meanwhile(lambda: setattr(cluster, "rollout", then))
    done = run(verb, "fraud")
    if said is None:
        assert (done.exit_code, len(cluster.asked)) == (0, 1)
    else:
        assert (done.exit_code, cluster.asked) == (1, [])
        assert said in done.stderr


MISTAKES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no name": (("status", ""), 2, "'' is no name of an object; expected"),
    "a path": (("status", "fraud/status"), 2, "'fraud/status' is no name of an object"),
    "no name to watch": (("watch", ""), 2, "is no name"),
    "no name of a history": (("history", "/"), 2, "is no name"),
    "no name to pause": (("pause", ""), 2, "is no name"),
    "no namespace": (("abort", "fraud", "-n", ""), 2, "'' is no name of an object"),
    "no revision": (("abort", "fraud", "-y", "--revision", ""), 1, f"revision {CANDIDATE}, not ;"),
}


@pytest.mark.parametrize(("arguments", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_variable_that_is_not_set_is_a_sentence(town: Town, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert town.clusters["here"].asked == []


def test_an_undo_to_no_revision_is_not_one_to_the_last(town: Town) -> None:
    assert verbs.subject(people.view("canary"), verbs.Verb.UNDO, "").revision == ""


@pytest.mark.parametrize("arguments", [("status", "fraud"), ("abort", "fraud", "-y")])
def test_a_broken_kubeconfig_is_a_sentence(town: Town, arguments: tuple[str, ...]) -> None:
    town.file.write_text("contexts: [")
    done = run(*arguments)
    assert done.exit_code == 2
    assert f"{town.file} cannot be understood as a kubeconfig: while parsing" in done.stderr


OLD_TERMINAL = {
    "status": (("status", "fraud"), "? 2  weight 5 %"),
    "history": (("history", "fraud"), "50 ? 100 %"),
    "watch": (("watch", "fraud", "--until-done"), "PauseWaiting by Zo\xeb, ?"),
    "a question": (("abort", "fraud", "-y"), "Pass        ?????????? 100%"),
}


@pytest.mark.parametrize(("arguments", "said"), OLD_TERMINAL.values(), ids=OLD_TERMINAL)
def test_an_old_terminal_shows_what_it_can(town: Town, arguments: tuple[str, ...], said: str) -> None:
    cluster = town.clusters["here"]
    cluster.actions.append(people.action("pause", "Pause", "carol", 2, reason="by Zo\xeb, \u2713"))
    if "watch" in arguments:
        cluster.rollout = people.ROLLOUTS["rolled back"]
    assert said in run(*arguments, charset="latin-1").stdout


@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_programs_read_is_whole_everywhere(town: Town, form: str) -> None:
    town.clusters["here"].actions.append(people.action("pause", "Pause", "carol", 2, reason="by Zo\xeb, \u2713"))
    done = run("history", "fraud", "-o", form, charset="latin-1")
    assert "by Zo\xeb, \u2713" in done.stdout_bytes.decode()
    assert done.stdout_bytes == run("history", "fraud", "-o", form).stdout_bytes


UNFIT: dict[str, tuple[str, list[str], str]] = {
    "too many groups": (
        "alice",
        [f"team-{number}" for number in range(513)],
        "Error: alice has 513 groups, and an action names all groups of who asks, 512 at most: "
        "log in as somebody with fewer\n",
    ),
    "too long a name": ("a" * 513, [], "Error: who you are cannot be put on record: user: String should have at most"),
}


@pytest.mark.parametrize(("user", "groups", "said"), UNFIT.values(), ids=UNFIT)
def test_who_cannot_be_put_on_record_is_told(town: Town, user: str, groups: list[str], said: str) -> None:
    cluster = town.clusters["here"]
    cluster.user, cluster.groups = user, groups
    done = run("pause", "fraud")
    assert (done.exit_code, done.stderr.startswith(said)) == (1, True), done.stderr
    assert cluster.asked == []
