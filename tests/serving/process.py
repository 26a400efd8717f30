"""The real command as a subprocess."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

COMMAND = Path(sys.executable).with_name("leadsman-serving")
START_SECONDS = 30


@dataclass
class ServerProcess:
    """A running `leadsman-serving serve`. `url` is the inference port's, `infer_url` the model's."""

    process: subprocess.Popen[str]
    url: str
    metrics_url: str
    infer_url: str
    grpc_address: str
    log: list[str] = field(default_factory=list)
    announced: threading.Event = field(default_factory=threading.Event)
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read_log)

    def read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if line.startswith("serving model"):
                self.announced.set()
        self.announced.set()  # or it has died: nobody needs to wait any longer

    def wait_until_it_serves(self) -> None:
        assert self.announced.wait(START_SECONDS), self.log
        assert self.process.poll() is None, self.log

    @property
    def answers_url(self) -> str:
        return self.metrics_url.removesuffix("metrics") + "answers"

    @property
    def feedback_url(self) -> str:
        return self.infer_url.removesuffix("infer") + "feedback"

    @property
    def history_url(self) -> str:
        return self.metrics_url.removesuffix("metrics") + "history"

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Scrape: (name, the labels without model and revision) to value."""
        text = httpx.get(self.metrics_url).raise_for_status().text
        return {
            (sample.name, frozenset((k, v) for k, v in sample.labels.items() if k not in ("model", "revision"))): (
                sample.value
            )
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics()[(name, frozenset(labels.items()))]

    def most_memory(self) -> int:
        """The bytes that it ever had at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def stop(self) -> int:
        """Stop it and return its exit code; `log` is complete then."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.reader.join()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def serving(model_dir: Path, *options: str, stdout: int | None = None, **more: str) -> Iterator[ServerProcess]:
    """Start a server, wait until it says that it serves, stop it at the end."""
    with started(model_dir, *options, stdout=stdout, **more) as server:
        server.wait_until_it_serves()
        yield server


@contextmanager
def started(model_dir: Path, *options: str, stdout: int | None = None, **more: str) -> Iterator[ServerProcess]:
    """Start a server of the model "m", version "v1", revision "rev-a", with more environment; stop it at the end."""
    ports = free_ports(3)
    arguments = ["--host", "127.0.0.1", *port_arguments(ports)]
    arguments += ["--name", "m", "--version", "v1", "--revision", "rev-a", "--drain-delay", "0", *options]
    with running(["serve", str(model_dir), *arguments], ports, "m", stdout=stdout, **more) as server:
        yield server


def port_arguments(ports: list[int]) -> list[str]:
    return [
        word for pair in zip(("--port", "--grpc-port", "--metrics-port"), map(str, ports), strict=True) for word in pair
    ]


@contextmanager
def running(
    arguments: list[str], ports: list[int], model: str, stdout: int | None = None, **more: str
) -> Iterator[ServerProcess]:
    """Start the command with these arguments and environment; stop it at the end. Ports: HTTP, gRPC, metrics."""
    port, grpc_port, metrics_port = ports
    process = subprocess.Popen(
        [str(COMMAND), *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, env=clean_environment() | more
    )
    url = f"http://127.0.0.1:{port}"
    server = ServerProcess(
        process,
        url,
        f"http://127.0.0.1:{metrics_port}/metrics",
        f"{url}/v2/models/{model}/infer",
        f"127.0.0.1:{grpc_port}",
    )
    server.reader.start()
    try:
        yield server
    finally:
        server.stop()
        assert process.stderr is not None
        process.stderr.close()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment() | environment,
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without what would redirect the command to somewhere else."""
    unwanted = ("LEADSMAN_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT", "OTEL_")
    unwanted += ("AWS_", "GOOGLE_", "AZURE_", "HF_", "MLFLOW_")
    return {k: v for k, v in os.environ.items() if not k.upper().startswith(unwanted)}
