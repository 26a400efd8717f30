"""Do the candidate's containers end too often? The requests that they take with them are in no counter.

If a pod's containers end at most `r0` times a day, independently, then `prod (r / r0)^x exp(-(r - r0) t)` over the
crashes `x` in `t` pod-days has mean at most 1 for every `r > r0`: the likelihood ratio of Poisson processes.
"""

from math import inf, log

from leadsman.api.evidence import ArmCrashes, Crashes
from leadsman.core.evidence.processes import mixture
from leadsman.core.evidence.samples import ArmCounts

_TIMES_MORE = (10.0, 100.0, 1000.0, 10000.0)
_DAY = 86400.0
_SMALL = log(5)


def observe(crashes: Crashes, at_most_per_day: float, candidate: ArmCounts, stable: ArmCounts) -> Crashes:
    """Add what one look brought."""
    after = Crashes.model_construct(
        candidate=_plus(crashes.candidate, candidate), stable=_plus(crashes.stable, stable), shared=crashes.shared
    )
    if after.shared or _log_excess(after.stable, at_most_per_day) < _SMALL:
        return after
    return after.model_copy(update={"shared": True})


def log_harm(crashes: Crashes, at_most_per_day: float) -> float:
    """Return the log of the evidence against "the candidate's containers end no more often than is tolerated".

    None, where the stable revision's end too often as well: a node short of memory is not the candidate's fault.
    """
    return -inf if crashes.shared else _log_excess(crashes.candidate, at_most_per_day)


def in_trouble_together(crashes: Crashes, at_most_per_day: float) -> bool:
    """Whether the containers of both end too often: nobody's fault, and no time to go on."""
    return crashes.shared and _log_excess(crashes.candidate, at_most_per_day) >= _SMALL


def per_day(arm: ArmCrashes) -> float | None:
    """Return the crashes a day and pod; None before anything was watched."""
    return arm.count / (arm.pod_seconds / _DAY) if arm.pod_seconds >= 1 else None


def _log_excess(arm: ArmCrashes, at_most_per_day: float) -> float:
    expected = at_most_per_day * arm.pod_seconds / _DAY
    return mixture([arm.count * log(times) - (times - 1) * expected for times in _TIMES_MORE], 1.0)


def _plus(arm: ArmCrashes, look: ArmCounts) -> ArmCrashes:
    return ArmCrashes.model_construct(count=arm.count + look.crashes, pod_seconds=arm.pod_seconds + look.pod_seconds)
