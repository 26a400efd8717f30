"""The operator's part in a run: its engine and its machine, without a cluster."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from leadsman.api.evidence import CheckReport, Evidence, Judgement, Verdict
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Until
from leadsman.api.status import Candidate, Mode, Phase, RolloutState
from leadsman.core import evidence
from leadsman.core.evidence import EvidenceSpec, Look, Minute
from leadsman.core.rollout import candidate_weight, mirror, step
from leadsman.core.rollout.steps import step_of
from leadsman.core.situation import Readiness, Situation
from leadsman.simulation.block import Exposure
from leadsman.simulation.looks import brought_anything
from leadsman.simulation.outcome import End

_CANDIDATE, _STABLE = "candidate", "stable"
_READY = {_CANDIDATE: Readiness(ready=1), _STABLE: Readiness(ready=1)}
# Reports are costly, and the machine asks for no more than the verdict until it decides something.
_UNREPORTED = {verdict: Judgement(verdict=verdict, message="") for verdict in Verdict}


class Operator:
    """A rollout under a policy, begun at the moment when the candidate's pods are ready.

    `evidence` is the engine's state after the last look. It may be put forward by looks that decide nothing.
    """

    def __init__(self, policy: RolloutPolicySpec, history: Sequence[Minute], now: datetime) -> None:
        self.spec = EvidenceSpec.of(policy.false_rollback_rate, policy.checks)
        # Outside a shadow step the machine does not wait for agreement, of which nothing more can be shown there.
        self._spec_in_canary = replace(self.spec, agreement=None)
        self._policy = policy
        self._verdict: Verdict | None = None
        self._state = step(self._situation(None, now), RolloutState(stable=_STABLE)).state
        self.evidence = evidence.begin(self.spec, _CANDIDATE, _STABLE, now.timestamp(), history)

    @property
    def exposure(self) -> Exposure:
        """What the candidate gets."""
        copies = mirror(self._state)
        return Exposure(candidate_weight(self._state) / 100, copies.percent / 100 if copies else 0.0)

    @property
    def end(self) -> End:
        """How the rollout has ended; held as long as it has not."""
        if self._state.phase is Phase.ROLLED_BACK:
            return End.ROLLED_BACK
        return End.PROMOTED if self._state.stable == _CANDIDATE else End.HELD

    def passes_from(self) -> datetime:
        """Return from when on the step ends if every check passes."""
        candidate, began = self._in_step()
        return began + step_of(candidate).min_duration

    def acts_at(self) -> datetime | None:
        """Return when the step may end whatever the evidence, if no check fails; None if it waits for evidence only."""
        candidate, began = self._in_step()
        asked = step_of(candidate)
        if asked.until is Until.TIME:
            return began + asked.min_duration
        return None if candidate.overdue else began + asked.max_duration

    def put_forward(self, after: Evidence) -> None:
        """Go on from the evidence after looks at which there was nothing to decide."""
        self.evidence, self._verdict = after, None

    def see(self, look: Look, now: datetime) -> tuple[str, ...]:
        """Take in a look, and decide. Returns what was decided."""
        if not look.seen or brought_anything(look) or self.evidence.unseen_since is not None:
            self.evidence = evidence.absorb(self.spec, self.evidence, look)
            self._verdict = None
        if self._verdict is None:
            self._verdict = evidence.verdict(self.spec, self.evidence, now.timestamp())
        decision = step(self._situation(_UNREPORTED[self._verdict], now), self._weighed(()))
        if decision.notices or self._may_pass_without_agreement(now):
            judgement = self.judge(now)
            decision = step(self._situation(judgement, now), self._weighed(judgement.checks))
        self._state = decision.state
        if decision.notices and self._state.candidate is not None and self._state.candidate.evidence is not None:
            self.put_forward(self._state.candidate.evidence)
        return tuple(notice.message for notice in decision.notices)

    def judge(self, now: datetime) -> Judgement:
        """Draw up the reports."""
        return evidence.judge(self.spec, self.evidence, now.timestamp())

    def _in_step(self) -> tuple[Candidate, datetime]:
        candidate = self._state.candidate
        if candidate is None or candidate.step_started_at is None:
            raise ValueError("the rollout is over: it is in no step")
        return candidate, candidate.step_started_at

    def _weighed(self, checks: tuple[CheckReport, ...]) -> RolloutState:
        """The machine's state with the evidence in it, as every look leaves it."""
        candidate, _ = self._in_step()
        weighed = candidate.model_copy(update={"evidence": self.evidence, "checks": checks})
        return self._state.model_copy(update={"candidate": weighed})

    def _may_pass_without_agreement(self, now: datetime) -> bool:
        waits = self.spec.agreement is not None and self._verdict is Verdict.COLLECTING and not self.exposure.shadow
        return waits and evidence.verdict(self._spec_in_canary, self.evidence, now.timestamp()) is Verdict.PASS

    def _situation(self, judgement: Judgement | None, now: datetime) -> Situation:
        return Situation(
            desired=_CANDIDATE,
            replicas=1,
            mode=Mode.GATEWAY,
            policy=self._policy,
            revisions=_READY,
            judgement=judgement,
            now=now,
        )
