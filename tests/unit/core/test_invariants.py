"""The invariants of the rollout machine, whatever happens: specs, pods, verdicts, policies, clocks, restarts."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Until
from leadsman.api.status import Candidate, Mode, Phase, RolloutState
from leadsman.core.rollout import TRIALS, mirror, running, step, weights
from leadsman.core.situation import Decision, Notice, Preflight, Readiness, Request, Situation
from support.drawn import policies, preflights
from support.machine import BAD_ENDS, START, judged, judgement, unaware_of_stable

REVISIONS = ("a", "b", "c")
PEOPLE = ("alice", "bob", "carol")


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
        self.unsettled = ""
        self.asked: tuple[Request, ...] = ()
        self.actions = 0
        self.author = ""
        self.promoted: tuple[str, ...] = ()
        """Revisions that were stable once, the latest first."""
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

    @rule(unsettled=st.booleans())
    def the_route_is_accepted_or_not(self, unsettled: bool) -> None:
        self.unsettled = "not yet" if unsettled else ""
        self.look()

    @rule(author=st.sampled_from(["", *PEOPLE]))
    def somebody_changes_the_spec(self, author: str) -> None:
        self.author = author
        self.look()

    @rule(
        verb=st.sampled_from(Verb),
        who=st.sampled_from(["", *PEOPLE]),
        groups=st.sampled_from([(), ("risk",)]),
        revision=st.none() | st.sampled_from(REVISIONS),
        is_meant=st.booleans(),
    )
    def people_ask(self, verb: Verb, who: str, groups: tuple[str, ...], revision: str | None, is_meant: bool) -> None:
        state = self.state
        known = state.candidate or state.rejected
        gate = state.candidate.gate if state.candidate else None
        self.actions += 1
        request = Request(
            uid=str(self.actions),
            name=f"action-{self.actions}",
            verb=verb,
            user=who,
            groups=groups,
            revision=known.revision if known and is_meant and verb is not Verb.UNDO else revision,
            evidence=(gate.evidence if gate and is_meant else "something") if verb is Verb.APPROVE else None,
            step=(state.candidate.step if state.candidate and is_meant else 0) if verb is Verb.SKIP else None,
        )
        # A list may be old: what was answered can be read again as if it were not.
        self.asked = (*self.asked[-1:], request)
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
            judgement=judgement(self.judged) if self.judged and (self.state.candidate or self.state.watch) else None,
            now=self.now,
            preflight=self.preflight,
            unsettled=self.unsettled,
            author=self.author,
            requests=self.asked,
            proved=self.promoted,
        )

    def look(self) -> None:
        situation = self.situation()
        before = judged(self.state, situation.judgement, self.requests)
        decision = step(situation, before)
        begins = (Reason.ROLLOUT_STARTED, Reason.STEP_STARTED, Reason.APPROVAL_AWAITED)
        if [notice for notice in decision.notices if notice.reason in begins]:
            self.requests = 0
        self.approvals_are_never_passed_by(before, decision, situation)
        self.nothing_rises_while_paused(before, decision)
        self.everybody_is_answered_once(before, decision, situation)
        self.proof_comes_first(before, decision, situation)
        self.capacity_comes_first(before, decision, situation)
        self.a_rise_needs_a_reason(before, decision, situation)
        self.a_rejected_revision_gets_nothing(before, decision)
        self.copies_go_to_who_is_compared(decision, situation)
        self.a_spec_change_starts_from_zero(before, decision)
        self.stable_keeps_its_pods(before, decision)
        assert decision.state.decisions == before.decisions + len(decision.notices)
        assert decision.requeue_after > timedelta(0)
        # Harm that was judged before the step, or the watch, began is another's. A Pass is used up without our help.
        began = any(notice.reason in (*begins, Reason.PROMOTED, Reason.SWITCHED) for notice in decision.notices)
        later = replace(situation, unsettled="") if began else situation
        later = replace(later, judgement=None) if began and self.judged is Verdict.FAIL else later
        again = step(later, decision.state)
        # What is forced by its policy owes another number of pods from the next look on.
        if not any(notice.by == "policy" for notice in decision.notices):
            assert again.notices == (), "a second look changes nothing"
            assert unaware_of_stable(again.state) == unaware_of_stable(decision.state)
        self.state, self.decision = decision.state, decision
        if decision.state.stable:
            self.promoted = tuple(dict.fromkeys((decision.state.stable, *self.promoted)))

    @invariant()
    def weights_sum_to_100_or_there_are_none(self) -> None:
        split = weights(self.state)
        assert sum(split.values()) == (100 if self.state.stable else 0)
        assert all(0 < weight <= 100 for weight in split.values())
        assert set(split) <= set(running(self.state))

    @invariant()
    def phase_and_candidate_agree(self) -> None:
        assert (self.state.candidate is not None) == (self.state.phase in (Phase.PREFLIGHT, Phase.PREPARING, *TRIALS))
        assert (self.state.rejected is not None) == (self.state.phase is Phase.ROLLED_BACK)
        assert (self.state.watch is not None) == (self.state.phase is Phase.WATCHING)
        gate = self.state.candidate.gate if self.state.candidate else None
        assert (gate is not None) == (self.state.phase is Phase.APPROVAL)
        # Pods of an earlier try drain while the candidate is in preflight.
        in_use = self.state.candidate if self.state.phase is not Phase.PREFLIGHT else None
        named = [self.state.stable, in_use and in_use.revision]
        retiring = [entry.revision for entry in self.state.retiring]
        assert len(set(retiring)) == len(retiring)
        assert not {name for name in named if name} & set(retiring), "what is in use does not retire"

    def proof_comes_first(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """No revision starts pods but those that passed, owe no preflight, or were stable once."""
        started = set(running(decision.state)) - set(running(before))
        if started and situation.preflight is not None and not situation.preflight.passed:
            returning = before.candidate is not None and before.candidate.returning
            assert returning or started <= set(self.promoted)
        if decision.state.phase is Phase.PREFLIGHT and decision.state.candidate:
            assert decision.state.candidate.revision not in decision.weights
            assert decision.mirror is None

    def capacity_comes_first(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Invariant 1: no weight without ready pods (but on stable), and no rise without all of them."""
        old = weights(before)
        for revision, weight in decision.weights.items():
            if revision == before.stable:
                continue
            assert situation.readiness(revision).ready > 0
            in_need = before.watch is not None and situation.readiness(before.stable).ready == 0
            if weight > old.get(revision, 0) and not in_need:
                assert situation.readiness(revision).ready >= situation.replicas

    def copies_go_to_who_is_compared(self, decision: Decision, situation: Situation) -> None:
        """Invariants 1, 5 and 6 for copies: a ready candidate gets some, or the predecessor of what was promoted."""
        state = decision.state
        assert decision.mirror == mirror(state)
        if decision.mirror is None:
            return
        copied = decision.mirror.revision
        assert copied not in decision.weights
        assert copied in running(state)
        if state.watch:
            assert (copied, state.stable) == (state.watch.previous, self.desired)
            return
        assert copied == self.desired
        assert copied != self.rejected
        assert situation.readiness(copied).ready > 0
        assert state.candidate is not None
        steps = state.candidate.policy.steps[: state.candidate.step + 1]
        assert decision.mirror.percent in {one.shadow.percent for one in steps if one.shadow}

    def stable_keeps_its_pods(self, before: RolloutState, decision: Decision) -> None:
        """Invariant 2: what has traffic, or just lost it, has pods."""
        assert set(decision.weights) <= set(running(decision.state))
        lost = set(weights(before)) - set(decision.weights)
        assert lost <= set(running(decision.state))

    def a_rise_needs_a_reason(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Invariant 3: a weight rises by evidence, by people's word, or where no evidence can be had."""
        old = weights(before)
        for revision, weight in decision.weights.items():
            if weight <= old.get(revision, 0) or revision == before.stable:
                continue
            rises = [n for n in decision.notices if n.revision == revision and n.weight_after == weight]
            assert len(rises) == 1
            same = before.candidate is not None and before.candidate.revision == revision
            match rises[0].reason:
                case Reason.STEP_STARTED | Reason.PROMOTED if before.phase in TRIALS and before.candidate and same:
                    self.may_go_on(before.candidate, before.phase, rises[0], decision, situation)
                case Reason.STEP_STARTED:
                    assert old.get(revision, 0) == 0
                case Reason.PROMOTED:
                    self.is_forced(before, decision)
                case Reason.FIRST_REVISION:
                    assert before.stable is None
                case Reason.SWITCHED:
                    assert situation.mode is Mode.SERVICE
                case reason:
                    assert reason is Reason.RETURNED
                    assert revision in self.promoted

    def may_go_on(
        self, candidate: Candidate, phase: Phase, rise: Notice, decision: Decision, situation: Situation
    ) -> None:
        if rise.action or candidate.forced or any(one.reason is Reason.FORCED for one in decision.notices):
            return
        if phase is Phase.APPROVAL:
            assert candidate.gate is not None
            if not candidate.gate.splits and situation.mode is Mode.GATEWAY:
                # What waited for a switch goes by all the steps now that there is a gateway.
                assert decision.state.candidate is not None
                assert decision.state.candidate.step == 0
                return
            given = [one for one in decision.notices if one.reason is Reason.APPROVED]
            assert len(candidate.gate.approvals) + len(given) >= candidate.gate.required
            return
        asked = candidate.evidence is not None and candidate.evidence.step_requests > 0
        passed = situation.judgement is not None and situation.judgement.verdict is Verdict.PASS
        by_time = self.may_pass_by_time(candidate, situation)
        assert (asked and (passed or by_time)) or self.may_pass_without(candidate, situation)
        assert not situation.unsettled, "a step's clock stands while the route is not accepted"

    def is_forced(self, before: RolloutState, decision: Decision) -> None:
        forced = before.candidate is not None and before.candidate.forced is not None
        only_approvals = any(one.reason is Reason.FORCED for one in decision.notices)
        assert forced or only_approvals

    def may_pass_by_time(self, candidate: Candidate, situation: Situation) -> bool:
        assert candidate.step_started_at is not None
        current = candidate.policy.steps[candidate.step]
        nothing_found = situation.judgement is not None and situation.judgement.verdict is Verdict.COLLECTING
        over = situation.now - candidate.step_started_at >= current.min_duration
        return current.until is Until.TIME and nothing_found and over

    def may_pass_without(self, candidate: Candidate, situation: Situation) -> bool:
        assert candidate.step_started_at is not None
        late = situation.now - candidate.step_started_at >= candidate.policy.steps[candidate.step].max_duration
        return late and candidate.policy.on_inconclusive is OnInconclusive.PROMOTE

    def a_rejected_revision_gets_nothing(self, before: RolloutState, decision: Decision) -> None:
        """Invariants 4 and 5: harm takes all weight at once, until the spec names another one or somebody retries."""
        for notice in decision.notices:
            if notice.reason is Reason.RETRIED:
                self.rejected = None
        if self.rejected is not None:
            assert self.rejected not in decision.weights
            assert decision.mirror is None
            about = {notice.reason for notice in decision.notices if notice.revision == self.rejected}
            assert about <= {Reason.UNDONE, Reason.PAUSED, Reason.RESUMED}
        for notice in decision.notices:
            if notice.reason in BAD_ENDS:
                assert notice.revision == self.desired
                assert notice.revision not in decision.weights
                assert decision.mirror is None
                self.rejected = notice.revision
        judged = before.candidate if before.phase in TRIALS else None
        harmed = self.judged is Verdict.FAIL and judged is not None and judged.revision == self.desired
        on = decision.state.candidate
        if harmed and not (on and on.forced) and decision.state.stable != self.desired:
            assert self.rejected == self.desired or decision.state.rejected

    def a_spec_change_starts_from_zero(self, before: RolloutState, decision: Decision) -> None:
        """Invariant 6: the old candidate has nothing, the new one starts against the last stable one."""
        old, new = before.candidate, decision.state.candidate
        undoing = any(notice.reason is Reason.UNDO_STARTED for notice in decision.notices)
        if old is None or self.desired in (old.wanted, old.revision) or undoing:
            return
        assert old.revision not in decision.weights
        if new:
            assert new.revision == self.desired
            assert new.step == 0 or decision.state.phase is Phase.APPROVAL
            assert decision.state.stable == before.stable

    def approvals_are_never_passed_by(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Nothing but enough people's word, and they who may, lets a candidate pass an approval of its policy."""
        candidate = before.candidate
        ends = (Reason.PROMOTED, Reason.SWITCHED)
        promoted = [one.revision for one in decision.notices if one.reason in ends]
        if candidate is None or candidate.revision not in promoted or candidate.returning:
            return
        left = candidate.policy.steps[candidate.step + 1 :] if before.phase in TRIALS else candidate.policy.steps
        assert not any(step.approval for step in left)
        for request in situation.requests:
            given = [one for one in decision.notices if one.action == request.name and one.reason is Reason.APPROVED]
            rules = candidate.policy.steps[candidate.step].approval
            if given:
                assert rules is not None
                assert request.user
                assert not rules.groups or set(rules.groups) & set(request.groups)
                assert not rules.not_by_author or candidate.author not in ("", request.user)

    def nothing_rises_while_paused(self, before: RolloutState, decision: Decision) -> None:
        """Pause lets nothing have more but what serves already, and what people or harm bring back."""
        if before.paused is None or decision.state.paused is None:
            return
        for notice in decision.notices:
            if notice.weight_after > notice.weight_before:
                assert notice.reason is Reason.RETURNED

    def everybody_is_answered_once(self, before: RolloutState, decision: Decision, situation: Situation) -> None:
        """Each request is decided on in the first look that finds it, and never again; refusals change nothing."""
        answered = {acted.uid: acted for acted in decision.state.acted}
        assert {request.uid for request in situation.requests} <= set(answered)
        old = {acted.uid for acted in before.acted}
        for request in situation.requests:
            done = [notice for notice in decision.notices if notice.action == request.name]
            assert bool(done) == (request.uid not in old and answered[request.uid].accepted)
            if done:
                assert decision.state.decisions >= (answered[request.uid].sequence or 0) > before.decisions


TestInvariants = Machine.TestCase
TestInvariants.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
