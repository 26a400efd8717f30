"""A cluster that fits in a few dictionaries: an API server, a kubelet, a gateway, users, and time that is a number.

`World.look()` is one pass of the operator over it, in the order of writes of shell/reconciler.py; `World.live(seconds)`
lets time go by. Nothing of the operator outlives a pass but what stands in the dictionaries, so every pass is also a
restart.
"""

import copy
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf
from random import Random
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.modelrevision import ModelRevisionStatus
from leadsman.api.rolloutaction import RolloutAction
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import ModelDeploymentStatus, RolloutState
from leadsman.core.decide import Plan, decide, state_of
from leadsman.core.desired import Action
from leadsman.core.jobpods import is_job_pod, parse_job_pod
from leadsman.core.names import CHANGED_BY_ANNOTATION, REVISION_LABEL
from leadsman.core.observed import Key, Observed
from leadsman.core.pods import parse_pod
from leadsman.core.podtemplate import digest_in
from leadsman.core.revision import revision_hash
from leadsman.core.route import RULE_FIELDS
from leadsman.core.soundings import Soundings, soundings_wanted
from leadsman.core.variables import config_maps_of, with_values
from support.autoscaling import Autoscalers, applied, scaled
from support.objects import as_written, meaning
from support.simgateway import copies_of, recipients, shares_of, take
from support.simjob import SimJob
from support.simpod import BEGIN, Model, SimPod, model_of, sounded

NAME, NAMESPACE, UID = "fraud", "payments", "11111111-2222-3333-4444-555555555555"


class CrashError(Exception):
    """The operator's process ends here."""


@dataclass
class World:
    """One ModelDeployment and all around it."""

    policy: RolloutPolicySpec | None
    models: dict[str, Model] = field(default_factory=dict)
    """By the version in the spec; and by `<version>:<MODE>`, where the variable MODE makes a difference."""
    rps: float = 40.0
    replicas: int = 2
    max_replicas: int | None = None
    """Autoscalers set the number of pods, up to this."""
    pod_rps: float = inf
    """Requests per second that one pod can answer; more are lost."""
    gateway: bool = True
    seed: int = 1
    image: str = "serving:1"
    metrics_gone: bool = False
    outage: float = 0.0
    """Share of requests that fail whatever model answers."""
    config_maps: dict[str, dict[str, str]] = field(default_factory=dict)
    """What they say, by name."""
    sticky: float = 0.0
    """Share of requests that go to stable whatever the weights are."""
    testers: float = 0.0
    """Requests a second that go to the candidate besides."""
    rule_fields: frozenset[str] | None = RULE_FIELDS
    """What a rule of this cluster's HTTPRoute may have."""
    gateway_stuck: bool = False
    """The gateway takes no routes, and goes on with those that it has taken."""

    def __post_init__(self) -> None:
        self.now = 0.0
        self.random = Random(self.seed)
        self.generation = 0
        self.spec: dict[str, Any] = {}
        self.status: dict[str, Any] = {"observedGeneration": -1}
        self.objects: dict[Key, dict[str, Any]] = {}
        self.pods: dict[str, SimPod] = {}
        self.pods_born = 0
        self.jobs: dict[str, SimJob] = {}
        """By the Job's UID."""
        self.asked: dict[str, dict[str, Any]] = {}
        """RolloutActions by name."""
        self.unwritable: set[str] = set()
        """Those whose answers the API server refuses."""
        self.taken: dict[str, Any] = {}
        """The HTTPRoute that the gateway took last."""
        self.jobs_made: Counter[str] = Counter()
        """By the Job's name."""
        self.tags: dict[str, str] = {}
        """Versions by the URI of a reference that moves."""
        self.templates: dict[str, dict[str, Any]] = {}
        self.restarted: Counter[str] = Counter()
        """Rolling restarts by Deployment: template changes under a running one."""
        self.served: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.copied: Counter[str] = Counter()
        """Copies of requests by the revision that got them; no user sees its answers."""
        self.lost = 0
        """Requests that were sent where no pod was ready."""
        self.overloaded = 0.0
        """Requests, or copies of them, that came to a revision whose pods had too much to do."""
        self.autoscalers = Autoscalers(self.pod_rps)
        self.author = ""
        """Who is stamped on the spec."""
        self.history: list[tuple[float, str, str]] = []
        self.writes = 0
        self.crash_before: int | None = None
        """Number of the write before which the operator's process ends; then it is started again."""
        self.crashes = 0
        self.notable: set[int] = set()
        """Numbers of the writes of passes that did more than write the status."""

    # what people do

    def apply(self, version: str, **changes: Any) -> str:
        """Apply a spec that names a version; returns its revision's hash."""
        self.generation += 1
        self.spec = {
            "model": {"uri": f"https://models.example.com/fraud/{version}.onnx", "version": version},
            "scaling": {"minReplicas": self.replicas}
            | ({"maxReplicas": self.max_replicas} if self.max_replicas else {}),
            "traffic": {"gateway": {"name": "public", "namespace": "gateways"}} if self.gateway else {},
            "rolloutPolicy": {"name": "careful"},
            **changes,
        }
        return self.hash_of(version)

    def hash_of(self, version: str) -> str:
        """The revision that a version of the model is."""
        spec = {"model": {"uri": f"https://models.example.com/fraud/{version}.onnx", "version": version}}
        return revision_hash(ModelDeployment.model_validate({"metadata": {"name": NAME}, "spec": spec}).spec)

    def ask(self, verb: str, user: str = "alice", groups: tuple[str, ...] = (), **spec: Any) -> str:
        """Create a RolloutAction about what is on its way, or was taken back; returns its name."""
        name = f"action-{len(self.asked) + 1}"
        meant = meaning(self.state, verb) | {"modelDeployment": NAME, "verb": verb}
        if user:
            meant["requestedBy"] = {"user": user, "groups": list(groups)}
        metadata = {"name": name, "uid": name, "generation": 1, "creationTimestamp": self.clock.isoformat()}
        self.asked[name] = {"metadata": metadata, "spec": meant | spec}
        return name

    def answer_to(self, name: str) -> str:
        """What became of a RolloutAction: "Accepted: ..." or "Refused: ..."."""
        status = self.asked[name].get("status", {})
        return f"{status.get('outcome')}: {status.get('message')}"

    def turn(self, version: str, **changes: Any) -> None:
        """A model behaves otherwise from now on, in the pods that run it."""
        self.models[version] = replace(self.models[version], **changes)
        for pod in self.pods.values():
            if pod.revision == self.hash_of(version):
                pod.model = self.models[version]

    def lose_status(self) -> None:
        """Restore everything from a backup, which holds no status."""
        self.status = {"observedGeneration": -1}
        for (kind, _), raw in self.objects.items():
            if kind == "ModelRevision":
                raw.pop("status", None)

    # what is so

    @property
    def clock(self) -> datetime:
        return BEGIN + timedelta(seconds=self.now)

    @property
    def state(self) -> RolloutState:
        return ModelDeploymentStatus.model_validate(self.status).rollout

    @property
    def reasons(self) -> list[str]:
        """Every decision that was committed, in order."""
        return [reason for _, reason, _ in self.history]

    def condition(self, kind: str) -> str:
        """A condition as "Status/Reason"; empty when it is absent."""
        found = [c for c in self.status.get("conditions", []) if c["type"] == kind]
        return f"{found[0]['status']}/{found[0]['reason']}" if found else ""

    def weights(self) -> dict[str, int]:
        """Who gets what share of requests, by the live route or Service."""
        if self.gateway:
            return shares_of(self.objects.get(("HTTPRoute", NAME), {}), NAME)
        service = self.objects.get(("Service", NAME), {})
        selector = service.get("spec", {}).get("selector", {})
        return {selector[REVISION_LABEL]: 100} if selector else {}

    def copies(self) -> dict[str, int]:
        """Who gets copies of what share of requests, by the live route."""
        return copies_of(self.objects.get(("HTTPRoute", NAME), {}), NAME)

    def running(self) -> set[str]:
        """The revisions that have a Deployment."""
        return {name.removeprefix(f"{NAME}-") for kind, name in self.objects if kind == "Deployment"}

    def receipts(self) -> list[tuple[int, str, str]]:
        """Number, reason and revision of every receipt, in order."""
        found = []
        for (kind, _), raw in self.objects.items():
            if kind == "ModelRevision":
                for entry in raw.get("status", {}).get("receipts", []):
                    found.append((entry["sequence"], entry["reason"], raw["spec"]["revision"]))
        return sorted(found)

    def status_of(self, revision: str) -> ModelRevisionStatus:
        """The audit trail of a revision."""
        return ModelRevisionStatus.model_validate(self.objects["ModelRevision", f"{NAME}-{revision}"].get("status", {}))

    def observed(self) -> Observed:
        """Read it all."""
        metadata: dict[str, Any] = {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": self.generation}
        if self.author:
            metadata["annotations"] = {CHANGED_BY_ANNOTATION: self.author}
        raw = {"metadata": metadata, "spec": self.spec, "status": self.status}
        written = ModelDeployment.model_validate(json.loads(json.dumps(raw)))
        named = config_maps_of(written.spec.runtime)
        found = {name: {"data": self.config_maps[name]} for name in named if name in self.config_maps}
        deployment, unknown_values = with_values(written, dict.fromkeys(named, "does not exist") | found)
        raw_pods = [pod.raw(self.now) for pod in self.pods.values()] + [job.pod(self.now) for job in self.jobs.values()]
        return Observed(
            deployment=deployment,
            policy=self.policy,
            pods=[parse_pod(pod) for pod in raw_pods if not is_job_pod(pod)],
            job_pods=[parse_job_pod(pod) for pod in raw_pods if is_job_pod(pod)],
            live=dict(self.objects),
            has_gateway_api=True,
            rule_fields=self.rule_fields,
            actions=[RolloutAction.model_validate(raw) for raw in self.asked.values()],
            reads_config_maps=bool(named),
            unknown_values=unknown_values,
        )

    # the operator

    def look(self) -> Plan:
        """One pass; CrashError where `crash_before` says so."""
        before = self.writes
        observed = self.observed()
        plan = decide(observed, self.soundings(observed), self.image, self.clock)
        try:
            self._write(observed, plan)
        finally:
            if plan.notices or plan.actions or plan.records or plan.recordings or plan.receipts:
                self.notable |= set(range(before, self.writes + 1))
        return plan

    def soundings(self, observed: Observed) -> Soundings:
        """Read from the pods what this pass wants."""
        if self.metrics_gone:
            return Soundings()
        wanted = soundings_wanted(observed, state_of(observed), self.clock.timestamp())
        return sounded(wanted, [pod for pod in self.pods.values() if pod.ready(self.now)], self.now)

    def _write(self, observed: Observed, plan: Plan) -> None:
        for action in (*plan.records, *plan.recordings):
            self._act(action)
        for name, status in plan.receipts.items():
            self._count()
            self.objects["ModelRevision", name]["status"] = as_written(status)
        if plan.status != observed.deployment.status:
            self._count()
            self.status = as_written(plan.status)
            self.history += [(self.now, notice.reason.value, notice.revision) for notice in plan.notices]
        for action in plan.actions:
            self._act(action)
        for name, answer in plan.answers.items():
            if name in self.unwritable:
                continue
            self._count()
            self.asked[name]["status"] = as_written(answer)

    def _count(self) -> None:
        if self.crash_before == self.writes:
            self.crash_before = None
            self.crashes += 1
            raise CrashError
        self.writes += 1

    def _act(self, action: Action) -> None:
        self._count()
        key = (action.kind, action.name)
        if action.body is None:
            assert self.objects.pop(key, None) is not None, "nothing is deleted twice"
            return
        old = self.objects.get(key)
        body = copy.deepcopy(action.body)
        if action.subresource:
            scaled(self.objects[key], body["spec"]["replicas"], "leadsman")
            return
        metadata = body["metadata"]
        metadata["creationTimestamp"] = old["metadata"]["creationTimestamp"] if old else self.clock.isoformat()
        metadata["generation"] = old["metadata"]["generation"] + 1 if old else 1
        if action.kind == "ModelRevision" and old:
            assert {"digest": body["spec"].get("digest"), **old["spec"]} == {"digest": None, **body["spec"]}, (
                "a ModelRevision's spec is immutable, and its digest is set once"
            )
            body["status"] = old.get("status", {})
        metadata["resourceVersion"] = str(self.writes)
        if action.kind == "Deployment":
            applied(body, old)
        if action.kind == "Job":
            assert old is None, "a Job is never changed"
            self.jobs_made[action.name] += 1
            metadata["uid"] = f"{action.name}-{self.jobs_made[action.name]}"
        if action.kind in ("HTTPRoute", "GRPCRoute"):
            if self.gateway_stuck:
                body["status"] = self.objects[key]["status"]
            else:
                take(body, NAME, {name for kind, name in self.objects if kind == "Service"})
                self.taken = body if action.kind == "HTTPRoute" else self.taken
        self.objects[key] = body

    # time

    def live(self, seconds: float) -> None:
        """Let time go by: pods start and users ask."""
        for _ in range(max(1, round(seconds))):
            self._run_jobs()
            self._run_pods()
            self._serve()
            self.now += 1.0

    def run(self, seconds: float) -> Iterator[Plan | None]:
        """Look and live by turns, as the operator asks for but at least every 5 s; None for a pass that crashed."""
        end = self.now + seconds
        while self.now < end:
            try:
                plan = self.look()
            except CrashError:
                yield None
                continue
            yield plan
            self.live(min(plan.requeue_after.total_seconds(), 5.0))

    def rest(self, seconds: float) -> None:
        """Run, with nobody looking on."""
        for _ in self.run(seconds):
            pass

    def until(self, *reasons: str, seconds: float = 1800) -> None:
        """Run until a decision with one of these reasons is committed."""
        told = len(self.history)
        for _ in self.run(seconds):
            if set(self.reasons[told:]) & set(reasons):
                return
        raise AssertionError(f"none of {reasons} within {seconds} s, but {self.reasons[told:]}; {self.status}")

    def _run_jobs(self) -> None:
        wanted = {raw["metadata"]["uid"]: raw for (kind, _), raw in self.objects.items() if kind == "Job"}
        self.jobs = {uid: job for uid, job in self.jobs.items() if uid in wanted}
        for uid, raw in wanted.items():
            if uid not in self.jobs:
                template = raw["spec"]["template"]
                model = model_of(template["spec"]["containers"][0], self.models, self.tags)
                self.jobs[uid] = SimJob(uid, template, model, self.now)

    def _run_pods(self) -> None:
        wanted: dict[str, int] = {}
        for (kind, name), raw in self.objects.items():
            if kind == "Deployment":
                revision = name.removeprefix(f"{NAME}-")
                wanted[revision] = raw["spec"]["replicas"]
                template = raw["spec"]["template"]
                if self.templates.setdefault(name, template) != template:
                    self.restarted[name] += 1
                    self.templates[name] = template
        self.pods = {name: pod for name, pod in self.pods.items() if pod.revision in wanted}
        for revision, replicas in wanted.items():
            own = [pod for pod in self.pods.values() if pod.revision == revision]
            for _ in range(replicas - len(own)):
                self._give_birth(revision)
            for pod in own[replicas:]:
                del self.pods[pod.name]

    def _give_birth(self, revision: str) -> None:
        self.pods_born += 1
        name = f"{NAME}-{revision}-{self.pods_born}"
        template = self.objects["Deployment", f"{NAME}-{revision}"]["spec"]["template"]
        wants = digest_in(template)
        assert wants, "no pod is born that would take bytes which no preflight has proved"
        model = model_of(template["spec"]["initContainers"][0], self.models, self.tags)
        self.pods[name] = SimPod(name, revision, model, self.now, wants)

    def _serve(self) -> None:
        split = shares_of(self.taken, NAME) if self.gateway_stuck else self.weights()
        if not split:
            return
        copies = self.copies()
        ready = {
            revision: [pod for pod in self.pods.values() if pod.revision == revision and pod.ready(self.now)]
            for revision in (*split, *copies)
        }
        busy: Counter[str] = Counter()
        for number, revision in enumerate(recipients(self.random, split, self.rps, self.sticky, self.testers)):
            request = f"{self.now}-{number}"
            self.served[revision] += 1
            busy[revision] += 1
            if not ready[revision]:
                self.lost += 1
            elif not self.random.choice(ready[revision]).answer(self.random, self.outage, self.now, request):
                self.failed[revision] += 1
            for mirrored, percent in copies.items():
                if ready[mirrored] and self.random.random() < percent / 100:
                    self.copied[mirrored] += 1
                    busy[mirrored] += 1
                    self.random.choice(ready[mirrored]).answer(self.random, self.outage, self.now, request)
        self.overloaded += sum(
            max(0, busy[revision] - len(pods) * self.pod_rps) for revision, pods in ready.items() if pods
        )
        self.autoscalers.live(self.now, self.objects, busy)
