"""A recorded rollout replays to the same decisions, byte for byte, whatever it saw."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.checks import (
    AgreementCheck,
    Check,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.api.evidence import LatencyBound
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Shadow, Step, Until
from leadsman.api.status import Mode
from leadsman.core.evidence import ArmCounts, Look, Pairs, Reading
from leadsman.core.names import RECORDING_ANNOTATION
from leadsman.core.recording import Recording, decode, replay
from support.machine import MINUTE, POLICY
from support.recorder import Recorder, as_json
from support.simulated import GOOD, careful, world
from support.world import NAME, Model, World

STORIES = {
    "a good version": ("2", "Promoted"),
    "one that errs": ("bad", "EvidenceFailed"),
    "a slow one": ("slow", "EvidenceFailed"),
    "one that cannot be loaded": ("fails", "ModelFailed"),
}


def recording_of(at: World, revision: str) -> Recording:
    return decode(at.objects["ModelRevision", f"{NAME}-{revision}"]["metadata"]["annotations"][RECORDING_ANNOTATION])


def replays(at: World, revision: str) -> None:
    """Assert that the recording on the ModelRevision comes to the receipts beside it."""
    recording = recording_of(at, revision)
    replayed = replay(recording)
    receipts = at.status_of(revision).receipts
    own = tuple(entry for entry in receipts if entry.sequence > recording.header.decisions)
    assert own
    assert as_json(replayed.decisions) == as_json(own)
    assert replayed.ended
    assert not recording.header.merged


@pytest.mark.parametrize(("version", "end"), STORIES.values(), ids=STORIES)
def test_it_replays_to_its_receipts(version: str, end: str) -> None:
    at = world()
    revision = at.apply(version)
    at.until(end)
    replays(at, revision)


def test_it_replays_when_nothing_could_be_read_for_a_while() -> None:
    at = world()
    revision = at.apply("2")
    at.until("StepStarted")
    at.metrics_gone = True
    at.rest(100)
    at.metrics_gone = False
    at.until("Promoted")
    replays(at, revision)


@pytest.mark.parametrize("choice", OnInconclusive)
def test_it_replays_when_nobody_asked(choice: OnInconclusive) -> None:
    at = world(policy=careful(on_inconclusive=choice))
    at.rps = 0.0
    revision = at.apply("2")
    at.rest(700)
    at.apply("1")
    at.rest(10)
    replays(at, revision)


def test_it_replays_when_it_was_superseded() -> None:
    at = world()
    revision = at.apply("2")
    at.until("StepStarted")
    other = at.apply("bad")
    at.until("Superseded")
    replays(at, revision)
    at.until("EvidenceFailed")
    replays(at, other)


def test_it_replays_without_a_gateway() -> None:
    at = world(gateway=False)
    revision = at.apply("2")
    at.until("Switched")
    replays(at, revision)


def test_it_replays_when_a_revision_returns() -> None:
    at = world()
    at.apply("2")
    at.until("Promoted")
    back = at.apply("1")
    at.until("Returned")
    replays(at, back)


def test_the_latest_of_several_tries_is_what_is_recorded() -> None:
    at = world()
    revision = at.apply("bad")
    at.until("EvidenceFailed")
    at.apply("1")
    at.rest(60)
    at.apply("bad")
    at.until("EvidenceFailed")
    replays(at, revision)
    assert len(at.status_of(revision).receipts) > len(replay(recording_of(at, revision)).decisions)


def test_a_first_revision_is_not_recorded() -> None:
    at = world()
    record = at.objects["ModelRevision", f"{NAME}-{at.hash_of('1')}"]
    assert "annotations" not in record["metadata"], "nothing was compared"


def test_a_crash_before_any_write_leaves_a_recording_without_gaps_and_without_repeats() -> None:
    def story(crash_before: int | None = None) -> tuple[World, str, list[int]]:
        """The world at the end, the revision, and the numbers of the writes of passes that wrote to the recording."""
        at = World(careful(), {"1": GOOD, "2": Model(errors=0.3)}, rps=1.8)
        at.crash_before = crash_before
        at.apply("1")
        at.until("FirstRevision")
        revision = at.apply("2")
        writes: list[int] = []
        before = at.writes
        for plan in at.run(1800):
            if plan and plan.recordings:
                writes += range(before, at.writes)
            if "EvidenceFailed" in at.reasons:
                break
            before = at.writes
        return at, revision, writes

    smooth, revision, writes = story()
    numbers = [entry.number for entry in recording_of(smooth, revision).entries]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 30, "long enough to be written in two parts"
    for number in writes:
        at, revision, _ = story(number)
        assert at.crashes == 1
        replays(at, revision)


def test_a_recording_that_somebody_has_deleted_is_not_continued() -> None:
    at = World(careful(), {"1": GOOD, "2": GOOD}, rps=2.0)
    at.apply("1")
    at.until("FirstRevision")
    revision = at.apply("2")
    at.until("StepStarted")
    record = at.objects["ModelRevision", f"{NAME}-{revision}"]
    for _ in at.run(400):
        if record["metadata"].pop("annotations", None):
            break
        record = at.objects["ModelRevision", f"{NAME}-{revision}"]
    at.until("Promoted")
    assert "annotations" not in at.objects["ModelRevision", f"{NAME}-{revision}"]["metadata"]


@settings(max_examples=25, deadline=None)
@given(
    errors=st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0]),
    rps=st.sampled_from([0.3, 3.0, 30.0]),
    seed=st.integers(0, 1000),
    trouble=st.lists(st.sampled_from(["metrics", "outage", "none"]), min_size=3, max_size=8),
)
def test_it_replays_whatever_the_traffic_was(errors: float, rps: float, seed: int, trouble: list[str]) -> None:
    at = World(careful(), {"1": Model(errors=0.01), "2": Model(errors=errors)}, rps=rps, seed=seed)
    at.apply("1")
    at.until("FirstRevision")
    revision = at.apply("2")
    for kind in trouble:
        at.metrics_gone = kind == "metrics"
        at.outage = 0.5 if kind == "outage" else 0.0
        at.rest(40)
    at.apply("1")
    at.rest(10)
    replays(at, revision)


EVERYTHING = RolloutPolicySpec(
    steps=(
        Step(shadow=Shadow(), min_duration=timedelta(0), max_duration=timedelta(minutes=2)),
        Step(weight=10, min_duration=timedelta(seconds=10), max_duration=timedelta(minutes=2), until=Until.TIME),
        Step(weight=50, min_duration=timedelta(seconds=10), max_duration=timedelta(minutes=2)),
    ),
    checks=(
        Check(error_rate=ErrorRateCheck(objective=0.02)),
        Check(latency=LatencyCheck()),
        Check(agreement=AgreementCheck()),
        Check(quality=QualityCheck()),
        Check(predictions=PredictionsCheck()),
        Check(crashes=CrashesCheck()),
        Check(prometheus=PrometheusCheck(name="revenue", query="up", min=0.5)),
    ),
    interval=timedelta(seconds=2),
)
BOUNDS = (LatencyBound(quantile=0.5, stable=0.01, candidate=0.012, tolerated=0.5),)


def parts(whole: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(whole, st.floats(0, 1)).map(lambda pair: (pair[0], int(pair[0] * pair[1])))


@st.composite
def arms(draw: st.DrawFn) -> ArmCounts:
    few = st.integers(0, 60)
    (requests, errors), (answered, slow), (labelled, wrong), (predicted, top) = (draw(parts(few)) for _ in range(4))
    crashes, watched = draw(st.integers(0, 2)), draw(st.just(0.0) | st.floats(0.001, 30))
    return ArmCounts(requests, errors, answered, (slow,), labelled, wrong, predicted, top, crashes, watched)


@st.composite
def looks(draw: st.DrawFn) -> Look:
    value = draw(st.none() | st.floats(allow_nan=True, allow_infinity=True))
    return Look(
        at=0.0,
        seen=draw(st.integers(0, 9)) > 0,
        candidate=draw(arms()),
        stable=draw(arms()),
        pairs=Pairs(*draw(parts(st.integers(0, 20)))),
        readings=draw(st.sampled_from([(), (Reading("revenue", value),)])),
    )


@st.composite
def passes(draw: st.DrawFn) -> tuple[float, Look | None, dict[str, object]]:
    odd = draw(st.integers(0, 30))
    changes: dict[str, object] = {"ready": 2}
    if odd < 3:
        changes = [{"ready": 1}, {"desired": "c"}, {"failure": "no outputs"}][odd]
    elif odd == 3:
        changes = {"mode": Mode.SERVICE}
    return draw(st.sampled_from([-5.0, 0.0, 0.1, 2.0, 2.000001, 33.3])), draw(st.none() | looks()), changes


@settings(max_examples=150, deadline=None)
@given(st.lists(passes(), max_size=70))
def test_it_replays_whatever_a_look_can_hold(seen: list[tuple[float, Look | None, dict[str, object]]]) -> None:
    recorder = Recorder(policy=EVERYTHING)
    recorder.see(1, Look(at=0.0, bounds=BOUNDS, top_class="cat"))
    for seconds, look, changes in seen:
        if recorder.on_trial is None:
            break
        recorder.see(seconds, look, **changes)  # type: ignore[arg-type]
    assert as_json(replay(recorder.recording).decisions) == as_json(recorder.status.receipts)


def test_another_policy_decides_otherwise_on_the_same_traffic() -> None:
    patient = Recorder().traffic(600, rps=10, candidate_errors=0.2)
    assert patient.status.receipts[-1].reason == "EvidenceFailed"
    lax = POLICY.model_copy(update={"false_rollback_rate": 0.0001})
    later = replay(patient.recording, lax)
    assert not later.ended, "the recording ends with the rollback by its own policy"
    assert later.judgement is not None
    assert later.judgement.verdict == "Collecting"
    strict = POLICY.model_copy(update={"false_rollback_rate": 0.2})
    sooner = replay(patient.recording, strict)
    assert sooner.decisions[-1].reason == "EvidenceFailed"
    assert sooner.decisions[-1].at < patient.status.receipts[-1].at


def test_another_policy_is_not_held_by_the_split_that_the_recorded_one_asked_for() -> None:
    errors = POLICY.model_copy(update={"checks": (Check(error_rate=ErrorRateCheck()),)})
    recorder = Recorder(errors).traffic(600, rps=100, candidate_errors=0.0)
    assert recorder.status.receipts[-1].reason == "Promoted"
    steps = tuple(
        step.model_copy(update={"weight": weight, "min_duration": timedelta(seconds=30)})
        for step, weight in zip(POLICY.steps, (1, 2), strict=True)
    )
    replayed = replay(recorder.recording, errors.model_copy(update={"steps": steps}))
    assert replayed.decisions[-1].reason == "Promoted"


def test_another_policy_waits_for_no_route_of_the_recorded_one() -> None:
    recorder = Recorder()
    for _ in range(60):
        recorder.see(2, Look(at=0.0, candidate=ArmCounts(requests=20), stable=ArmCounts(requests=180)), unsettled="")
        recorder.see(2, unsettled="Gateway public has not looked at the HTTPRoute's latest change yet")
    steps = (Step(weight=10, min_duration=MINUTE, max_duration=10 * MINUTE, until=Until.TIME),)
    replayed = replay(recorder.recording, POLICY.model_copy(update={"steps": steps}))
    assert replayed.decisions[-1].reason == "Promoted"
    assert replayed.decisions[-1].at - replayed.decisions[1].at < 1.2 * MINUTE


def test_another_policy_is_out_of_time_in_silence_too() -> None:
    """Passes in which nothing happened are not recorded, but another policy may have had enough in one of them."""
    recorder = Recorder().traffic(20, rps=10, candidate_errors=0.0)
    for _ in range(60):
        recorder.see(5)
    recorder.traffic(4, rps=10, candidate_errors=0.0)
    silent = [entry for entry in recorder.recording.entries if entry.moment > recorder.recording.entries[11].moment]
    assert len(silent) < 10
    steps = tuple(step.model_copy(update={"max_duration": timedelta(minutes=2)}) for step in POLICY.steps)
    hasty = POLICY.model_copy(update={"steps": steps, "on_inconclusive": OnInconclusive.ROLLBACK})
    replayed = replay(recorder.recording, hasty)
    assert replayed.decisions[-1].reason == "Inconclusive"
    waited = replayed.decisions[-1].at - replayed.decisions[1].at
    assert timedelta(minutes=2) <= waited < timedelta(minutes=2, seconds=15)
