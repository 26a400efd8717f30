"""The stable revision's past, from what its pods remember."""

from leadsman.core.evidence import Minute
from leadsman.core.history import sum_minutes


def test_pods_are_added_up_minute_by_minute() -> None:
    pods = [
        [Minute(7, 10, 1), Minute(9, 20, 0)],
        [Minute(6, 5, 5), Minute(7, 30, 2)],
        [],
    ]
    assert sum_minutes(pods) == (Minute(6, 5, 5), Minute(7, 40, 3), Minute(9, 20, 0))


def test_nobody_remembers() -> None:
    assert sum_minutes([]) == ()
