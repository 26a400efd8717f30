"""What speaks about a revision after its promotion."""

from leadsman.api.checks import Check
from leadsman.api.status import Watch


def checks_of(watch: Watch) -> tuple[Check, ...]:
    """The checks of the policy that say something while a revision is watched.

    Nobody sees the predecessor's answers, so nobody judges them; how far both agree was settled before; and whoever
    gets fewer requests is the faster for it. Where it gets none, a check can only go by what it promises.
    """
    return tuple(check for check in watch.policy.checks if _speaks(check, watch.copies))


def _speaks(check: Check, copies: int) -> bool:
    if check.error_rate:
        return copies > 0 or check.error_rate.objective is not None
    if check.predictions:
        return copies > 0
    if check.latency:
        return copies == 100
    return check.agreement is None and check.quality is None
