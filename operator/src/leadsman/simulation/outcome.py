"""How one simulated rollout went."""

from dataclasses import dataclass
from enum import StrEnum


class End(StrEnum):
    """Where a rollout stands when the simulation ends."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, after how many seconds, and how many failed responses of the candidate users had seen by then."""

    end: End
    seconds: float
    bad_responses: int
