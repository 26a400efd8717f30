"""Many looks at once come to what the engine makes of them one by one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadsman.api.evidence import Evidence, LatencyBound, Verdict
from leadsman.core import evidence
from leadsman.core.evidence import EvidenceSpec, Look, Minute
from leadsman.simulation.block import ArmColumns, Block, Circumstances, Exposure, draw
from leadsman.simulation.scenario import Arm, Scenario
from leadsman.simulation.stretch import Stretch
from unit.simulation.policies import AGREEMENT, ERRORS, LATENCY, OBJECTIVE

BEGAN = 86_400.0
BOUNDS = tuple(
    LatencyBound(quantile=quantile, stable=bound, candidate=bound * 1.2, tolerated=tolerated)
    for quantile, bound, tolerated in ((0.5, 0.02, 0.66), (0.95, 0.04, 0.1), (0.99, 0.05, 0.02))
)
CHECKS = {
    "errors": (ERRORS,),
    "errors against an objective": (OBJECTIVE,),
    "latency": (LATENCY,),
    "all that can be foreseen": (OBJECTIVE, LATENCY, AGREEMENT),
}
ARMS = st.builds(
    Arm, errors=st.sampled_from((0.0, 0.005, 0.05, 0.4, 1.0)), latency_ms=st.sampled_from((15.0, 20.0, 26.0, 60.0))
)
SCENARIOS = st.builds(
    Scenario,
    rps=st.sampled_from((0.05, 0.7, 4.0, 60.0)),
    stable=ARMS,
    candidate=ARMS,
    clump=st.sampled_from((1, 1, 5)),
    disagreement=st.sampled_from((0.0, 0.04, 0.3)),
)
EXPOSURES = st.sampled_from((Exposure(weight=0.05), Exposure(weight=0.5), Exposure(weight=0.95), Exposure(shadow=1.0)))
HISTORY = [Minute(minute, 60, minute % 7 == 0) for minute in range(-300, 0)]


def looks_of(block: Block, seconds: int) -> list[Look]:
    """The looks of a block, one by one."""
    return [
        Look(
            at=BEGAN + (number + 1) * seconds,
            candidate=block.candidate.at(number),
            stable=block.stable.at(number),
            pairs=block.pairs_at(number),
        )
        for number in range(block.end)
    ]


def drawn(spec: EvidenceSpec, scenario: Scenario, exposure: Exposure, seed: int, seconds: int) -> Block:
    """A block of forty looks."""
    random = np.random.default_rng(seed)
    arrivals = random.poisson(scenario.rps * seconds, 40)
    outage = np.where(np.arange(40) < 10, 0.3 * (seed % 2), 0.0)
    return draw(Circumstances(scenario, spec, exposure, BOUNDS), 0, arrivals, outage, random)


def begun(spec: EvidenceSpec, *, with_history: bool) -> Evidence:
    """The evidence of a rollout whose latency bounds are chosen."""
    state = evidence.begin(spec, "candidate", "stable", BEGAN, HISTORY if with_history else ())
    return evidence.absorb(spec, state, Look(at=BEGAN, bounds=BOUNDS)) if spec.latency else state


def figures(state: Evidence) -> dict[str, Any]:
    """All that a verdict depends on, in a form that can be compared; what has seen nothing may be missing."""
    dumped = state.model_dump(exclude={"rate", "counted_at"})
    seen = [one for one in dumped["comparisons"] if one["candidate"]["requests"] + one["stable"]["requests"]]
    agreement = dumped["agreement"]
    return {
        **dumped,
        "comparisons": seen,
        "agreement": agreement if agreement and agreement["totals"]["requests"] else None,
    }


def approximately(expected: Any) -> Any:
    """The same, up to rounding."""
    if isinstance(expected, dict):
        return {key: approximately(value) for key, value in expected.items()}
    if isinstance(expected, list | tuple):
        return type(expected)(map(approximately, expected))
    return pytest.approx(expected, rel=1e-6, abs=1e-6) if isinstance(expected, float) else expected


@pytest.mark.parametrize("checks", CHECKS.values(), ids=CHECKS)
@settings(max_examples=30, deadline=None)
@given(
    scenario=SCENARIOS,
    exposure=EXPOSURES,
    seed=st.integers(0, 999),
    seconds=st.sampled_from((1, 10, 100)),
    with_history=st.booleans(),
    split=st.integers(0, 39),
)
def test_a_stretch_is_what_the_engine_makes_of_its_looks(
    checks: Any, scenario: Scenario, exposure: Exposure, seed: int, *, seconds: int, with_history: bool, split: int
) -> None:
    spec = EvidenceSpec.of(0.01, checks)
    block = drawn(spec, scenario, exposure, seed, seconds)
    looks = looks_of(block, seconds)
    state = begun(spec, with_history=with_history)
    for look in looks[:split]:
        state = evidence.absorb(spec, state, look)
    in_shadow = bool(exposure.shadow)
    owed = spec if in_shadow else replace(spec, agreement=None)
    stretch = Stretch(spec, state, block, np.array([look.at for look in looks[split:]]))
    for number, look in enumerate(looks[split:]):
        state = evidence.absorb(spec, state, look)
        assert figures(stretch.evidence_after(number + 1)) == approximately(figures(state))
        verdict = evidence.verdict(spec, state, look.at)
        assert verdict is not Verdict.FAIL or stretch.next_fail(number) == number
        passes = evidence.verdict(owed, state, look.at) is Verdict.PASS
        assert not passes or stretch.next_pass(number, in_shadow=in_shadow) == number


def test_few_looks_are_held_to_be_decisive_that_are_not() -> None:
    # Each costs a thousand times as much as one that is passed over.
    spec = EvidenceSpec.of(0.01, (ERRORS, LATENCY))
    scenario = Scenario(rps=20)
    exposure = Exposure(weight=0.05)
    random = np.random.default_rng(5)
    block = draw(Circumstances(scenario, spec, exposure, BOUNDS), 0, random.poisson(40, 1000), np.zeros(1000), random)
    state = begun(spec, with_history=True)
    stretch = Stretch(spec, state, block, BEGAN + 2.0 * np.arange(1, 1001))
    passes = []
    for look in looks_of(block, 2):
        state = evidence.absorb(spec, state, look)
        passes.append(evidence.verdict(spec, state, look.at) is Verdict.PASS)
    first = passes.index(True)
    assert first > 50
    assert first - 5 < stretch.next_pass(0, in_shadow=False) <= first
    assert stretch.next_fail(0) == stretch.length == 1000


def test_a_block_is_read_look_by_look_as_it_was_drawn() -> None:
    columns = ArmColumns(
        *(np.array([10 * row, 10 * row + 1]) for row in range(3)), np.array([[7, 8], [5, 6]]), *4 * [np.array([1, 2])]
    )
    counts = columns.at(1)
    assert (counts.requests, counts.errors, counts.answered, counts.slower) == (1, 11, 21, (8, 6))
    assert (counts.labelled, counts.wrong, counts.predicted, counts.top) == (2, 2, 2, 2)
