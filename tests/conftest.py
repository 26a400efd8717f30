"""Options that every level of tests shares."""

import pytest
from hypothesis import settings

# How long an example takes depends on who else uses the machine; speed is for the benchmarks.
settings.register_profile("leadsman", deadline=None)
settings.load_profile("leadsman")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write the golden files instead of comparing them.")
    parser.addoption("--faults-full", action="store_true", help="Run every kill and every schedule of tests/faults.")
    parser.addoption("--faults-seed", type=int, default=1, help="The first seed of the schedules of tests/faults.")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written."""
    return bool(request.config.getoption("--update-golden"))
