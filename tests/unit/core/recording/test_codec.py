"""A recording as text: it survives, it is bounded, and no other text breaks who reads it."""

import base64
import random
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.core.evidence import ArmCounts, Look
from leadsman.core.recording import Entry, Flush, Header, Recording, decode, encode, extended, merge, replay
from leadsman.core.recording.codec import MOST_BYTES, MOST_ENTRIES, MOST_TEXT, line
from support.machine import POLICY
from support.recorder import Recorder

HEADER = Header(model="fraud", candidate="b", stable="a", policy=POLICY, decisions=3)


def entry(number: int, requests: int = 20, errors: int = 1, **changes: object) -> Entry:
    look = Look(at=2.0 * number, candidate=ArmCounts(requests=requests, errors=errors), stable=ArmCounts(requests=90))
    return Entry(number=number, at=2.0 * number, replicas=2, ready=2, look=look).model_copy(update=changes)


def recording(entries: int, **changes: object) -> Recording:
    return Recording(header=HEADER, entries=tuple(entry(number + 1, **changes) for number in range(entries)))


def packed(raw: bytes) -> str:
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def lines(*parts: str) -> str:
    return packed("\n".join(parts).encode())


def test_a_recording_survives() -> None:
    recorder = Recorder().traffic(200, rps=10, candidate_errors=0.05)
    once = recorder.recording
    assert len(once.entries) > 50
    assert decode(encode(once)) == once


FIRST = line(entry(1))
NO_RECORDINGS = {
    "nothing": ("", "cut off"),
    "other text": ("hello", "base64 of zlib"),
    "base64 of something else": (base64.b64encode(b"hello").decode(), "base64 of zlib"),
    "one that is cut off": (lines(line(HEADER), FIRST)[:-8], "cut off"),
    "one with something behind it": (
        base64.b64encode(zlib.compress(line(HEADER).encode()) + b"more").decode(),
        "cut off",
    ),
    "no header": (lines(FIRST), "this version of Leadsman can read: "),
    "no JSON": (lines("what?"), "this version of Leadsman can read"),
    "a later format": (lines(line(HEADER).replace('"format":1', '"format":2')), "format"),
    "entries out of order": (lines(line(HEADER), line(entry(2)), FIRST), "not in order"),
    "the same entry twice": (lines(line(HEADER), FIRST, FIRST), "not in order"),
    "more errors than requests": (lines(line(HEADER), line(entry(1, errors=21))), "more events than requests"),
    "a negative count": (lines(line(HEADER), line(entry(1, requests=-1, errors=-2))), "below 0"),
    "a count beyond all reason": (lines(line(HEADER), line(entry(1, requests=10**16))), "cannot be"),
    "a time that is none": (lines(line(HEADER), FIRST.replace('"at":2.0', '"at":"NaN"')), "at"),
    "a time after all time": (lines(line(HEADER), FIRST.replace('"at":2.0', '"at":1e18')), "at"),
    "latency by bounds never chosen": (
        lines(line(HEADER), FIRST.replace('"requests":90', '"requests":90,"answered":9,"slower":[1]')),
        "latency bounds",
    ),
    "too much text": ("A" * (MOST_TEXT + 1), "at most"),
    "too many entries": (packed(b"\n" * (MOST_ENTRIES + 2)), "at most 20,000 entries"),
}


@pytest.mark.parametrize(("text", "message"), NO_RECORDINGS.values(), ids=NO_RECORDINGS)
def test_what_is_no_recording_is_refused_with_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(text)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(b"0" * (60 << 20), 9)).decode()
    assert len(bomb) < MOST_TEXT
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="larger than any recording may be"):
            decode(bomb)
        assert tracemalloc.get_traced_memory()[1] < 3 * MOST_BYTES
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_is_a_recording_or_a_sentence(text: bytes | str) -> None:
    with suppress(ValueError):
        decode(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.binary(max_size=40) | _JSON.map(lambda value: repr(value).encode()), max_size=4), st.booleans())
def test_anything_packed_is_a_recording_or_a_sentence(parts: list[bytes], with_header: bool) -> None:
    with suppress(ValueError):
        decode(packed(b"\n".join([line(HEADER).encode(), *parts] if with_header else parts)))


@given(st.data())
def test_a_recording_with_one_value_changed_replays_or_is_refused(data: st.DataObject) -> None:
    import json  # noqa: PLC0415

    given_lines = [line(HEADER), *(line(entry(number)) for number in (1, 2, 3))]
    at = data.draw(st.integers(0, 3))
    value = json.loads(given_lines[at])
    value[data.draw(st.sampled_from(sorted(value)))] = data.draw(_JSON)
    given_lines[at] = json.dumps(value)
    with suppress(ValueError, ArithmeticError, LookupError):
        replay(decode(lines(*given_lines)))


def test_what_is_written_twice_is_there_once() -> None:
    first = Flush(0, (line(HEADER), *(line(entry(number)) for number in (1, 2))))
    second = Flush(3, tuple(line(entry(number)) for number in (3, 4)))
    text = extended(extended(None, first), second)
    assert text is not None
    assert extended(text, second) == text
    other = Flush(3, (line(entry(3, requests=50)),))
    replaced = extended(text, other)
    assert replaced is not None
    assert [one.number for one in decode(replaced).entries] == [1, 2, 3], "what was never committed is gone"
    assert decode(replaced).entries[-1].look == entry(3, requests=50).look


def test_a_new_rollout_replaces_the_recording_of_the_last() -> None:
    first = Flush(0, (line(HEADER), line(entry(1))))
    again = Flush(0, (line(HEADER.model_copy(update={"decisions": 9})), line(entry(1, requests=7))))
    text = extended(extended(None, first), again)
    assert text is not None
    assert decode(text).header.decisions == 9
    assert len(decode(text).entries) == 1


@pytest.mark.parametrize("there", [None, "", "rubbish", encode(recording(5))])
def test_lines_that_do_not_follow_on_what_is_there_are_no_recording(there: str | None) -> None:
    assert extended(there, Flush(7, (line(entry(7)),))) is None


def counted(one: Recording) -> tuple[int, int, int]:
    arms = [(each.look.candidate, each.look.stable) for each in one.entries if each.look]
    return (
        sum(candidate.requests for candidate, _ in arms),
        sum(candidate.errors for candidate, _ in arms),
        sum(stable.requests for _, stable in arms),
    )


def test_a_recording_that_grows_too_large_is_merged_and_says_so() -> None:
    lots = random.Random(1)
    text: str | None = None
    expected = [0, 0, 0]
    number = 1
    for flush in range(20):
        entries = []
        for _ in range(300):
            requests, errors = lots.randrange(10**9), lots.randrange(10**4)
            entries.append(entry(number, requests=requests + errors, errors=errors, at=lots.random() * 1e9))
            expected = [expected[0] + requests + errors, expected[1] + errors, expected[2] + 90]
            number += 1
        text = extended(
            text, Flush(number - 300 if flush else 0, (*([] if flush else [line(HEADER)]), *map(line, entries)))
        )
        assert text is not None
        assert len(text) <= MOST_TEXT
    assert text is not None
    merged = decode(text)
    assert merged.header.merged
    assert counted(merged) == tuple(expected), "nothing that was counted is lost"
    assert merged.entries[-1].number == number - 1
    gaps = [later.number - earlier.number for earlier, later in zip(merged.entries, merged.entries[1:], strict=False)]
    assert gaps[-1] == 1, "what is new is as it was"
    assert gaps[0] > 1, "what is old has less detail"


def test_merging_keeps_decisions_and_choices() -> None:
    one = recording(8)
    entries = list(one.entries)
    entries[3] = entries[3].model_copy(update={"decisions": 1})
    merged = merge(Recording(header=HEADER, entries=tuple(entries)))
    assert merged.header.merged
    assert entries[3] in merged.entries
    assert [each.number for each in merged.entries] == [2, 3, 4, 5, 6, 7, 8]


def test_what_cannot_be_merged_stays() -> None:
    decided = Recording(header=HEADER, entries=tuple(entry(number, decisions=1) for number in (1, 2, 3)))
    assert merge(decided) is decided


def test_a_recording_too_large_for_merging_to_help_is_none() -> None:
    """Decisions are never merged. Whoever writes it takes the old one away: half a recording would replay to a lie."""
    lots = random.Random(1)
    stories = [line(entry(number, decisions=1, failure=lots.randbytes(2000).hex())) for number in range(1, 101)]
    started = extended(None, Flush(0, (line(HEADER), line(entry(1)))))
    assert extended(None, Flush(0, (line(HEADER), *stories))) is None
    assert extended(started, Flush(2, tuple(stories[1:]))) is None


def test_a_merged_recording_of_a_rollout_still_replays_to_the_same_end() -> None:
    recorder = Recorder().traffic(600, rps=10, candidate_errors=0.1)
    merged = merge(merge(recorder.recording))
    assert len(merged.entries) < 0.8 * len(recorder.recording.entries)
    assert replay(merged).decisions[-1].reason == recorder.status.receipts[-1].reason == "EvidenceFailed"
