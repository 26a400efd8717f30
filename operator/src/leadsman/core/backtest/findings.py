"""What a policy would have done with one release, and how that differs from what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leadsman.api.modelrevision import DecisionRecord, Outcome
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.backtest.releases import Release
from leadsman.core.backtest.usable import usable
from leadsman.core.receipts import outcome_after
from leadsman.core.recording import Recording, Replay, replay


class Fate(StrEnum):
    """What would have become of a release by the time its recording ends."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    SUPERSEDED = "Superseded"
    COLLECTING = "Collecting"
    UNKNOWN = "Unknown"


_FATES = {
    Outcome.PROMOTED: Fate.PROMOTED,
    Outcome.REJECTED: Fate.ROLLED_BACK,
    Outcome.ROLLED_BACK: Fate.ROLLED_BACK,
    Outcome.SUPERSEDED: Fate.SUPERSEDED,
    Outcome.ABORTED: Fate.SUPERSEDED,
}


@dataclass(frozen=True)
class Finding:
    """One release under the policy.

    `at` is when the policy would have decided; `seconds` how much later than was decided, less than 0 for earlier,
    where both decided the same. `bad_responses` is how many more failed answers of the candidate users would have got,
    where that is known: an earlier end is known from the recording, a later one is not.
    """

    release: Release
    fate: Fate
    why: str
    at: datetime | None = None
    seconds: float | None = None
    bad_responses: int | None = None
    notes: tuple[str, ...] = ()


def find(release: Release, policy: RolloutPolicySpec) -> Finding:
    """Return what the policy would have done with a release, by the release's own recording."""
    if release.recording is None:
        return Finding(release, Fate.UNKNOWN, release.unreadable or "there is no recording of it")
    judged, notes = usable(policy, release.recording)
    if judged is None:
        return Finding(release, Fate.UNKNOWN, "; ".join(notes))
    return judge(release, release.recording, judged, notes)


def judge(release: Release, known: Recording, policy: RolloutPolicySpec, notes: Sequence[str] = ()) -> Finding:
    """Return what the policy would have done with a release, by a recording that has all that its checks need."""
    notes = list(notes)
    if known.header.merged:
        notes.append("looks of long ago were merged to save space: times are coarse")
    try:
        replayed = replay(known, policy)
    except (ValueError, ArithmeticError, LookupError) as error:
        return Finding(release, Fate.UNKNOWN, f"its recording cannot be replayed: {error}")
    return _compared(release, known, replayed, tuple(notes))


def _compared(release: Release, recording: Recording, replayed: Replay, notes: tuple[str, ...]) -> Finding:
    if not replayed.ended:
        why = replayed.judgement.message if replayed.judgement else "its pods were being prepared"
        return Finding(release, Fate.COLLECTING, why, notes=notes)
    end: DecisionRecord = replayed.decisions[-1]
    outcome = outcome_after(replayed.decisions)
    fate = _FATES[outcome]
    alike = outcome is release.outcome
    return Finding(
        release,
        fate,
        end.message,
        at=end.at,
        seconds=(end.at - release.last.at).total_seconds() if alike else None,
        bad_responses=-_failed_after(release, recording, end.at) if fate is Fate.ROLLED_BACK else None,
        notes=notes,
    )


def _failed_after(release: Release, recording: Recording, moment: datetime) -> int:
    """Return the failed answers that users got from the candidate after a moment, as far as was recorded."""
    return sum(
        entry.look.candidate.errors
        for before, entry in zip(recording.entries, recording.entries[1:], strict=False)
        # What a look counts was answered since the one before it.
        if entry.look and entry.moment > moment and release.weight_at(before.moment) > 0
    )
