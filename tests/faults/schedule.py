"""Which requests are hurt, and how. A schedule is a function of the request alone, so a seed repeats a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Fault(StrEnum):
    """What can happen to a request."""

    CONFLICT = "409 before the write"
    BUSY = "429 with Retry-After, before"
    ERROR = "500 before"
    RESET = "connection reset before"
    HANG = "no answer, not forwarded"
    ERROR_AFTER = "504 after the write was done"
    RESET_AFTER = "connection reset after the write was done"
    HANG_AFTER = "no answer, after the write was done"
    STALE = "an older answer"
    SLOW = "a late answer"
    ETCD = "etcd is killed, and started again"
    DROP = "watch: ends after its first event"
    EXPIRED = "watch: ends with 410 Gone"
    LAG = "watch: events come late"
    REPLAY = "watch: old events come again"


WRITES = (Fault.CONFLICT, Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.HANG_AFTER)
READS = (Fault.STALE,)
ANY = (Fault.BUSY, Fault.ERROR, Fault.RESET, Fault.HANG, Fault.SLOW)
WATCHES = (Fault.DROP, Fault.EXPIRED, Fault.LAG, Fault.REPLAY, Fault.BUSY, Fault.ERROR, Fault.RESET)
HANGS = (Fault.HANG, Fault.HANG_AFTER)


@dataclass(frozen=True)
class Request:
    """A request that has come to the proxy; they are numbered from 1."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]

    @property
    def watches(self) -> bool:
        """Whether it is a watch."""
        return self.query.get("watch") == "true"

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.number}: {'WATCH' if self.watches else self.method} {self.path}"


Schedule = Callable[[Request], Fault | None]


def no_faults(request: Request) -> None:
    """Let everything pass."""


@dataclass(frozen=True)
class Seeded:
    """Hurts a share of the first requests at random, and more of those that write: a pass reads nine times as often."""

    seed: int
    share: float = 0.08
    share_of_writes: float = 0.3
    first: int = 400
    share_of_watches: float = 0.0
    """Only a real operator watches; it has no other timeout than that of half a minute, so nothing hangs for it."""

    def __call__(self, request: Request) -> Fault | None:
        if request.number > self.first:
            return None
        random = Random(f"{self.seed}/{request.number}")
        share = self.share_of_watches if request.watches else self.share_of_writes if request.writes else self.share
        if random.random() > share:
            return None
        kinds = WATCHES if request.watches else (*ANY, *(WRITES if request.writes else READS))
        return random.choice([kind for kind in kinds if kind not in HANGS] if self.share_of_watches else kinds)
