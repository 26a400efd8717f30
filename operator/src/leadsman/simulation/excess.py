"""The evidence that each revision exceeds a rate by itself, after each of many looks."""

import numpy as np
import numpy.typing as npt

from leadsman.api.evidence import ArmTotals, Excess
from leadsman.core.evidence import excess
from leadsman.core.evidence.processes import excessive_rates
from leadsman.simulation.spread import Arm, Where
from leadsman.simulation.sums import mixtures, rate_sums
from leadsman.simulation.traffic import Shares

_NO_REQUESTS = ArmTotals()


class Clock:
    """When the looks are, in Unix seconds, and which of them brought anything. `before` is when one before them did."""

    def __init__(self, times: Shares, is_news: npt.NDArray[np.bool_], before: float | None) -> None:
        self._times, self._before = times, before
        news = np.flatnonzero(is_news)
        self._news = np.concatenate(((np.nan if before is None else before,), times[news]))
        self._last = np.searchsorted(news, np.arange(len(times)), side="right")

    def looked_at(self, look: int) -> float | None:
        """Return when anything was last brought, up to that look."""
        last = float(self._news[self._last[look]])
        return None if np.isnan(last) else last

    def seconds_before(self, look: int) -> Shares:
        """Return, for each look up to that one, how long it was before the last that brought anything."""
        last = self.looked_at(look)
        return np.maximum(0.0, (self._times[look] if last is None else last) - self._times[: look + 1])

    def seconds_since_before(self, look: int) -> float:
        """Return the time from the last news before these looks, or the first ever, to the last up to that one."""
        last = self.looked_at(look)
        return 0.0 if last is None else last - float(self._news[1] if self._before is None else self._before)


class Exceeding:
    """The evidence after each look, and how the stable revision fares of late."""

    def __init__(self, before: Excess, candidate: Arm, stable: Arm, clock: Clock) -> None:
        self._before, self._recent, self._clock = before, stable, clock
        rates = excessive_rates(before.bound)
        self._candidate = before.candidate + rate_sums(np.cumsum(candidate, axis=1), rates, before.bound)
        self._stable = before.stable + rate_sums(np.cumsum(stable, axis=1), rates, before.bound)
        self.blames = before.blames

    def harm(self, where: Where, phi: Shares | None) -> Shares:
        """Return the evidence that the candidate alone exceeds the rate, or more."""
        if self._before.shared:
            return np.full(len(where), -np.inf)
        return mixtures(self._candidate[where], phi)

    def most_harm(self, start: int) -> float:
        """Return no less than that evidence after any look from `start` on."""
        counts = self.blames and not self._before.shared
        return float(self._candidate[start:].max(initial=0.0)) if counts else 0.0

    def at(self, look: int) -> Excess:
        """Return the engine's state after that look."""
        # Once the stable revision's own evidence was large the cause is shared: see whether it is where it is largest.
        largest = int(np.argmax(mixtures(self._stable[: look + 1], np.ones(look + 1))))
        shared = excess.observe(self._with(largest), _NO_REQUESTS, _NO_REQUESTS, 0.0).shared
        # What fades by so much in one second fades by its powers in several.
        one = self._with(look, recent_requests=1.0)
        fading = excess.observe(one, _NO_REQUESTS, _NO_REQUESTS, 1.0).recent_requests
        faded = fading ** self._clock.seconds_before(look)
        left = fading ** self._clock.seconds_since_before(look)
        requests, events = (float(column[: look + 1] @ faded) for column in self._recent)
        return self._with(
            look,
            shared=self._before.shared or shared,
            recent_requests=self._before.recent_requests * left + requests,
            recent_events=self._before.recent_events * left + events,
        )

    def _with(
        self, look: int, *, shared: bool = False, recent_requests: float = 0.0, recent_events: float = 0.0
    ) -> Excess:
        return self._before.model_copy(
            update={
                "candidate": tuple(self._candidate[look].tolist()),
                "stable": tuple(self._stable[look].tolist()),
                "shared": shared,
                "recent_requests": recent_requests,
                "recent_events": recent_events,
            }
        )
