"""The demo from beginning to end."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from demo import chart, cluster, figures, gateway, manifests, report, setup
from demo.clock import now
from demo.cluster import DemoError, Object, Watch
from demo.data import NAME, load_data
from demo.load import LoadConfig
from demo.manifests import NAMESPACE
from demo.records import Mark, Request, RequestLog, spans
from demo.report import Report
from demo.timeline import Line, Point, Timeline, View
from demo.train import Bad, Model, train_versions, user_requests

_LONGEST_LOAD = 1200.0
_ROLLOUT_SECONDS = 600.0
_QUIET_SECONDS = 8.0
_SAY_EVERY = 5.0
_EXPERIENCED_SECONDS = 6.0
"""Users come to version 1 for so long before version 2: a latency is compared with one that is known."""
_BAD_DECISIONS = ("EvidenceFailed", "ModelFailed", "CandidateUnready", "Inconclusive", "ProgressDeadlineExceeded")
_REFUSED = "PreflightFailed"


def run(*, keep: bool, bad: Bad, out: Path, rate: float) -> int:
    """Run the demo and return its exit code: 0 when every promise was kept."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    began, said = now(), Report(now())
    try:
        with ExitStack() as undo:
            undo.callback(_shielded, lambda: said.save(out / "timeline.txt"))
            broken = Demo(said, undo, out, keep=keep, bad=bad, rate=rate).play()
    except DemoError as problem:
        broken = [str(problem)]
    except KeyboardInterrupt:
        broken = ["it was interrupted"]
    for sentence in broken:
        said.console.print(f"FAILED: {sentence}", style="bold red", markup=False)
    if not broken:
        said.console.print(
            f"All promises kept, in {now() - began:.0f} s. Chart: {out / 'chart.png'}",
            style="bold green",
            markup=False,
        )
    return 1 if broken else 0


class Demo:
    """One run. What it makes is registered in `undo` in the moment it is made."""

    def __init__(self, said: Report, undo: ExitStack, out: Path, *, keep: bool, bad: Bad, rate: float) -> None:
        self.said = said
        self.undo = undo
        self.out = out
        self.keep = keep
        self.bad: Bad = bad
        self.rate = rate
        self.marks: list[Mark] = []
        self.timeline = Timeline(NAME, now, said.line)
        self.log = RequestLog(out / "requests.jsonl")

    def play(self) -> list[str]:
        """Tell the whole story; returns the promises that were not kept. Raises DemoError when it cannot go on."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.log.path.unlink(missing_ok=True)
        models = self._prepare()
        self._begin(models[0])
        promoted, before = self._good(models[1])
        after = [setup.restarts_by_pod(self._good_revision)] if promoted else []
        rolled_back = self._taken_back(models[2]) if promoted else False
        refused = self._refused(models[3]) if rolled_back else False
        ended = now()
        after += [setup.restarts_by_pod(self._good_revision)] if promoted else []
        requests = self._stop_load()
        facts = figures.Facts(
            requests=requests,
            bad_version=models[2].version,
            promoted=promoted,
            rolled_back=rolled_back,
            refused_version=models[3].version,
            refused=refused,
            pods_before=before,
            pods_after=after,
        )
        return self._conclude(facts, ended)

    # --- the parts ---

    def _prepare(self) -> list[Model]:
        cluster.check_reachable()
        images = cluster.images()
        self.said.phase("Four versions of a classifier, trained on 569 real biopsies, as packages")
        with self._doing("training, and leadsman package"):
            models = train_versions(setup.cache_folder(), self.bad)
        self.said.models(models)
        self._show_rows()
        self.said.phase("The operator, a registry, a policy")
        if not setup.operator_installed():
            self._when_done("removing the operator", setup.uninstall_operator)
        with self._doing("helm upgrade --install leadsman charts/leadsman"):
            setup.install_operator(images)
        self._when_done(f"deleting the namespace {NAMESPACE}", setup.remove_namespace)
        with self._doing(f"namespace {NAMESPACE} with registry and policy"):
            setup.make_namespace(images)
            self.gateway = gateway.ensure()
        with self._doing("leadsman push, of each version"):
            setup.push_packages(models, self.out)
        return models

    def _begin(self, model: Model) -> None:
        self.said.phase("Version 1 is deployed: the first of its model, nothing to compare it with")
        self._apply(model)
        self._watch()
        self._kubectl_wait()
        door = gateway.Door(self.gateway, self.out)
        self.undo.callback(door.close)
        gateway.wait_for_model(door.base)
        self._start_load(door.base)
        self._mark("version 1 serves")
        self._kubectl_get()
        time.sleep(_EXPERIENCED_SECONDS)

    def _good(self, model: Model) -> tuple[bool, dict[str, int]]:
        self.said.phase("Version 2 is better: it walks its steps and is promoted")
        self._mark("version 2 on trial")
        self._apply(model)
        in_trial = self._until(lambda view: view.desired == model.version and view.candidate_weight() > 0)
        self._good_revision = revision = self.timeline.view.candidate
        before = setup.restarts_by_pod(revision) if in_trial else {}
        promoted = in_trial and self._until(
            lambda view: view.is_condition("Ready", "True") and view.stable == model.version and not view.rejected,
            lambda view: bool(view.rejected),
        )
        self._mark("version 2 serves")
        time.sleep(_QUIET_SECONDS if promoted else 0)
        return promoted, before

    def _taken_back(self, model: Model) -> bool:
        wrong = "fails on a third of the rows" if self.bad == "errors" else "is slow"
        self.said.phase(f"Version 3 looks better still offline, and {wrong}: it is taken back")
        self._mark("version 3 on trial")
        self._apply(model)
        rolled_back = self._until(
            lambda view: (
                bool(view.rejected)
                and not view.weights.get(view.rejected)
                and view.is_condition("Ready", "False", "RolledBack")
                and view.is_condition("Stalled", "True")
            ),
            lambda view: view.is_condition("Ready", "True") and view.stable == model.version,
        )
        self._mark("back on version 2")
        time.sleep(_QUIET_SECONDS)
        self._kubectl_get()
        if rejected := self.timeline.view.rejected:
            self._receipts_of(rejected)
        return rolled_back

    def _refused(self, model: Model) -> bool:
        self.said.phase("Version 4 takes 10 measurements, where all clients send 30: preflight refuses it")
        self._mark("version 4 in preflight")
        self._apply(model)
        rejected = self._until(
            lambda view: view.desired == model.version and view.is_condition("Ready", "False", _REFUSED),
            lambda view: view.is_condition("Ready", "True"),
        )
        time.sleep(_QUIET_SECONDS)
        self._kubectl_get()
        revision = self.timeline.view.rejected
        if rejected:
            self._preflight_of(revision)
        return rejected and not setup.deployments_of(revision)

    def _conclude(self, facts: figures.Facts, ended: float) -> list[str]:
        self.said.phase("What came of it")
        per_phase = [figures.phase_figures(span) for span in spans(self.marks, facts.requests, ended)]
        bad = figures.rollback(facts.requests, facts.bad_version, self.timeline.zero_at.get(facts.bad_version))
        self.said.phases(per_phase)
        self.said.rollback(bad, facts.bad_version)
        restarted = len(figures.restarted(facts.pods_before, facts.pods_after))
        on_trial = [each.errors for each in per_phase if each.phase == "version 2 on trial"]
        self.said.text(
            f"Requests that failed during the rollout and promotion of version 2: {sum(on_trial)}. "
            f"Pods restarted by it: {restarted} of {len(facts.pods_before)}."
        )
        broken = figures.broken_promises(facts)
        report.save_summary(
            self.out / "summary.json",
            *(per_phase, bad, broken),
            pods_restarted=restarted,
            failed_during_promotion=sum(on_trial),
        )
        points, decisions = self._receipts()
        picture = chart.Picture(
            began=self.marks[0].at,
            ended=ended,
            looks=self.timeline.points,
            receipts=points,
            requests=facts.requests,
            marks=self.marks,
            decisions=[each for each in decisions if each.at >= self.marks[0].at],
        )
        chart.draw(picture, self.out / "chart.png", self.out / "chart.svg")
        return broken

    # --- the cluster ---

    def _apply(self, model: Model) -> None:
        said = cluster.apply(manifests.model_deployment(model, self.gateway)).strip()
        self._say(f"kubectl apply: {said}, spec.model.version {model.version} ({model.description})")

    def _watch(self) -> None:
        space = ("-n", NAMESPACE)
        named = f"--field-selector=metadata.name={NAME}"
        for heard, what in (
            (self.timeline.hear_deployment, ("modeldeployments.leadsman.dev", named)),
            (self.timeline.hear_route, ("httproutes.gateway.networking.k8s.io", named)),
            (self.timeline.hear_event, ("events.events.k8s.io",)),
        ):
            self.undo.callback(Watch(heard, *what, *space).close)

    def _kubectl_wait(self) -> None:
        command = ("wait", "-n", NAMESPACE, f"mdep/{NAME}", "--for=condition=Ready")
        try:
            cluster.kubectl(*command, "--timeout=180s")
        except DemoError as problem:
            raise DemoError(
                f"{problem}\n{cluster.kubectl('get', 'pods,mdep', '-n', NAMESPACE, '-o', 'wide')}"
            ) from None
        self._say(f"kubectl {' '.join(command)}: condition met")

    def _kubectl_get(self) -> None:
        self.said.text("$ kubectl get mdep,mrev\n" + cluster.kubectl("get", "mdep,mrev", "-n", NAMESPACE))

    def _receipts_of(self, revision: str) -> None:
        name = f"{NAME}-{revision}"
        self.said.text(f"\nThe receipts of version {self.timeline.view.name(revision)} (kubectl describe mrev {name}):")
        found = cluster.get("mrev", name, "-n", NAMESPACE) or {}
        for decision in found.get("status", {}).get("receipts", ()):
            when, before, after = decision["at"], decision["weightBefore"], decision["weightAfter"]
            reason, message = decision["reason"], decision["message"]
            self.said.text(f"{decision['sequence']:>4}  {when}  {before} -> {after} %  {reason}: {message}")

    def _preflight_of(self, revision: str) -> None:
        name = f"{NAME}-{revision}"
        self.said.text(
            f"\nThe preflight of version {self.timeline.view.name(revision)} (kubectl describe mrev {name}):"
        )
        found = cluster.get("mrev", name, "-n", NAMESPACE) or {}
        for check in found.get("status", {}).get("preflight", {}).get("checks", ()):
            self.said.text(f"{check['verdict']:>5}  {check['name']:<10}  {check['message']}")

    def _receipts(self) -> tuple[list[Point], list[chart.Decision]]:
        """Return the evidence that each decision rested on, and the decisions, from the ModelRevisions."""
        points, decisions = [], []
        for revision in cluster.items("modelrevisions.leadsman.dev", "-n", NAMESPACE):
            version = revision["spec"]["model"].get("version", "")
            for decision in revision.get("status", {}).get("receipts", ()):
                at, reason = _seconds(decision["at"]), decision["reason"]
                text = "rolled back" if reason in _BAD_DECISIONS else _words(decision)
                decisions.append(chart.Decision(at, text, bad=reason in (*_BAD_DECISIONS, _REFUSED)))
                if decision.get("checks"):
                    points.append(_point(at, version, decision))
        return points, sorted(decisions, key=lambda each: each.at)

    # --- the users ---

    def _start_load(self, base: str) -> None:
        config = LoadConfig(
            url=f"{base}/v2/models/{NAME}/infer",
            host=manifests.HOSTNAME,
            rate=self.rate,
            most_requests=int(self.rate * _LONGEST_LOAD),
            most_seconds=_LONGEST_LOAD,
            log=str(self.log.path),
            rows=list(user_requests(load_data())),
        )
        path = self.out / "load.json"
        config.save(path)
        self._users = cluster.start(
            [sys.executable, str(Path(__file__).with_name("load.py")), str(path)], self.out / "load.log"
        )
        self.undo.callback(self._users.kill)
        for _ in range(200):
            if self.log.read():
                break
            time.sleep(0.1)
        else:
            raise DemoError(f"no request of a user was answered; see {self.out / 'load.log'}")
        self._say(f"users: {self.rate:.0f} requests per second of held-out rows through {base}, from now to the end")

    def _stop_load(self) -> list[Request]:
        if self._users.poll() is not None:
            raise DemoError(f"the users went away in the middle of the demo; see {self.out / 'load.log'}")
        self._users.terminate()
        self._users.wait(timeout=30)
        return self.log.read()

    def _show_rows(self) -> None:
        rows = list(user_requests(load_data()))
        self.said.text(
            f"Users send {len(rows)} held-out rows, {sum(row[2] for row in rows) / len(rows):.0%} of them with coarse "
            "texture; the offline sample has no such row."
        )

    # --- telling ---

    def _until(
        self,
        good: Callable[[View], bool],
        bad: Callable[[View], bool] = lambda _: False,
        seconds: float = _ROLLOUT_SECONDS,
    ) -> bool:
        """Wait for a view of the cluster, saying how things stand; False when the bad one or the time comes first."""
        end = time.monotonic() + seconds
        with self.said.live(self._standing):
            while time.monotonic() < end:
                if self.timeline.wait(lambda view: good(view) or bad(view), min(_SAY_EVERY, end - time.monotonic())):
                    return good(self.timeline.view)
                self.said.line(Line(now(), "standing", self._standing()))
        return False

    def _standing(self) -> str:
        requests = self.log.read()
        return f"{self.timeline.standing()}  users: {len(requests)}, failed: {sum(r.failed for r in requests)}"

    def _mark(self, phase: str) -> None:
        self.marks.append(Mark(now(), phase))

    def _say(self, text: str) -> None:
        self.said.line(Line(now(), "demo", text))

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        self._say(f"{what} ...")
        yield
        self._say(f"{what}: done in {time.monotonic() - started:.1f} s")

    def _when_done(self, what: str, action: Callable[[], None]) -> None:
        """Undo something at the end, whatever the end is, unless the user wants to keep it."""
        if self.keep:
            return

        def undo() -> None:
            self._say(what)
            action()

        self.undo.callback(_shielded, undo)


def _point(at: float, version: str, decision: Object) -> Point:
    return Point(
        at=at,
        version=version,
        weights={},
        harm={check["name"]: check["harm"] for check in decision["checks"]},
        promotion={check["name"]: check["promotion"] for check in decision["checks"]},
    )


def _words(decision: Object) -> str:
    words: dict[str, str] = {
        "RolloutStarted": "prepared",
        "StepStarted": f"step to {decision['weightAfter']} %",
        "Promoted": "promoted",
        _REFUSED: "refused",
    }
    return words.get(decision["reason"], str(decision["reason"]))


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def _shielded(action: Callable[[], None]) -> None:
    """Do it even if the user presses Ctrl-C again."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        action()
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - a signal handler's signature
    raise KeyboardInterrupt
