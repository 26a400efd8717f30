"""What another policy would have done with a recorded release, and what cannot be known of it."""

from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.checks import (
    AgreementCheck,
    Check,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
)
from leadsman.api.rolloutpolicy import OnInconclusive, RolloutPolicySpec, Step
from leadsman.core.backtest import Fate, Finding, countable, find, releases, summary
from leadsman.core.names import RECORDING_ANNOTATION
from leadsman.core.recording import Entry, Header, Recording, decode, encode, merge
from support.machine import MINUTE
from support.recorder import Recorder

ERRORS_ONLY = RolloutPolicySpec(
    steps=(
        Step(weight=10, min_duration=MINUTE, max_duration=30 * MINUTE),
        Step(weight=50, min_duration=MINUTE, max_duration=30 * MINUTE),
    ),
    checks=(Check(error_rate=ErrorRateCheck()),),
)


def errors_only(**changes: object) -> RolloutPolicySpec:
    return ERRORS_ONLY.model_copy(update=changes)


def recorded(errors: float, policy: RolloutPolicySpec = ERRORS_ONLY, **changes: Any) -> Recorder:
    return Recorder(policy=policy, **changes).traffic(3600, rps=20, candidate_errors=errors, stable_errors=0.002)


def finding(recorder: Recorder, policy: RolloutPolicySpec) -> Finding:
    ((release,), _) = releases([recorder.object()])
    return find(release, policy)


def test_the_same_policy_would_have_done_the_same() -> None:
    for errors, fate in ((0.0, Fate.PROMOTED), (0.2, Fate.ROLLED_BACK)):
        found = finding(recorded(errors), ERRORS_ONLY)
        assert found.fate is fate
        assert found.seconds == 0
        assert found.at == found.release.last.at
        assert found.notes == ()


def test_a_bolder_policy_is_earlier_and_spares_users_the_failures_after_it() -> None:
    careful = recorded(0.1, errors_only(false_rollback_rate=0.0001))
    found = finding(careful, errors_only(false_rollback_rate=0.2))
    assert found.fate is Fate.ROLLED_BACK
    assert found.seconds is not None
    assert found.seconds < -2
    assert found.at is not None
    failed = [
        entry.look.candidate.errors for entry in careful.recording.entries if entry.look and entry.moment > found.at
    ]
    assert found.bad_responses == -sum(failed) < 0
    assert "errors" in found.why


def test_a_more_careful_policy_is_still_collecting_when_the_recording_ends() -> None:
    found = finding(recorded(0.1, errors_only(false_rollback_rate=0.2)), errors_only(false_rollback_rate=0.0001))
    assert found.fate is Fate.COLLECTING
    assert (found.at, found.seconds, found.bad_responses) == (None, None, None)
    assert found.why


def test_failures_of_a_shadow_were_seen_by_nobody() -> None:
    recorder = recorded(0.3, errors_only(false_rollback_rate=0.0001))
    raw = recorder.object()
    for receipt in raw["status"]["receipts"]:
        receipt["weightAfter"] = 0
    ((release,), _) = releases([raw])
    found = find(release, errors_only(false_rollback_rate=0.2))
    assert found.seconds is not None
    assert found.seconds < 0
    assert found.bad_responses == 0


def test_a_good_release_that_would_have_been_rolled_back() -> None:
    hasty = errors_only(
        steps=(Step(weight=10, min_duration=timedelta(0), max_duration=timedelta(seconds=5)),),
        on_inconclusive=OnInconclusive.ROLLBACK,
    )
    found = finding(recorded(0.0), hasty)
    assert found.release.is_good
    assert found.fate is Fate.ROLLED_BACK
    assert found.seconds is None, "there is nothing alike to compare with"
    assert summary("Policy hasty", [found])[-1].startswith(
        "Policy hasty would have rolled back one of one good release (release 1) in "
    )


LEFT_OUT = {
    "latency by another ratio": (
        Check(latency=LatencyCheck(tolerate_ratio=1.5)),
        "latency is left out: answers were counted by bounds for a tolerateRatio of 1.2, not 1.5",
    ),
    "agreement that nobody compared": (Check(agreement=AgreementCheck()), "agreement is left out: it was not recorded"),
    "predictions that nobody counted": (
        Check(predictions=PredictionsCheck()),
        "predictions is left out: it was not recorded",
    ),
    "a number of the same name": (
        Check(prometheus=PrometheusCheck(name="revenue", query="sum(other)", min=1)),
        "prometheus revenue is left out: another query was recorded under this name",
    ),
    "a number that nobody asked for": (
        Check(prometheus=PrometheusCheck(name="clicks", query="up", min=1)),
        "prometheus clicks is left out: it was not recorded",
    ),
}
RICH = errors_only(
    checks=(
        Check(error_rate=ErrorRateCheck()),
        Check(latency=LatencyCheck()),
        Check(prometheus=PrometheusCheck(name="revenue", query="up", min=1)),
    )
)


@pytest.mark.parametrize(("check", "sentence"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_a_check_that_was_not_recorded_is_left_out_and_said_to_be(check: Check, sentence: str) -> None:
    recorder = recorded(0.2, RICH)
    found = finding(recorder, errors_only(checks=(Check(error_rate=ErrorRateCheck()), check)))
    assert found.fate is Fate.ROLLED_BACK
    assert found.notes == (sentence,)
    alone = finding(recorder, errors_only(checks=(check,)))
    assert alone.fate is Fate.UNKNOWN, "a policy without checks would pass everything"
    assert alone.why == sentence


def test_other_bounds_for_what_was_recorded_are_no_trouble() -> None:
    stricter = (
        Check(error_rate=ErrorRateCheck(tolerate=0.05, objective=0.01)),
        Check(latency=LatencyCheck()),
        Check(prometheus=PrometheusCheck(name="revenue", query="up", max=9)),
        Check(crashes=CrashesCheck()),
    )
    assert finding(recorded(0.2, RICH), errors_only(checks=stricter)).notes == ()


def test_counters_tell_nothing_of_answers_and_of_restarts() -> None:
    checks = (Check(error_rate=ErrorRateCheck()), Check(agreement=AgreementCheck()), Check(crashes=CrashesCheck()))
    judged, notes = countable(errors_only(checks=checks))
    assert judged is not None
    assert judged.checks == checks[:1]
    assert [note.split(":")[0] for note in notes] == ["agreement is left out", "crashes is left out"]
    assert countable(errors_only(checks=checks[1:]))[0] is None


def test_without_a_recording_nothing_is_known() -> None:
    raw = recorded(0.2).object()
    del raw["metadata"]["annotations"]
    ((release,), _) = releases([raw])
    found = find(release, ERRORS_ONLY)
    assert (found.fate, found.why) == (Fate.UNKNOWN, "there is no recording of it")


def test_a_merged_recording_says_so() -> None:
    recorder = recorded(0.1)
    recorder.annotation = encode(merge(decode(recorder.annotation or "")))
    found = finding(recorder, errors_only(false_rollback_rate=0.2))
    assert found.fate is Fate.ROLLED_BACK
    assert found.notes == ("looks of long ago were merged to save space: times are coarse",)


def test_a_recording_that_no_engine_made_is_unknown_and_breaks_nothing() -> None:
    recorder = recorded(0.2)
    whole = recorder.recording
    begun = whole.entries[1].begun
    assert begun is not None
    odd = begun.model_copy(update={"comparisons": (begun.comparisons[0].model_copy(update={"odds": (1.0,)}),)})
    entries: tuple[Entry, ...] = (
        whole.entries[0],
        whole.entries[1].model_copy(update={"begun": odd}),
        *whole.entries[2:],
    )
    recorder.annotation = encode(Recording(header=Header.model_validate(whole.header), entries=entries))
    raw = recorder.object()
    assert RECORDING_ANNOTATION in raw["metadata"]["annotations"]
    found = finding(recorder, ERRORS_ONLY)
    assert found.fate in (Fate.UNKNOWN, Fate.ROLLED_BACK)
