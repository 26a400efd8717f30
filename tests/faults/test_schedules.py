"""Whatever happens to its requests, the operator comes to the same end by the same weights."""

from collections.abc import Callable

import pytest

from faults.scenarios import SCENARIOS
from faults.schedule import Seeded

pytestmark = pytest.mark.apiserver

_SEEDS = 100
_SEEDS_OF_A_SHORT_RUN = 1


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_faults_at_random_change_neither_the_end_nor_the_weights(
    hurt: Callable[..., object], subtests: pytest.Subtests, scenario: str, full: bool, request: pytest.FixtureRequest
) -> None:
    await hurt(scenario, lambda _: None)
    first = request.config.getoption("--faults-seed")
    for seed in range(first, first + (_SEEDS if full else _SEEDS_OF_A_SHORT_RUN)):
        with subtests.test(f"--faults-seed={seed}"):
            await hurt(scenario, Seeded(seed))
