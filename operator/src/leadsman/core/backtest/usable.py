"""Which checks of a policy the past can answer for: what was not counted then cannot be judged now."""

from collections.abc import Iterable

from leadsman.api.checks import KINDS, Check
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.core.recording import Recording


def countable(policy: RolloutPolicySpec) -> tuple[RolloutPolicySpec | None, list[str]]:
    """Return the policy with the checks that raw counters can answer for, and a sentence about each other.

    None where no check is left.
    """
    lacks = {
        "agreement": "agreement is left out: counters do not tell which answers differed",
        "crashes": "crashes is left out: the counters of serving pods do not tell restarts",
    }
    found = kinds(policy.checks)
    kept = tuple(check for kind, check in found.items() if kind not in lacks)
    missing = [lacks[kind] for kind in found if kind in lacks]
    return (policy.model_copy(update={"checks": kept}) if kept else None), missing


def usable(policy: RolloutPolicySpec, recording: Recording) -> tuple[RolloutPolicySpec | None, list[str]]:
    """Return the policy with the checks that the recording can answer for, and a sentence about each other.

    None where no check is left: a policy without checks would pass everything.
    """
    kept: list[Check] = []
    missing: list[str] = []
    for check in policy.checks:
        lack = _lack(check, recording)
        if lack:
            missing.append(lack)
        else:
            kept.append(check)
    if not missing:
        return policy, []
    return (policy.model_copy(update={"checks": tuple(kept)}) if kept else None), missing


def kinds(checks: Iterable[Check]) -> dict[str, Check]:
    """The checks by kind; those of Prometheus by their names."""
    found = {}
    for check in checks:
        given = check.model_dump(by_alias=True, exclude_none=True)
        (kind,) = [kind for kind in KINDS if kind in given]
        found[f"prometheus {check.prometheus.name}" if check.prometheus else kind] = check
    return found


def _lack(check: Check, recording: Recording) -> str:
    """Why a check cannot be judged by the recording; empty when it can."""
    ((name, _),) = kinds([check]).items()
    known = kinds(recording.header.policy.checks)
    if check.error_rate or check.quality or check.crashes:
        return ""
    if name not in known:
        return f"{name} is left out: it was not recorded"
    recorded = known[name]
    if check.latency and recorded.latency and check.latency.tolerate_ratio != recorded.latency.tolerate_ratio:
        return (
            f"latency is left out: answers were counted by bounds for a tolerateRatio of "
            f"{recorded.latency.tolerate_ratio:g}, not {check.latency.tolerate_ratio:g}"
        )
    if check.agreement and recorded.agreement and check.agreement.tolerance != recorded.agreement.tolerance:
        return (
            f"agreement is left out: answers were compared with a tolerance of {recorded.agreement.tolerance:g}, "
            f"not {check.agreement.tolerance:g}"
        )
    if check.prometheus and recorded.prometheus and check.prometheus.query != recorded.prometheus.query:
        return f"{name} is left out: another query was recorded under this name"
    return ""
