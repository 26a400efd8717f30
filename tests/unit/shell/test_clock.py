from datetime import UTC, datetime, timedelta

import pytest

from leadsman.shell.clock import steady_clock, uptime

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_machine_whose_clock_is_set_takes_no_deadline_away(step: timedelta) -> None:
    wall, up = [NOON], [100.0]
    clock = steady_clock(lambda: wall[0], lambda: up[0])
    assert clock() == NOON
    wall[0], up[0] = NOON + step, 130.7
    assert clock() == NOON + timedelta(seconds=30)


def test_uptime_goes_on() -> None:
    assert uptime() <= uptime()
