"""A real Prometheus server on loopback, and pods that it can scrape."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from prometheus.server import PrometheusProcess, running

ROOT = Path(__file__).parents[2]
Start = Callable[..., PrometheusProcess]


@pytest.fixture(scope="session")
def program() -> Path:
    """Prometheus itself; fetched on the first use of a fresh machine."""
    found = subprocess.run([ROOT / "hack" / "prometheus.sh"], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"needs Prometheus: {found.stderr.strip().splitlines()[-1]}")
    return Path(found.stdout.strip())


@pytest.fixture
def start(program: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts servers that end with the test. `scraped` are addresses, each with the labels of its target."""
    numbers = count(1)
    with ExitStack() as stack:

        def one(*, scraped: dict[str, dict[str, str]] | None = None, past: str | None = None) -> PrometheusProcess:
            return stack.enter_context(running(program, tmp_path / f"server-{next(numbers)}", scraped or {}, past))

        yield one
