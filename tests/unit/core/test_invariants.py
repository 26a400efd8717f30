"""The invariants of the rollout machine, whatever happens: specs, pods, verdicts, policies, clocks, restarts."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.preflight import PreflightRules
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Shadow, Step, Until
from leadsman.api.status import Mode, Phase, RolloutState
from leadsman.core.rollout import mirror, running, step, weights
from leadsman.core.situation import Decision, Mirror, Preflight, Readiness, Situation
from support.machine import ASKED, START, judgement

REVISIONS = ("a", "b", "c")
BAD_ENDS = {
    Reason.PREFLIGHT_FAILED,
    Reason.EVIDENCE_FAILED,
    Reason.INCONCLUSIVE,
    Reason.MODEL_FAILED,
    Reason.CANDIDATE_UNREADY,
    Reason.PROGRESS_DEADLINE_EXCEEDED,
}

seconds = st.integers(0, 1200).map(lambda number: timedelta(seconds=number))
timing = {
    "min_duration": st.integers(0, 60).map(lambda number: timedelta(seconds=number)),
    "max_duration": st.integers(61, 600).map(lambda number: timedelta(seconds=number)),
    "until": st.sampled_from(Until),
}
shadows = st.builds(Step, shadow=st.builds(Shadow, percent=st.integers(1, 100)), **timing)
shares = st.builds(Step, weight=st.integers(1, 99), **timing)
preflights = st.sampled_from([Preflight(), Preflight(True), Preflight(False, message="no")])
policies = st.builds(
    RolloutPolicySpec,
    preflight=st.builds(PreflightRules, deadline=seconds),
    steps=st.lists(shadows | shares, min_size=1, max_size=4).map(
        # In the order in which the API server takes them: shadow steps first, weights rising.
        lambda steps: tuple(sorted(steps, key=lambda one: one.weight or 0))
    ),
    on_inconclusive=st.sampled_from(OnInconclusive),
    progress_deadline=seconds,
    keep_warm=seconds,
    interval=seconds,
)


class Machine(RuleBasedStateMachine):
    """Everything that the world may do between two looks; after each of them the machine looks."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RolloutState()
        self.decision: Decision | None = None
        self.now: datetime = START
        self.desired = "a"
        self.replicas = 1
        self.mode = Mode.GATEWAY
        self.policy: RolloutPolicySpec | None = RolloutPolicySpec()
        self.ready = dict.fromkeys(REVISIONS, 0)
        self.failures: dict[str, str] = {}
        self.judged: Verdict | None = None
        self.preflight: Preflight | None = None
        self.requests = 0
        """What the candidate was asked since the step began."""
        self.rejected: str | None = None
        """The revision that was rejected last, for as long as the spec names it."""

    @initialize(policy=policies)
    def begin(self, policy: RolloutPolicySpec) -> None:
        self.policy = policy

    @rule(revision=st.sampled_from(REVISIONS))
    def the_spec_names(self, revision: str) -> None:
        if revision != self.desired:
            self.rejected = None
        self.desired = revision
        self.look()

    @rule(revision=st.sampled_from(REVISIONS), ready=st.integers(0, 3))
    def pods_are_ready(self, revision: str, ready: int) -> None:
        self.ready[revision] = ready
        self.look()

    @rule()
    def all_pods_are_ready(self) -> None:
        self.ready = dict.fromkeys(REVISIONS, self.replicas)
        self.failures = {}
        self.look()

    @rule(revision=st.sampled_from(REVISIONS), fails=st.booleans())
    def a_model_fails(self, revision: str, fails: bool) -> None:
        self.failures = {revision: "bad opset"} if fails else {}
        self.look()

    @rule(preflight=st.none() | preflights)
    def the_preflight_stands(self, preflight: Preflight | None) -> None:
        self.preflight = preflight
        self.look()

    @rule(verdict=st.sampled_from([*Verdict, None]))
    def evidence_says(self, verdict: Verdict | None) -> None:
        self.judged = verdict
        self.look()

    @rule(requests=st.integers(0, 3))
    def users_ask(self, requests: int) -> None:
        self.requests += requests
        self.look()

    @rule()
    def a_step_passes(self) -> None:
        self.now += timedelta(seconds=60)
        self.requests += 1
        self.judged = Verdict.PASS
        self.look()

    @rule(by=st.integers(-600, 1200))
    def the_clock_moves(self, by: int) -> None:
        self.now += timedelta(seconds=by)
        self.look()

    @rule(policy=st.none() | policies)
    def the_policy_changes(self, policy: RolloutPolicySpec | None) -> None:
        self.policy = policy
        self.look()

    @rule(replicas=st.integers(1, 3))
    def the_scale_changes(self, replicas: int) -> None:
        self.replicas = replicas
        self.look()

    @rule(mode=st.sampled_from(Mode))
    def the_gateway_comes_and_goes(self, mode: Mode) -> None:
        self.mode = mode
        self.look()

    @precondition(lambda self: self.decision is not None)
    @rule()
    def the_operator_restarts(self) -> None:
        written = self.state.model_dump_json(by_alias=True, exclude_none=True)
        read = RolloutState.model_validate_json(written)
        assert read == self.state
        situation = self.situation()
        assert step(situation, read) == step(situation, self.state)
        self.state = read

    def situation(self) -> Situation:
        revisions = {
            revision: Readiness(ready=ready, failure=self.failures.get(revision))
            for revision, ready in self.ready.items()
        }
        return Situation(
            desired=self.desired,
            replicas=self.replicas,
            mode=self.mode,
            policy=self.policy,
            revisions=revisions,
            judgement=judgement(self.judged) if self.judged and self.state.candidate else None,
            now=self.now,
            preflight=self.preflight,
        )

    def look(self) -> None:
        before, situation = self.state, self.situation()
        if before.candidate and situation.judgement:
            counted = ASKED.model_copy(update={"step_requests": self.requests})
            changes = {"checks": situation.judgement.checks, "evidence": counted}
            before = before.model_copy(update={"candidate": before.candidate.model_copy(update=changes)})
        decision = step(situation, before)
        if [notice for notice in decision.notices if notice.reason in (Reason.ROLLOUT_STARTED, Reason.STEP_STARTED)]:
            self.requests = 0
        self.proof_comes_first(before, decision, situation)
        self.capacity_comes_first(before, decision, situation)
        self.copies_go_to_who_is_on_trial(decision, situation)
        self.a_rise_needs_a_reason(before, decision, situation)
        self.a_rejected_revision_gets_nothing(before, decision)
        self.a_spec_change_starts_from_zero(before, decision)
        self.stable_keeps_its_pods(before, decision)
        assert decision.state.decisions == before.decisions + len(decision.notices)
        assert decision.requeue_after > timedelta(0)
        began = any(notice.reason is Reason.STEP_STARTED for notice in decision.notices)
        # Harm that was judged before the step began is another candidate's. A Pass is used up without our help.
        stale = began and self.judged is Verdict.FAIL
        again = step(replace(situation, judgement=None) if stale else situation, decision.state)
        assert (again.state, again.notices) == (decision.state, ()), "a second look changes nothing"
        self.state, self.decision = decision.state, decision

    @invariant()
    def weights_sum_to_100_or_there_are_none(self) -> None:
        split = weights(self.state)
        assert sum(split.values()) == (100 if self.state.stable else 0)
        assert all(0 < weight <= 100 for weight in split.values())
        assert set(split) <= set(running(self.state))

    @invariant()
    def phase_and_candidate_agree(self) -> None:
        assert (self.state.candidate is not None) == (
            self.state.phase in (Phase.PREFLIGHT, Phase.PREPARING, Phase.SHADOW, Phase.CANARY)
        )
        assert (self.state.rejected is not None) == (self.state.phase is Phase.ROLLED_BACK)
        # Pods of an earlier try drain while the candidate is in preflight.
        in_use = self.state.candidate if self.state.phase is not Phase.PREFLIGHT else None
        named = [self.state.stable, in_use and in_use.revision]
        retiring = [entry.revision for entry in self.state.retiring]
        assert len(set(retiring)) == len(retiring)
        assert not {name for name in named if name} & set(retiring), "what is in use does not retire"

    def proof_comes_first(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """No revision starts pods but those that passed, owe no preflight, or are loaded still."""
        started = set(running(decision.state)) - set(running(before))
        if started and situation.preflight is not None and not situation.preflight.passed:
            assert before.candidate is not None
            assert before.candidate.returning
        if decision.state.phase is Phase.PREFLIGHT and decision.state.candidate:
            assert decision.state.candidate.revision not in decision.weights
            assert decision.mirror is None

    def capacity_comes_first(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Invariant 1: no weight without ready pods (but on stable), and no rise without all of them."""
        old = weights(before)
        for revision, weight in decision.weights.items():
            if revision != before.stable:
                assert situation.readiness(revision).ready > 0
            if weight > old.get(revision, 0) and revision != before.stable:
                assert situation.readiness(revision).ready >= situation.replicas

    def copies_go_to_who_is_on_trial(self, decision: Decision, situation: Situation) -> None:
        """Invariants 1, 5 and 6 for copies: to ready pods of the desired revision, which answers no user meanwhile."""
        assert decision.mirror == mirror(decision.state)
        if decision.mirror is None:
            return
        copied = decision.mirror.revision
        assert copied == self.desired
        assert copied not in decision.weights
        assert copied != self.rejected
        assert situation.readiness(copied).ready > 0
        assert copied in running(decision.state)
        assert decision.state.candidate is not None
        shadow = decision.state.candidate.policy.steps[decision.state.candidate.step].shadow
        assert shadow is not None
        assert decision.mirror == Mirror(copied, shadow.percent)

    def stable_keeps_its_pods(self, before: RolloutState, decision: Decision) -> None:
        """Invariant 2: what has traffic, or just lost it, has pods."""
        assert set(decision.weights) <= set(running(decision.state))
        lost = set(weights(before)) - set(decision.weights)
        assert lost <= set(running(decision.state))

    def a_rise_needs_a_reason(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Invariant 3: the candidate's weight rises by evidence, or where none can be had or is asked for."""
        old = weights(before)
        for revision, weight in decision.weights.items():
            if weight <= old.get(revision, 0) or revision == before.stable:
                continue
            rises = [n for n in decision.notices if n.revision == revision and n.weight_after == weight]
            assert len(rises) == 1
            passed = situation.judgement is not None and situation.judgement.verdict is Verdict.PASS
            match rises[0].reason:
                case Reason.STEP_STARTED if decision.state.candidate and decision.state.candidate.step == 0:
                    # The first step asks for no evidence, and nobody enters it twice.
                    assert old.get(revision, 0) == 0
                case Reason.STEP_STARTED | Reason.PROMOTED:
                    assert before.candidate is not None
                    assert before.candidate.step_started_at is not None
                    asked = before.candidate.evidence is not None and before.candidate.evidence.step_requests > 0
                    by_time = self.may_promote_by_time(before, situation)
                    assert (asked and (passed or by_time)) or self.may_promote_without(before, situation)
                case Reason.FIRST_REVISION:
                    assert before.stable is None
                case Reason.SWITCHED:
                    assert situation.mode is Mode.SERVICE
                case reason:
                    assert reason is Reason.RETURNED
                    assert revision in {entry.revision for entry in before.retiring if entry.warm} or (
                        before.candidate is not None and before.candidate.returning
                    )

    def may_promote_by_time(self, before: RolloutState, situation: Situation) -> bool:
        assert before.candidate is not None
        assert before.candidate.step_started_at is not None
        current = before.candidate.policy.steps[before.candidate.step]
        nothing_found = situation.judgement is not None and situation.judgement.verdict is Verdict.COLLECTING
        over = situation.now - before.candidate.step_started_at >= current.min_duration
        return current.until is Until.TIME and nothing_found and over

    def may_promote_without(self, before: RolloutState, situation: Situation) -> bool:
        candidate = before.candidate
        assert candidate is not None
        assert candidate.step_started_at is not None
        late = situation.now - candidate.step_started_at >= candidate.policy.steps[candidate.step].max_duration
        return late and candidate.policy.on_inconclusive is OnInconclusive.PROMOTE

    def a_rejected_revision_gets_nothing(self, before: RolloutState, decision: Decision) -> None:
        """Invariants 4 and 5: harm takes all weight at once, for as long as the spec names the same revision."""
        if self.rejected is not None:
            assert self.rejected not in decision.weights
            assert decision.mirror is None
            assert decision.notices == ()
        for notice in decision.notices:
            if notice.reason in BAD_ENDS:
                assert notice.revision == self.desired
                assert notice.revision not in decision.weights
                assert decision.mirror is None
                self.rejected = notice.revision
        harmed = before.phase in (Phase.SHADOW, Phase.CANARY) and self.judged is Verdict.FAIL
        if harmed and before.candidate and before.candidate.revision == self.desired:
            assert self.rejected == self.desired

    def a_spec_change_starts_from_zero(self, before: RolloutState, decision: Decision) -> None:
        """Invariant 6: the old candidate has nothing, the new one starts against the last stable one."""
        old, new = before.candidate, decision.state.candidate
        if old and old.revision != self.desired:
            assert old.revision not in decision.weights
            if new:
                assert new.revision == self.desired
                assert new.step == 0
                assert decision.state.stable == before.stable


TestInvariants = Machine.TestCase
TestInvariants.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_a_pass_counts_for_one_step_only() -> None:
    """With a minDuration of 0 it is the reset of the evidence, not the clock, that makes the next step owe its own."""
    policy = RolloutPolicySpec(steps=tuple(Step(weight=weight, min_duration=timedelta(0)) for weight in (5, 25, 50)))
    situation = Situation("b", 1, Mode.GATEWAY, policy, {"b": Readiness(1)}, judgement(Verdict.PASS), START)
    first = step(situation, RolloutState(stable="a"))
    assert first.weights == {"a": 95, "b": 5}, "one step a look, whatever was judged before it began"
    assert first.state.candidate is not None
    asked = first.state.candidate.model_copy(update={"evidence": ASKED})
    second = step(situation, first.state.model_copy(update={"candidate": asked}))
    assert second.weights == {"a": 75, "b": 25}
    assert step(situation, second.state).weights == second.weights, "what was counted is used up"
