"""Prometheus as a subprocess, with targets that it scrapes every second, or with a past that was written for it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from apiserver.waiting import eventually
from serving.process import free_ports


@dataclass(frozen=True)
class PrometheusProcess:
    """A server that answers at `url`."""

    url: str

    def number(self, query: str) -> float:
        """The one number that a query gives; 0 where there is none."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": query}, trust_env=False)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def running(
    program: Path, directory: Path, scraped: dict[str, dict[str, str]], past: str | None
) -> Iterator[PrometheusProcess]:
    """Start a server, wait until it is ready, stop it at the end. `past` is OpenMetrics text with timestamps."""
    directory.mkdir()
    data = directory / "data"
    if past is not None:
        _write_past(program, directory / "past.txt", past, data)
    targets = [{"targets": [address], "labels": labels} for address, labels in scraped.items()]
    jobs = [{"job_name": "serving", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": targets}]
    (directory / "config.yaml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    (port,) = free_ports(1)
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'config.yaml'}",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--storage.tsdb.retention.time=10y",
            ],
            stderr=log,
        )
    server = PrometheusProcess(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: server.ready() or process.poll() is not None, "Prometheus is ready")
        assert process.poll() is None, (directory / "log").read_text()[-2000:]
        yield server
    finally:
        process.kill()  # nothing of it is kept
        process.wait()


def _write_past(program: Path, path: Path, past: str, data: Path) -> None:
    path.write_text(past)
    promtool = program.with_name("promtool")
    done = subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", path, data], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
