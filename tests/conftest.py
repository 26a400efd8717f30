"""Options that every level of tests shares."""

import pytest
from hypothesis import settings

# How long an example takes depends on who else uses the machine; speed is for the benchmarks.
settings.register_profile("leadsman", deadline=None)
settings.load_profile("leadsman")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write the golden files instead of comparing them.")
    parser.addoption("--full", action="store_true", help="Run every kill, every schedule and every load.")
    parser.addoption("--faults-seed", type=int, default=1, help="The first seed of the schedules of tests/faults.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `full` takes long, and shows little that its neighbours do not."""
    if config.getoption("--full"):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))
