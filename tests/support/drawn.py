"""Policies, and how a preflight stands, as hypothesis draws them."""

from datetime import timedelta

from hypothesis import strategies as st

from leadsman.api.preflight import PreflightRules
from leadsman.api.rolloutpolicy import (
    ApprovalRules,
    OnBadStable,
    OnInconclusive,
    RolloutPolicySpec,
    Shadow,
    Step,
    Until,
    WatchRules,
)
from leadsman.core.situation import Preflight

seconds = st.integers(0, 1200).map(lambda number: timedelta(seconds=number))
timing = {
    "min_duration": st.integers(0, 60).map(lambda number: timedelta(seconds=number)),
    "max_duration": st.integers(61, 600).map(lambda number: timedelta(seconds=number)),
    "until": st.sampled_from(Until),
}
shadows = st.builds(Step, shadow=st.builds(Shadow, percent=st.integers(1, 100)), **timing)
shares = st.builds(Step, weight=st.integers(1, 99), **timing)
gates = st.builds(
    Step,
    approval=st.builds(
        ApprovalRules,
        required=st.integers(1, 2),
        groups=st.sampled_from([(), ("risk",)]),
        not_by_author=st.booleans(),
    ),
    **timing,
)
preflights = st.sampled_from([Preflight(), Preflight(True), Preflight(False, message="no")])


def in_order(drawn: tuple[list[Step], list[tuple[int, Step]]]) -> tuple[Step, ...]:
    """In the order in which the API server takes them: shadow steps first, weights rising, approvals anywhere."""
    steps = sorted({one.weight: one for one in drawn[0]}.values(), key=lambda one: one.weight or 0)
    for at, gate in drawn[1]:
        steps.insert(at, gate)
    return tuple(steps)


policies = st.builds(
    RolloutPolicySpec,
    preflight=st.builds(PreflightRules, deadline=seconds),
    steps=st.tuples(
        st.lists(shadows | shares, min_size=1, max_size=4),
        st.lists(st.tuples(st.integers(0, 4), gates), max_size=2),
    ).map(in_order),
    on_bad_stable=st.sampled_from(OnBadStable),
    deadline=st.none() | seconds,
    watch=st.builds(WatchRules, copies=st.sampled_from([None, 0, 10, 100])),
    on_inconclusive=st.sampled_from(OnInconclusive),
    progress_deadline=seconds,
    keep_warm=seconds,
    interval=seconds,
)
