"""The evidence from look to look: nothing is counted twice, and a restart changes nothing."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.checks import ErrorRateCheck, LatencyCheck, QualityCheck
from leadsman.api.evidence import Evidence, Verdict
from leadsman.core.evidence import (
    ArmCounts,
    EvidenceSpec,
    Look,
    Pairs,
    Sight,
    absorb,
    begin,
    judge,
    reset_promotion,
    take,
    verdict,
)
from leadsman.core.evidence.engine import rate_at
from unit.core.evidence.world import CANDIDATE, EVERYTHING, QUIET_DAY, STABLE, Pod, scenes, sight_of, update

ERRORS = EvidenceSpec(error_rate=ErrorRateCheck(objective=0.01))

seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=10, deadline=None)


def fresh(spec: EvidenceSpec = EVERYTHING) -> Evidence:
    return begin(spec, CANDIDATE, STABLE, 0.0, QUIET_DAY)


def seen(spec: EvidenceSpec, script: Iterable[tuple[float, Sight]]) -> Evidence:
    state = fresh(spec)
    for now, sight in script:
        state = update(spec, state, sight, now)
    return state


def restored(state: Evidence) -> Evidence:
    return Evidence.model_validate_json(state.model_dump_json(by_alias=True))


@some
@given(seed=seeds, rps=st.sampled_from([0.2, 5.0, 50.0]))
def test_a_restart_after_every_look_and_any_order_of_pods_change_nothing(seed: int, rps: float) -> None:
    through = killed = fresh()
    for now, sight in scenes(seed, rps=rps):
        turned = replace(sight, pods=list(reversed(sight.pods)), samples=list(reversed(sight.samples)))
        through = update(EVERYTHING, through, sight, now)
        killed = restored(update(EVERYTHING, restored(killed), turned, now))
        assert killed == through
        assert judge(EVERYTHING, killed, now) == judge(EVERYTHING, through, now)


MARKS = {"pods", "lives"}


@some
@given(seeds)
def test_a_rollout_is_replayed_from_its_looks_alone(seed: int) -> None:
    live = replayed = fresh()
    for now, sight in scenes(seed):
        taken, marked = take(EVERYTHING, live, sight, now)
        assert marked.model_dump(exclude=MARKS) == live.model_dump(exclude=MARKS)
        live, replayed = absorb(EVERYTHING, marked, taken), absorb(EVERYTHING, replayed, taken)
        assert replayed.model_dump(exclude=MARKS) == live.model_dump(exclude=MARKS)
    assert all(name in live.model_fields_set for name in ("agreement", "crashes", "top_class", "thresholds"))


@some
@given(seeds)
def test_the_same_sight_again_changes_nothing(seed: int) -> None:
    state = fresh()
    for now, sight in scenes(seed):
        counters = replace(sight, pairs=Pairs(), readings=())  # Those two are news by themselves, not counters.
        state = update(EVERYTHING, state, counters, now)
        again = update(EVERYTHING, state, counters, now)
        if now:  # The look after the bounds and the class were fixed writes their baseline down.
            assert again == state


@some
@given(seeds, st.integers(1, 4))
def test_it_does_not_matter_over_how_many_pods_a_revision_is_spread(seed: int, pods: int) -> None:
    one_each, many = fresh(ERRORS), fresh(ERRORS)
    arms = [(CANDIDATE, 0.05), (STABLE, 0.01)]
    whole = [Pod(revision, revision) for revision, _ in arms]
    parts = [Pod(f"{revision}-{at}", revision) for revision, _ in arms for at in range(pods)]
    random = np.random.default_rng(seed)
    for number in range(20):
        for pod, (revision, rate) in zip(whole, arms, strict=True):
            for part in [part for part in parts if part.revision == revision]:
                requests = int(random.poisson(20))
                errors = int(random.binomial(requests, rate))
                pod.serve(random, requests, errors)
                part.serve(random, requests, errors)
        one_each = update(ERRORS, one_each, sight_of(*whole), 10.0 * number)
        many = update(ERRORS, many, sight_of(*parts), 10.0 * number)
        assert many.comparisons == one_each.comparisons


@some
@given(seeds, st.integers(2, 18), st.sampled_from([-3600.0, -1.0, 3600.0]))
def test_a_clock_that_jumps_does_not_decide(seed: int, at: int, jump: float) -> None:
    steady = jumped = fresh()
    for number, (now, sight) in enumerate(scenes(seed, candidate_errors=0.01, crashes=0.0)):
        then = now + (jump if number >= at else 0)
        steady, jumped = update(EVERYTHING, steady, sight, now), update(EVERYTHING, jumped, sight, then)
        said = judge(EVERYTHING, jumped, then)
        if verdict(EVERYTHING, steady, now) is not Verdict.FAIL:
            assert said.verdict is not Verdict.FAIL
        assert jumped.rate >= 0
        assert jumped.crashes is None or jumped.crashes.candidate.pod_seconds >= 0
        assert all(report.eta_seconds is None or report.eta_seconds >= 0 for report in said.checks)


@some
@given(seeds, st.sampled_from([-3600.0, 3600.0]))
def test_evidence_about_requests_knows_no_clock(seed: int, jump: float) -> None:
    """Nothing but the trouble of the last minute does, and that blames nobody."""
    steady = seen(ERRORS, scenes(seed))
    jumped = seen(ERRORS, ((now + jump * (number > 12), sight) for number, (now, sight) in enumerate(scenes(seed))))
    for one, other in zip(steady.comparisons, jumped.comparisons, strict=True):
        assert one.model_dump(exclude={"excess"}) == other.model_dump(exclude={"excess"})


def fleet() -> tuple[Pod, Pod, np.random.Generator]:
    return Pod("c", CANDIDATE), Pod("s", STABLE), np.random.default_rng(0)


def test_an_outage_of_both_is_not_blamed_on_a_candidate_that_could_not_be_read_meanwhile() -> None:
    candidate, stable, random = fleet()
    state = fresh(ERRORS)
    for number in range(40):
        outage = 10 <= number < 13
        candidate.serve(random, 20, 10 if outage else 0)
        stable.serve(random, 180, 90 if outage else number % 2)
        state = update(ERRORS, state, sight_of(candidate, stable, unread=["c"] if outage else []), 10.0 * number)
        assert verdict(ERRORS, state, 10.0 * number) is not Verdict.FAIL
    assert (state.candidate_requests, state.judged_stable) == (40 * 20, 40 * 180)


def test_an_outage_of_both_that_stable_is_read_through_late_is_not_blamed_either() -> None:
    candidate, stable, random = fleet()
    state = fresh(EvidenceSpec(error_rate=ErrorRateCheck()))
    for number in range(40):
        outage = 10 <= number < 13
        candidate.serve(random, 20, 10 if outage else 0)
        stable.serve(random, 180, 90 if outage else number % 2)
        state = update(ERRORS, state, sight_of(candidate, stable, unread=["s"] if outage else []), 10.0 * number)
        assert verdict(ERRORS, state, 10.0 * number) is not Verdict.FAIL


def test_what_comes_late_counts_all_the_same() -> None:
    candidate, stable, random = fleet()
    state = fresh(ERRORS)
    for number in range(30):
        candidate.serve(random, 5, 1)
        stable.serve(random, 45)
        unread = [name for name in "cs" if number < 29 and random.random() < 0.4]
        state = update(ERRORS, state, sight_of(candidate, stable, unread=unread), 10.0 * number)
    assert (state.candidate_requests, state.judged_stable) == (150, 30 * 45)


def test_the_state_is_small() -> None:
    state = seen(EVERYTHING, scenes(1))
    assert len(state.bounds) == 4
    assert state.top_class == "cat"
    assert len(state.model_dump_json(by_alias=True)) < 10_000


def test_a_new_step_owes_its_own_promotion_evidence_and_forgets_no_harm() -> None:
    state = seen(EVERYTHING, scenes(1))
    reset, anew = reset_promotion(state), {"absolute", "relative"}
    for before, after in zip(state.comparisons, reset.comparisons, strict=True):
        assert set(after.absolute + after.relative) == {0.0}
        assert after.model_dump(exclude=anew) == before.model_dump(exclude=anew)
    assert reset.step_requests == 0
    kept = {"comparisons", "step_requests"}
    assert reset.model_dump(exclude=kept) == state.model_dump(exclude=kept)
    assert reset_promotion(fresh()) == fresh()


def test_what_users_said_while_they_saw_nothing_of_the_candidate_compares_with_nothing() -> None:
    """After a shadow step the shares of judged answers are of what users have seen since."""
    spec = EvidenceSpec(quality=QualityCheck())
    state = fresh(spec)
    for at in range(1, 50):
        copies = Look(
            at=float(at), candidate=ArmCounts(requests=100), stable=ArmCounts(requests=100, labelled=5, wrong=1)
        )
        state = absorb(spec, state, copies)
    state = reset_promotion(state)
    for at in range(50, 90):
        seen_by_users = Look(
            at=float(at),
            candidate=ArmCounts(requests=100, labelled=5, wrong=5),
            stable=ArmCounts(requests=100, labelled=5, wrong=1),
        )
        state = absorb(spec, state, seen_by_users)
    assert judge(spec, state, 90.0).verdict is Verdict.FAIL


def test_bounds_and_class_once_fixed_stay() -> None:
    state = fresh()
    fixed = []
    for now, sight in scenes(1):
        state = update(EVERYTHING, state, sight, now)
        fixed.append((state.bounds, state.top_class))
    assert len(set(fixed)) == 1
    assert fixed[0][0]


def test_no_answer_that_the_choice_of_bounds_rests_on_is_evidence() -> None:
    spec = EvidenceSpec(latency=LatencyCheck())
    (first, sight), *_ = scenes(1)
    state = update(spec, fresh(spec), sight, first)
    assert state.bounds
    assert state.comparisons == ()


def test_checks_not_asked_for_are_not_kept() -> None:
    state = seen(EvidenceSpec(), scenes(1))
    kept = (state.comparisons, state.differences, state.thresholds, state.bounds, state.top_class)
    assert not any(kept)
    assert state.agreement is None
    assert state.crashes is None


def candidate(requests: int) -> Sight:
    return sight_of(Pod("c", CANDIDATE, requests=requests))


NOTHING = Sight([], [])


@pytest.mark.parametrize(
    ("looks", "at", "rate"),
    [
        pytest.param([], 50, 0.0, id="nothing seen"),
        pytest.param([(10, 20)], 10, 0.0, id="one look gives no rate yet"),
        pytest.param([(10, 20), (20, 40)], 20, 2.0, id="two do"),
        pytest.param([(10, 20), (20, 40), (30, 60)], 30, 2.0, id="a steady rate is kept"),
        pytest.param([(10, 20), (20, 40)], 80, 2.0 * 0.3679, id="silence lowers it"),
        pytest.param([(10, 20), (20, 40), (15, 60)], 15, 2.0, id="a clock that jumps back does not matter"),
    ],
)
def test_rate(looks: list[tuple[float, int]], at: float, rate: float) -> None:
    state = seen(ERRORS, [(now, candidate(requests)) for now, requests in looks])
    assert rate_at(state, at) == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize(
    ("looks", "since"),
    [
        pytest.param([(5, candidate(1))], None, id="seen"),
        pytest.param([(5, NOTHING)], 5, id="not seen"),
        pytest.param([(5, NOTHING), (10, NOTHING)], 5, id="still not"),
        pytest.param([(5, NOTHING), (10, candidate(1))], None, id="seen again"),
        pytest.param([(5, NOTHING), (10, candidate(1)), (15, NOTHING), (20, NOTHING)], 15, id="lost again"),
        pytest.param([(5000, NOTHING), (1400, NOTHING), (1410, NOTHING)], 1400, id="a clock that was set back"),
    ],
)
def test_since_when_the_candidate_is_not_seen(looks: list[tuple[float, Sight]], since: float | None) -> None:
    assert seen(ERRORS, looks).unseen_since == since


def test_a_look_of_the_past_that_brings_nothing_changes_nothing() -> None:
    state = seen(ERRORS, scenes(1))
    assert absorb(ERRORS, state, Look(1e9)) == state
