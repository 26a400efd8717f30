"""Less resolution for what is long ago: a recording that grows too large keeps its counts, but not their times."""

from dataclasses import replace

from leadsman.core.evidence import Look, Pairs
from leadsman.core.recording.types import Entry, Recording, added


def merge(recording: Recording) -> Recording:
    """Return the recording with neighbouring looks of its older half added up, and the header saying so.

    Passes with a decision stay as they are, and so does what the engine chose by a look. Nothing that can be merged
    gives the same recording again.
    """
    half = (len(recording.entries) + 1) // 2
    older = _pairwise(recording.entries[:half])
    if len(older) == half:
        older, half = _pairwise(recording.entries), len(recording.entries)
    if len(older) == half:
        return recording
    return Recording(
        header=recording.header.model_copy(update={"merged": True}), entries=(*older, *recording.entries[half:])
    )


def _pairwise(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    merged: list[Entry] = []
    free = False  # whether the last one has not been merged in this round
    for entry in entries:
        together = _together(merged[-1], entry) if free else None
        if together is None:
            merged.append(entry)
        else:
            merged[-1] = together
        free = together is None
    return tuple(merged)


def _together(one: Entry, other: Entry) -> Entry | None:
    """Return both as one entry, as of the later; None where each must stay."""
    if one.decisions or other.decisions or other.begun or one.look is None or other.look is None:
        return None
    if (one.unsettled, one.testers) != (other.unsettled, other.testers):
        return None
    if one.look.bounds or one.look.top_class is not None:
        return None
    return other.model_copy(update={"begun": one.begun, "look": _sum(one.look, other.look)})


def _sum(one: Look, other: Look) -> Look:
    readings = {reading.name: reading for reading in (*one.readings, *other.readings)}
    return replace(
        other,
        seen=one.seen or other.seen,
        candidate=added(one.candidate, other.candidate),
        stable=added(one.stable, other.stable),
        pairs=Pairs(one.pairs.compared + other.pairs.compared, one.pairs.disagreed + other.pairs.disagreed),
        readings=tuple(readings.values()),
    )
