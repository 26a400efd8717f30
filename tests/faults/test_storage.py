"""An etcd that is killed under the API server, in the middle of a pass."""

from collections.abc import Callable

import pytest

from faults.scenarios import SCENARIOS
from faults.schedule import Fault, Request

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_an_etcd_that_is_killed_in_a_pass_changes_neither_the_end_nor_the_weights(
    hurt: Callable[..., object], scenario: str, full: bool
) -> None:
    def restarts(request: Request) -> Fault | None:
        return Fault.ETCD if request.number % (23 if full else 120) == 17 else None

    await hurt(scenario, lambda _: None)
    await hurt(scenario, restarts)
