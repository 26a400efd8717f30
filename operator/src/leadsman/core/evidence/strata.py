"""Looks are pooled until both revisions have answered some requests: one of them alone compares with nothing.

Were every look a stratum of its own, then at a request a second hardly a stratum would have both revisions in it, and
looking more often would blunt the test. When a stratum ends depends on how many requests there were, never on how many
failed; so the events in it are distributed as they would be in any other.
"""

from leadsman.api.evidence import ArmTotals, Stratum

_FEWEST_REQUESTS = 20
_MOST_OF_ONE = 200
"""Requests of one revision that are waited with for the other's: older ones are of another time."""


def pooled(open_stratum: Stratum, candidate: ArmTotals, stable: ArmTotals) -> tuple[Stratum | None, Stratum]:
    """Return the stratum that ends with a look, if one does, and the open one after it."""
    after = Stratum.model_construct(
        candidate=plus(open_stratum.candidate, candidate), stable=plus(open_stratum.stable, stable)
    )
    if not has_ended(after.candidate.requests, after.stable.requests):
        return None, after
    return after, Stratum()


def has_ended(candidate: int, stable: int) -> bool:
    """Whether a stratum ends with so many requests."""
    return candidate + stable >= (_FEWEST_REQUESTS if candidate and stable else _MOST_OF_ONE)


def plus(totals: ArmTotals, look: ArmTotals) -> ArmTotals:
    """Return the totals after a look."""
    return ArmTotals.model_construct(requests=totals.requests + look.requests, events=totals.events + look.events)
