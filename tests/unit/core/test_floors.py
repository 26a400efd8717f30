"""The least number of pods of each revision, while autoscalers have the say."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.evidence import Verdict
from leadsman.api.modeldeployment import Scaling
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import Step
from leadsman.api.status import Capacity, Mode, RolloutState
from leadsman.core.floors import SETTLING, carrying, floor, hold, owed
from leadsman.core.rollout import running, step, weights
from leadsman.core.situation import Request
from support.machine import (
    ASKED,
    START,
    canary,
    judgement,
    policy,
    preparing,
    retiring,
    rolled_back,
    serving,
    situation,
    told,
    warm,
)

MOST = 30
AUTO = Scaling(min_replicas=2, max_replicas=MOST)
SECOND = timedelta(seconds=1)
NOW = START


def carried_by(state: RolloutState, **replicas: int) -> int:
    """What is taken to carry all of the requests, at START."""
    return carrying(AUTO, state, Mode.GATEWAY, replicas, NOW)


def held(state: RolloutState, replicas: int, until: timedelta | None = None) -> RolloutState:
    """The state with a capacity that was measured before."""
    at = NOW + until if until is not None else None
    return state.model_copy(update={"capacity": Capacity(replicas=replicas, until=at)})


CARRYING = {
    "nothing before anything is stable": (preparing(stable=None), {"b": 5}, 0),
    "what stable has when no rollout is under way": (serving(), {"a": 7}, 7),
    "what stable had when the rollout began, whatever its autoscaler says now": (held(canary(1), 10), {"a": 10}, 10),
    "more, when stable's autoscaler wants more than its floor for its share": (
        held(canary(1), 10),
        {"a": 12, "b": 10},
        24,
    ),
    "nothing is made of what stands at its floor": (held(canary(1), 10), {"a": 10, "b": 10}, 10),
    "a candidate of a few percent proves nothing": (held(canary(0), 10), {"a": 10, "b": 9}, 10),
    "what was held before, for some time after the rollout": (held(serving(), 10, SECOND), {"a": 6}, 10),
    "what stable has, when that time is over": (held(serving(), 10, -SECOND), {"a": 6}, 6),
}


@pytest.mark.parametrize(("state", "replicas", "expected"), CARRYING.values(), ids=CARRYING)
def test_what_carries_all_requests(state: RolloutState, replicas: dict[str, int], expected: int) -> None:
    assert carried_by(state, **replicas) == expected


FLOORS = {
    "stable is left to its autoscaler when no rollout is under way": (serving(), "a", 2),
    "stable keeps in a rollout what carries everything": (held(canary(0), 10), "a", 10),
    "a candidate that is prepared has what its first step needs": (held(preparing(), 30), "b", 3),
    "a candidate in a step has what the next one needs": (held(canary(0), 10), "b", 5),
    "a candidate in the last step has what everything needs": (held(canary(1), 10), "b", 10),
    "stable keeps it for some time after": (held(rolled_back(), 10, SECOND), "a", 10),
    "the previous revision is kept for everything": (
        serving(retiring=(warm("b").model_copy(update={"replicas": 9}),)),
        "b",
        9,
    ),
    "one that drains keeps what it had": (
        serving(retiring=(retiring("b").model_copy(update={"replicas": 4}),)),
        "b",
        4,
    ),
    "nothing is kept at more than there may be": (held(canary(1), 99), "a", 30),
}


@pytest.mark.parametrize(("state", "revision", "expected"), FLOORS.values(), ids=FLOORS)
def test_the_floor_of_a_revision(state: RolloutState, revision: str, expected: int) -> None:
    assert floor(AUTO, state, Mode.GATEWAY, revision) == expected
    assert floor(Scaling(min_replicas=4), state, Mode.GATEWAY, revision) == 4, "a fixed number is one"


def test_without_autoscaling_nothing_is_kept_in_the_state() -> None:
    fixed = Scaling(min_replicas=2)
    for state in (serving(), canary(), rolled_back(), serving(retiring=(warm("b"),))):
        assert hold(fixed, serving(), state, 5, {"a": 2, "b": 2}, NOW) == state
        scaled = hold(AUTO, serving(), state, 5, {"a": 2, "b": 2}, NOW)
        assert hold(fixed, scaled, scaled, 5, {}, NOW) == state


def test_what_carries_everything_is_held_until_autoscalers_have_seen_the_end_of_the_rollout() -> None:
    begun = hold(AUTO, serving(), preparing(), 10, {"a": 10}, NOW)
    assert begun.capacity == Capacity(replicas=10)
    ended = hold(AUTO, begun, begun.model_copy(update={"candidate": None}), 10, {"a": 10}, NOW)
    assert ended.capacity == Capacity(replicas=10, until=NOW + SETTLING)
    assert hold(AUTO, ended, ended, 10, {"a": 10}, NOW + SETTLING - SECOND) == ended
    assert hold(AUTO, ended, ended, 10, {"a": 10}, NOW + SETTLING).capacity is None


def test_it_is_held_for_a_revision_that_returns_in_one_pass() -> None:
    assert hold(AUTO, serving("b"), serving("a"), 10, {}, NOW).capacity == Capacity(replicas=10, until=NOW + SETTLING)
    assert hold(AUTO, RolloutState(), serving("a"), 0, {}, NOW).capacity is None, "a first one has nobody before it"


def test_what_retires_keeps_what_it_may_need() -> None:
    left = serving(retiring=(warm("b"), retiring("c")))
    state = hold(AUTO, left, left, 10, {"a": 10, "b": 3, "c": 4}, NOW)
    assert [entry.replicas for entry in state.retiring] == [10, 4]
    later = hold(AUTO, state, state, 12, {"a": 12, "b": 10, "c": 2}, NOW)
    assert [entry.replicas for entry in later.retiring] == [12, 4], "more traffic is more to take back"


def test_who_begins_in_this_pass_owes_what_everything_needs() -> None:
    assert owed(AUTO, serving(), Mode.GATEWAY, "b", 10) == 10
    assert owed(AUTO, canary(0), Mode.GATEWAY, "c", 10) == 10, "its predecessor's share is not its own"
    assert owed(AUTO, preparing(), Mode.GATEWAY, "b", 10) == 2
    assert owed(AUTO, canary(1), Mode.GATEWAY, "b", 10) == 10


def test_who_is_asked_for_in_this_pass_owes_what_everything_needs() -> None:
    for verb, expected in ((Verb.PROMOTE, 10), (Verb.UNDO, 10), (Verb.SKIP, 2), (Verb.PAUSE, 2)):
        assert owed(AUTO, preparing(), Mode.GATEWAY, "b", 10, [Request("1", "one", verb)]) == expected


POLICY = policy(steps=tuple(Step(weight=weight, min_duration=timedelta(0)) for weight in (5, 25, 50, 90)))
SYNC, LAG, MEMORY = 15, timedelta(minutes=1), timedelta(minutes=5)


@dataclass
class Cluster:
    """A HorizontalPodAutoscaler for each revision. As the real one does, it sees what was a minute ago, and remembers
    for five minutes what it wanted, not what its floor made of that.
    """

    demand: float
    """Pods that all of the requests need."""
    state: RolloutState = field(default_factory=serving)
    desired: str = "a"
    now: datetime = START
    replicas: dict[str, int] = field(default_factory=dict)
    loads: list[tuple[datetime, dict[str, float]]] = field(default_factory=list)
    wanted: dict[str, list[tuple[datetime, int]]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    holds: bool = True

    def autoscale(self, seconds: int) -> None:
        """Time goes by, and every autoscaler looks every so often, and at the end of it."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(self.now + timedelta(seconds=SYNC), end)
            load = {revision: self.demand * share / 100 for revision, share in weights(self.state).items()}
            self.loads.append((self.now, load))
            seen = [load for at, load in self.loads if at <= self.now - LAG] or [load]
            for revision in running(self.state):
                self._sync(revision, seen[-1].get(revision, 0))
        for revision in set(self.replicas) - set(running(self.state)):
            del self.replicas[revision]
            self.wanted.pop(revision, None)

    def _sync(self, revision: str, load: float) -> None:
        remembered = [one for one in self.wanted.get(revision, []) if self.now - one[0] < MEMORY]
        self.wanted[revision] = [*remembered, (self.now, ceil(load))]
        least = floor(AUTO, self.state, Mode.GATEWAY, revision)
        self.replicas[revision] = min(max(least, *(pods for _, pods in self.wanted[revision])), MOST)

    def look(self, verdict: Verdict = Verdict.PASS) -> None:
        """A pass of the operator, every pod being ready."""
        before = self.state
        if before.candidate:
            asked = before.candidate.model_copy(update={"evidence": ASKED, "checks": judgement(verdict).checks})
            before = before.model_copy(update={"candidate": asked})
        carried = carrying(AUTO, before, Mode.GATEWAY, self.replicas, self.now)
        at = situation(
            self.desired,
            at=self.now - START,
            ready=self.replicas,
            verdict=verdict if before.candidate else None,
            replicas=owed(AUTO, before, Mode.GATEWAY, self.desired, carried),
            policy=POLICY,
        )
        decision = step(at, before)
        self.history += told(decision)
        self.state = hold(AUTO, before, decision.state, carried, self.replicas, self.now)
        if not self.holds and self.state.candidate is None:
            self.state = self.state.model_copy(update={"capacity": None})

    def overloaded(self) -> list[str]:
        """Revisions that get more requests than they have pods for, though there might be more."""
        return [
            f"{revision}: {self.replicas.get(revision, 0)} pods for {weight} % of {self.demand}"
            for revision, weight in weights(self.state).items()
            if self.replicas.get(revision, 0) < min(self.demand * weight / 100, MOST)
        ]


@settings(max_examples=150, deadline=None)
@given(
    demand=st.floats(0.5, MOST),
    moves=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([Verdict.PASS, Verdict.FAIL]), st.integers(1, 400)),
        max_size=40,
    ),
)
def test_no_rollout_rollback_or_change_of_mind_leaves_anybody_with_too_few_pods(
    demand: float, moves: list[tuple[str, Verdict, int]]
) -> None:
    """And what carries everything does not creep up by itself: the floors are never fed by what they made."""
    cluster = Cluster(demand)
    cluster.autoscale(1)
    cluster.look()
    measured = max(ceil(demand), AUTO.min_replicas)
    for desired, verdict, seconds in moves:
        cluster.desired = desired
        cluster.look(verdict)
        assert not cluster.overloaded(), cluster.history
        cluster.autoscale(seconds)
        assert not cluster.overloaded(), cluster.history
        if cluster.state.capacity:
            assert cluster.state.capacity.replicas == measured, cluster.history


@settings(max_examples=100, deadline=None)
@given(
    demand=st.floats(2, 3),
    growth=st.floats(4, 10),
    grows_at=st.integers(0, 8),
    verdict=st.sampled_from([Verdict.PASS, Verdict.FAIL]),
)
def test_many_times_the_load_in_mid_rollout_is_carried_to_its_end(
    demand: float, growth: float, grows_at: int, verdict: Verdict
) -> None:
    """Less than twice the load is hidden by the floors where the split is even: then nobody wants more than he has."""
    cluster = Cluster(demand)
    cluster.autoscale(15)
    cluster.look()
    cluster.desired = "b"
    for look in range(12):
        if look == grows_at:
            cluster.demand *= growth
            cluster.autoscale(90)
        cluster.look(verdict if look > 8 else Verdict.PASS)
        assert not cluster.overloaded(), cluster.history
        cluster.autoscale(15)
        assert not cluster.overloaded(), cluster.history
    for _ in range(3):
        cluster.autoscale(600)
        cluster.look()
        assert not cluster.overloaded(), cluster.history
    assert cluster.state.capacity is None


@pytest.mark.parametrize("holds", [True, False], ids=["a floor that stays", "a floor that ends with the rollout"])
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL], ids=["promoted", "rolled back"])
def test_why_floors_outlive_the_rollout(verdict: Verdict, holds: bool) -> None:
    """An autoscaler remembers what it wanted for its share, and does it as soon as it may: with all requests back."""
    cluster = Cluster(10, holds=holds)
    cluster.autoscale(15)
    cluster.desired = "b"
    for _ in range(5):
        cluster.look()
        cluster.autoscale(600)
    cluster.look(verdict)
    assert cluster.history[-1] in ("Promoted b", "EvidenceFailed b")
    cluster.autoscale(30)
    assert bool(cluster.overloaded()) is not holds
