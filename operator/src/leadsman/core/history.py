"""What the stable revision answered before a rollout, from what each of its pods remembers."""

from collections.abc import Iterable

from leadsman.core.evidence import Minute


def sum_minutes(histories: Iterable[Iterable[Minute]]) -> tuple[Minute, ...]:
    """Return each minute's sums over all pods, oldest first."""
    sums: dict[int, Minute] = {}
    for history in histories:
        for tick in history:
            before = sums.get(tick.minute, Minute(tick.minute, 0, 0))
            sums[tick.minute] = Minute(tick.minute, before.requests + tick.requests, before.errors + tick.errors)
    return tuple(sums[minute] for minute in sorted(sums))
