"""Joining the answers of both revisions: each once, none too early, none of another try."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.core.answers import Answer, Output, PodAnswers
from leadsman.core.evidence import Pairs
from leadsman.core.pairing import pair

NOW = 1000.0
LONG_AGO = 10.0


def answer(seq: int, request: str, label: int = 1, *, age: float = LONG_AGO) -> Answer:
    """An answer that is so many seconds old."""
    return Answer(seq, NOW - age, request, (Output("label", (1,), (label,)),))


def pod(*answers: Answer, last: int | None = None) -> PodAnswers:
    return PodAnswers(NOW, max((a.seq for a in answers), default=0) if last is None else last, answers)


STABLE = {"s1": pod(answer(1, "a"), answer(2, "b")), "s2": pod(answer(1, "c"))}


@dataclass(frozen=True)
class Case:
    """What the candidate's pod c1 says, from which mark on, and what comes of it."""

    candidate: PodAnswers
    pairs: Pairs
    mark: int
    before: int | None = 0
    stable: dict[str, PodAnswers] = field(default_factory=lambda: STABLE)
    marked: dict[str, int] = field(default_factory=dict)


CASES = {
    "answers to the same requests are pairs": Case(pod(answer(1, "a"), answer(2, "c")), Pairs(2, 0), 2),
    "different answers are disagreement": Case(pod(answer(1, "a"), answer(2, "b", 9)), Pairs(2, 1), 2),
    "what stable never answered is dropped": Case(pod(answer(1, "x"), answer(2, "a")), Pairs(1, 0), 2),
    "what was counted is not counted again": Case(pod(answer(1, "a"), answer(2, "b")), Pairs(1, 0), 2, before=1),
    "nothing new": Case(pod(answer(1, "a"), answer(2, "b")), Pairs(), 2, before=2),
    "what is young waits for its other half": Case(pod(answer(1, "a"), answer(2, "x", age=1.0)), Pairs(1, 0), 1),
    "what is young need not wait when it has it": Case(pod(answer(1, "a", age=0.1)), Pairs(1, 0), 1),
    "what follows something that waits waits with it": Case(pod(answer(1, "x", age=1.0), answer(2, "b")), Pairs(), 0),
    "nothing waits where the candidate forgets too soon": Case(
        pod(answer(5, "x", age=1.0), answer(6, "a", age=1.0)), Pairs(1, 0), 6
    ),
    "nothing waits where stable forgets too soon": Case(
        pod(answer(1, "x", age=1.0), answer(2, "a", age=1.0)),
        Pairs(1, 0),
        2,
        marked={"s1": 3},
        stable={"s1": pod(answer(9, "a"))},
    ),
    "an answer from the future is of an old clock": Case(pod(answer(1, "a", age=-3600.0)), Pairs(1, 0), 1),
    "a pod seen first has its past behind it": Case(pod(answer(7, "a"), answer(8, "b")), Pairs(), 8, before=None),
    "a pod that has recorded nothing yet": Case(pod(), Pairs(), 0, before=None),
    "a restarted pod begins anew": Case(pod(answer(1, "a"), answer(2, "b")), Pairs(), 2, before=50),
    "an id used twice by the candidate says nothing": Case(pod(answer(1, "a"), answer(2, "a", 9)), Pairs(), 2),
    "an id used twice by stable says nothing": Case(
        pod(answer(1, "a"), answer(2, "b")),
        Pairs(1, 0),
        2,
        stable={"s1": pod(answer(1, "a"), answer(2, "b")), "s2": pod(answer(1, "a", 9))},
    ),
    "what is gone from the ring is gone": Case(pod(answer(9, "a"), answer(10, "c")), Pairs(2, 0), 10),
    "without stable's answers": Case(pod(answer(1, "a")), Pairs(), 1, stable={}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_pairs(case: Case) -> None:
    marks = {} if case.before is None else {"c1": case.before}
    pairs, after = pair({"c1": case.candidate}, case.stable, marks | case.marked, 0.001)
    assert pairs == case.pairs
    assert after["c1"] == case.mark


def test_of_stable_only_what_may_still_be_waited_for_is_read_again() -> None:
    read = {"s1": pod(answer(4, "a", age=60.0), answer(5, "b", age=20.0), answer(6, "c", age=5.0))}
    assert pair({}, read, {"s1": 3}, 0.001)[1] == {"s1": 5}
    assert pair({}, read, {}, 0.001)[1] == {"s1": 5}
    assert pair({}, {"s1": pod(answer(1, "a", age=1.0))}, {"s1": 3}, 0.001)[1] == {"s1": 0}, "it was restarted"


def test_a_pod_that_was_not_read_has_no_new_mark() -> None:
    assert pair({}, {}, {"c1": 5, "s1": 5}, 0.001) == (Pairs(), {})


looks = st.lists(st.floats(0.5, 12.0), min_size=3, max_size=12)
requests = st.lists(
    st.tuples(
        st.floats(0.0, 60.0),  # when it is asked
        st.floats(0.0, 0.4) | st.floats(0.0, 2.5),  # how long each half takes
        st.floats(0.0, 0.4) | st.floats(0.0, 2.5),
        st.booleans(),  # whether they agree
        st.integers(0, 1),  # which pod answers
    ),
    max_size=40,
)


@given(requests, looks, st.sets(st.integers(0, 11), max_size=4))
def test_every_pair_is_counted_once_whenever_one_looks(
    asked: list[tuple[float, float, float, bool, int]], gaps: list[float], missed: set[int]
) -> None:
    """Two pods a side; some looks are thrown away after they were read, as by a status that could not be written."""

    def recorded(
        times: Iterable[tuple[float, int, int, int]], at: float, marks: dict[str, int], side: str
    ) -> dict[str, PodAnswers]:
        found = {}
        for number in (0, 1):
            name = f"{side}{number}"
            own = [one for one in sorted(times) if one[2] == number and one[0] <= at]
            answers = [
                Answer(seq, when, str(request), (Output("y", (1,), (label,)),))
                for seq, (when, request, _, label) in enumerate(own, start=1)
            ]
            found[name] = PodAnswers(at, len(own), tuple(a for a in answers if a.seq > marks.get(name, 0)))
        return found

    stable = [(at + slow, request, number, 0) for request, (at, slow, _, _, number) in enumerate(asked)]
    candidate = [
        (at + slow, request, number, int(not same)) for request, (at, _, slow, same, number) in enumerate(asked)
    ]
    marks = {"c0": 0, "c1": 0}
    compared = disagreed = 0
    at = 0.0
    for look, gap in enumerate([*gaps, 100.0]):
        at += gap
        pairs, new = pair(recorded(candidate, at, marks, "c"), recorded(stable, at, marks, "s"), marks, 0.001)
        if look in missed and look < len(gaps):
            continue
        marks |= new
        compared += pairs.compared
        disagreed += pairs.disagreed
    assert (compared, disagreed) == (len(asked), sum(not same for *_, same, _ in asked))


@pytest.mark.parametrize("rate", [20, 200, 2000])
def test_the_busier_the_pods_the_more_is_compared_though_they_remember_little(rate: int) -> None:
    """One pod a side with a ring of 1,024 answers; stable answers one request in ten badly, which is not recorded."""
    marks = {"c": 0, "s": 0}
    compared = 0

    def recorded(name: str, asked: Iterable[int], now: float) -> PodAnswers:
        answers = [Answer(seq, n / rate, str(n), ()) for seq, n in enumerate(asked, start=1)]
        return PodAnswers(now, len(answers), tuple(one for one in answers[-1024:] if one.seq > marks[name]))

    for now in range(2, 22, 2):
        asked = range(now * rate)
        read = {"c": recorded("c", asked, now)}, {"s": recorded("s", (n for n in asked if n % 10), now)}
        pairs, new = pair(*read, marks, 0.001)
        compared += pairs.compared
        marks |= new
    assert compared >= 10 * 0.75 * min(2 * rate, 1024)
