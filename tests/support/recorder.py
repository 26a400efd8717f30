"""A rollout from look to look without a cluster: machine, engine, receipts and recording, and nothing else."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from leadsman.api.modelrevision import DecisionRecord, ModelRevisionStatus
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Candidate, Mode, RolloutState
from leadsman.core import evidence
from leadsman.core.compared import compared
from leadsman.core.evidence import ArmCounts, Look
from leadsman.core.names import RECORDING_ANNOTATION
from leadsman.core.receipts import Basis, record
from leadsman.core.recording import Pass, Recording, decode, extended, keep
from leadsman.core.rollout import step
from leadsman.core.situation import Readiness, Situation
from leadsman.core.weighing import spec_of, weigh
from support.machine import POLICY, START
from support.objects import model_revision

DIGESTS = {"a": f"sha256:{'aa' * 32}", "b": f"sha256:{'bb' * 32}"}


@dataclass
class Recorder:
    """b against a. Every pass goes through JSON, as between two processes."""

    policy: RolloutPolicySpec = POLICY
    began: timedelta = timedelta(0)
    """How long after START the first pass is."""
    state: RolloutState = field(default_factory=lambda: RolloutState(stable="a", decisions=3))
    status: ModelRevisionStatus = field(default_factory=ModelRevisionStatus)
    annotation: str | None = None
    now: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.began
        self.see(0)
        self.see(1, ready=2)

    def see(self, seconds: float, look: Look | None = None, *, ready: int = 2, **changes: Any) -> None:
        """One pass, so many seconds later; `changes` are of the situation, or the candidate's `failure`."""
        self.now += timedelta(seconds=seconds)
        before, judgement, begun = self.state, None, None
        now = START + self.now
        state = before
        pair = compared(before)
        if pair is not None:
            look = replace(look or Look(at=0.0), at=now.timestamp())
            begun = None if pair.evidence else evidence.begin(spec_of(pair.policy), "b", "a", now.timestamp())
            known = pair.evidence or begun
            assert known is not None
            state, judgement = weigh(before, pair, known, look, now, settled=not changes.get("unsettled"))
        readiness = Readiness(ready, changes.pop("failure", None))
        asked: dict[str, Any] = {"desired": "b", "replicas": 2, "mode": Mode.GATEWAY} | changes
        situation = Situation(policy=self.policy, revisions={"b": readiness}, judgement=judgement, now=now, **asked)
        decision = step(situation, state)
        kept = keep(Pass("fraud", before, situation, decision, look if pair else None, begun, DIGESTS))
        if "b" in kept.flushes:
            self.annotation = extended(self.annotation, kept.flushes["b"])
        numbered = [
            (number, notice)
            for number, notice in enumerate(decision.notices, start=before.decisions + 1)
            if notice.revision == "b"
        ]
        basis = Basis("a", self.policy, DIGESTS["b"], DIGESTS["a"])
        self.status = record(self.status, numbered, basis, now)
        self.state = RolloutState.model_validate_json(kept.state.model_dump_json(by_alias=True, exclude_none=True))

    def traffic(self, seconds: float, rps: float, candidate_errors: float, stable_errors: float = 0.0) -> "Recorder":
        """Regular traffic at the machine's own weight, looked at every 2 s, until the rollout ends or time is over."""
        owed = [0.0, 0.0]
        for _ in range(round(seconds / 2)):
            if not self.on_trial:
                break
            share = self.weight / 100
            arms = []
            for which, (part, errors) in enumerate(((share, candidate_errors), (1 - share, stable_errors))):
                requests = round(rps * 2 * part)
                owed[which] += requests * errors
                failed, owed[which] = divmod(owed[which], 1)
                arms.append(ArmCounts(requests=requests, errors=int(failed)))
            self.see(2, Look(at=0.0, candidate=arms[0], stable=arms[1]))
        return self

    @property
    def on_trial(self) -> Candidate | None:
        candidate = self.state.candidate
        return candidate if candidate and candidate.revision == "b" else None

    @property
    def weight(self) -> int:
        candidate = self.on_trial
        if candidate is None or candidate.step_started_at is None:
            return 0
        return candidate.policy.steps[candidate.step].weight or 0

    @property
    def recording(self) -> Recording:
        """The whole recording, with what still waits in the status."""
        assert self.annotation or self.on_trial, "nothing was recorded"
        if self.on_trial is None or self.on_trial.recording is None or not self.on_trial.recording.lines:
            return decode(self.annotation or "")
        return decode(self.whole())

    def whole(self) -> str:
        """The annotation as it were if the rollout was over."""
        from leadsman.core.recording.keep import Flush  # noqa: PLC0415

        tail = self.on_trial.recording if self.on_trial else None
        assert tail is not None
        text = extended(self.annotation, Flush(tail.next - len(tail.lines), tail.lines))
        assert text is not None
        return text

    def object(self, revision: str = "b", version: str = "2") -> dict[str, Any]:
        """The ModelRevision as the API server has it."""
        raw = model_revision(revision, role="retired", version=version, born=self.began)
        raw["status"] = self.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self.annotation:
            raw["metadata"]["annotations"] = {RECORDING_ANNOTATION: self.annotation}
        return raw


def as_json(receipts: tuple[DecisionRecord, ...]) -> list[str]:
    """The receipts as they are written."""
    return [entry.model_dump_json(by_alias=True, exclude_none=True) for entry in receipts]
