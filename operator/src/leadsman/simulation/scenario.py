"""What is simulated: the traffic, and how each revision answers it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """How one revision answers.

    `errors`: the share of requests that fail; `latency_ms`: the median of the others, in milliseconds; `wrong`: the
    share of answers that feedback calls wrong; `top`: the share of answers that are the class predicted most.
    """

    errors: float = 0.005
    latency_ms: float = 20.0
    wrong: float = 0.1
    top: float = 0.5


@dataclass(frozen=True, slots=True)
class Burst:
    """`factor` times the traffic for `seconds`, every `every` seconds."""

    factor: float
    seconds: float
    every: float


@dataclass(frozen=True, slots=True)
class Outage:
    """For `seconds` from `start` on, in seconds after the rollout's begin, `rate` of all requests fail on both arms."""

    start: float
    seconds: float
    rate: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """The world of a simulated rollout, the same for all its runs.

    `rps`: requests per second of both revisions together. `clump`: so many errors come at once. `hours`: how long a
    run may last; `history_hours`: how much of the stable revision's past is known when it begins. `daily_cycle`:
    amplitude of a sine over 24 hours, as a share of `rps`; a run begins at a random hour of it. `scrape_failures`: the
    share of looks that see nothing, and whose counts come with the next. `label_rate`: the share of answers that
    feedback judges, `label_delay` seconds later. `disagreement`: the share of mirrored requests that the two revisions
    answer differently. `crashes_per_day`: of each of the candidate's pods.
    """

    rps: float = 2.0
    stable: Arm = Arm()
    candidate: Arm = Arm()
    clump: int = 1
    hours: float = 2.0
    history_hours: float = 24.0
    daily_cycle: float = 0.0
    burst: Burst | None = None
    outage: Outage | None = None
    scrape_failures: float = 0.0
    label_rate: float = 0.0
    label_delay: float = 0.0
    disagreement: float = 0.0
    crashes_per_day: float = 0.0
