"""Which requests share a run, what each gets of it, and how much is let in."""

import asyncio
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from leadsman_serving.admission import Admission, Ticket
from leadsman_serving.batch import Queue, Ran, Waiting, put_back, take, wait
from leadsman_serving.calibration import elements_of
from leadsman_serving.errors import ServingError
from leadsman_serving.rows import Feed, join, rows_of, split
from leadsman_serving.tensors import Array

ONE_ROW = 8  # bytes


def waiting(rows: int = 1, width: int = 2, outputs: tuple[str, ...] = ("y",)) -> Waiting:
    feed: Feed = {"x": np.zeros((rows, width), np.float32)}
    return wait(feed, outputs, elements_of(feed), 0.0, 1.0, asyncio.Future[Ran](loop=LOOP))


LOOP = asyncio.new_event_loop()


def taken(
    queue: list[Waiting], most_rows: int = 8, most_bytes: int = 1000, most_elements: float = inf
) -> tuple[list[int], list[int]]:
    """The numbers of those taken, and of those left."""
    left = Queue.fromkeys(queue)
    batch = take(left, most_rows, most_bytes, most_elements)
    return [queue.index(each) for each in batch], [queue.index(each) for each in left]


def gone() -> Waiting:
    request = waiting()
    request.answer.cancel()
    return request


SHARED: dict[str, tuple[list[Waiting], tuple[list[int], list[int]]]] = {
    "nobody waits": ([], ([], [])),
    "one by itself": ([waiting()], ([0], [])),
    "all that are alike, in order": ([waiting(), waiting(3), waiting()], ([0, 1, 2], [])),
    "up to the most rows": ([waiting(3), waiting(3), waiting(3), waiting(2)], ([0, 1, 3], [2])),
    "a large one alone": ([waiting(9), waiting()], ([0], [1])),
    "exactly full alone": ([waiting(8), waiting()], ([0], [1])),
    "other shapes later": ([waiting(), waiting(width=3), waiting()], ([0, 2], [1])),
    "other outputs later": ([waiting(), waiting(outputs=("z",)), waiting()], ([0, 2], [1])),
    "no rows, no company": ([waiting(0), waiting()], ([0], [1])),
    "nor as company": ([waiting(), waiting(0), waiting()], ([0, 2], [1])),
    "who has given up is passed over": ([gone(), waiting(), gone(), waiting()], ([1, 3], [0, 2])),
    "all have given up": ([gone(), gone()], ([], [0, 1])),
}


@pytest.mark.parametrize("case", SHARED)
def test_which_share_a_run(case: str) -> None:
    queue, expected = SHARED[case]
    assert taken(queue) == expected


def test_inputs_of_a_run_are_bounded_in_bytes() -> None:
    assert taken([waiting(), waiting(), waiting()], most_bytes=2 * ONE_ROW) == ([0, 1], [2])
    assert taken([waiting(3), waiting()], most_bytes=ONE_ROW) == ([0], [1])


def test_the_small_ones_overtake_where_only_they_can_run() -> None:
    queue = [waiting(9), waiting(2), waiting(9), waiting(), waiting(2)]
    assert taken(queue, most_elements=2 * 3) == ([1, 3], [0, 2, 4])
    assert taken(queue, most_elements=1) == ([], [0, 1, 2, 3, 4])


def test_a_run_is_not_looked_for_among_all_that_wait() -> None:
    others = [waiting(width=3) for _ in range(100)]
    assert taken([waiting(), *others[:6], waiting(), *others, waiting()], most_rows=4)[0] == [0, 7]


def test_what_failed_together_is_tried_again_in_halves_before_all_others() -> None:
    failed, later = [waiting() for _ in range(5)], waiting()
    queue = Queue.fromkeys([later])
    put_back(queue, failed)
    assert take(queue, 8, 1000) == failed[:3]
    put_back(queue, failed[:3])
    assert [take(queue, 8, 1000) for _ in range(4)] == [failed[:2], failed[2:3], failed[3:], [later]]


def test_who_has_given_up_is_not_tried_again() -> None:
    failed, queue = [waiting(), gone(), waiting()], Queue()
    put_back(queue, failed)
    assert list(queue) == [failed[0], failed[2]]


@given(st.lists(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.just(3))), min_size=1, max_size=6))
def test_what_was_joined_comes_apart_as_it_was(inputs: list[Array]) -> None:
    feeds: list[Feed] = [{"x": array, "i": np.arange(len(array))} for array in inputs]
    joined = join(feeds)
    parts = split([joined["x"], joined["i"]], [rows_of(feed) for feed in feeds])
    assert parts is not None
    for feed, (x, i) in zip(feeds, parts, strict=True):
        np.testing.assert_array_equal(x, feed["x"])
        np.testing.assert_array_equal(i, feed["i"])


def test_outputs_that_are_not_by_row_cannot_be_taken_apart() -> None:
    assert split([np.zeros((4, 2))], [1, 2]) is None
    assert split([np.float32(1).reshape(())], [1]) is None


def test_inputs_of_different_lengths_have_no_rows() -> None:
    assert rows_of({"x": np.zeros((2, 1)), "y": np.zeros(3)}) == 0
    assert rows_of({"x": np.zeros(())}) == 0


@given(st.lists(st.integers(0, 60), max_size=30))
def test_never_more_is_let_in_than_allowed_and_all_is_given_back(sizes: list[int]) -> None:
    admission, tickets, held = Admission(5, 100), list[Ticket](), 0
    for size in sizes:
        if admission.admitted == 5:
            with pytest.raises(ServingError, match="5 requests are being answered"):
                admission.enter()
            break
        tickets.append(admission.enter())
        if held + size > 100:
            with pytest.raises(ServingError, match="at most 100 are taken at once"):
                tickets[-1].hold(size)
        else:
            tickets[-1].hold(size)
            held += size
        tickets[-1].admit()
        assert admission.held_bytes == held
    for ticket in tickets:
        ticket.give_back()
    assert (admission.in_flight, admission.admitted, admission.held_bytes) == (0, 0, 0)


def test_who_is_still_sending_keeps_nobody_out() -> None:
    admission = Admission(2, 100)
    tickets = [admission.enter() for _ in range(4)]
    for ticket in tickets[2:]:
        ticket.admit()
    with pytest.raises(ServingError, match="2 requests are being answered"):
        tickets[0].admit()
    tickets[2].give_back()
    tickets[0].admit()
