"""How long fetching a model of 2 GiB takes, and in how much memory, against a plain copy. `make bench-fetching`."""

import argparse
import datetime
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.fetching.report import Row, markdown, table
from benchmarks.serving.machine import describe
from packages.sources.models import with_data_in
from packages.sources.servers import ObjectServer, s3_server

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("leadsman-serving"))
_PIECE = 16 << 20
_PARTS = ("part0.bin", "part1.bin", "part2.bin", "part3.bin")


@dataclass(frozen=True)
class Taken:
    """What one run took: seconds, of them of a CPU, and MiB of memory at most."""

    seconds: float
    cpu: float
    mib: float


@dataclass(frozen=True)
class Place:
    """Somewhere that the model is: the plain command that copies a file from there, and the URI of the directory."""

    name: str
    uri: str
    copies: dict[str, list[str]]
    environment: dict[str, str]


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and write README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2048, help="The model's size.")
    parser.add_argument("--rounds", type=int, default=3, help="How often each is done.")
    parser.add_argument("--directory", type=Path, help="Where there is room for four times the model.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        size = make(directory / "source", options.mib)
        rows = list(measure_all(directory, options.rounds))
    print("\n".join(table(rows)))
    if options.mib == parser.get_default("mib"):
        (HERE / "README.md").write_text(markdown(rows, size, options.rounds, describe()))


def make(source: Path, mib: int) -> int:
    """Write a model with its weights in one file, and one with them in four. Returns the bytes of the weights."""
    source.mkdir()
    (source / "one.onnx").write_bytes(with_data_in("whole.bin"))
    (source / "four.onnx").write_bytes(with_data_in(*_PARTS))
    with (source / "whole.bin").open("wb") as whole:
        for part in _PARTS:
            with (source / part).open("wb") as file:
                for _ in range(mib // len(_PARTS) * (1 << 20) // _PIECE):
                    piece = os.urandom(_PIECE)
                    file.write(piece)
                    whole.write(piece)
        return whole.tell()


def measure_all(directory: Path, rounds: int) -> Iterator[Row]:
    """Yield a row for each place and way."""
    source = directory / "source"
    with http_server(source) as url, s3_server(directory, volume_mb=1024) as s3:
        fill(s3, source)
        for place in places(source, url, s3):
            ways = place.copies | {
                "fetch": [COMMAND, "fetch", f"{place.uri}/one.onnx"],
                "fetch, 4 files": [COMMAND, "fetch", f"{place.uri}/four.onnx"],
            }
            taken: dict[str, list[Taken]] = {way: [] for way in ways}
            for number in range(rounds):  # in turns, so that a busy minute is no way's alone
                for way, command in ways.items():
                    print(f"{place.name}, {way}: {number + 1} of {rounds}", file=sys.stderr)
                    taken[way].append(measure(command, directory / "target", place.environment))
            for way, runs in taken.items():
                seconds = [run.seconds for run in runs]
                cpu, mib = statistics.median(run.cpu for run in runs), max(run.mib for run in runs)
                yield Row(place.name, way, statistics.median(seconds), min(seconds), max(seconds), cpu, mib)


def places(source: Path, url: str, s3: ObjectServer) -> list[Place]:
    """Return where the model is."""
    both = 'cp "$0" "$1" && sha256sum "$1" >&2'
    store = S3Store("models", config=_config(s3), client_options={"allow_http": True})
    signed = obstore.sign(store, "GET", "m/whole.bin", datetime.timedelta(hours=2))
    return [
        Place(
            "file",
            str(source),
            {
                "cp": ["cp", str(source / "whole.bin")],
                "cp and sha256sum": ["sh", "-c", both, str(source / "whole.bin")],
            },
            {},
        ),
        Place("http", url, {"curl": ["curl", "-sSf", f"{url}/whole.bin", "-o"]}, {}),
        Place("s3", "s3://models/m", {"curl, signed URL": ["curl", "-sSf", signed, "-o"]}, s3.environment),
    ]


def measure(command: list[str], target: Path, environment: dict[str, str]) -> Taken:
    """Run a command to the end, the disk's part included, with the target as its last argument."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    last = str(target if command[0] == COMMAND else target / "whole.bin")
    began = time.monotonic()
    process = subprocess.Popen([*command, last], env=os.environ | environment, stderr=subprocess.DEVNULL)
    mib = 0.0
    while True:
        mib = max(mib, high_water(process.pid))  # what wait4 tells counts this process's memory, before the exec
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    subprocess.run(["sync", "-f", target], check=True)
    return Taken(time.monotonic() - began, usage.ru_utime + usage.ru_stime, mib)


def high_water(pid: int) -> float:
    """Return the most MiB that a process has had so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0  # it has none when it has ended


@contextmanager
def http_server(directory: Path) -> Iterator[str]:
    """Serve the files of a directory by a process of its own, from the kernel to the socket."""

    class Handler(SimpleHTTPRequestHandler):
        def copyfile(self, source: Any, _: object) -> None:
            self.connection.sendfile(source)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(directory)))
    pid = os.fork()
    if pid == 0:
        server.serve_forever()
    Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        os.kill(pid, 9)


def fill(s3: ObjectServer, source: Path) -> None:
    """Put the model into the bucket."""
    store = S3Store("models", config=_config(s3), client_options={"allow_http": True, "timeout": "10m"})
    for path in source.iterdir():
        obstore.put(store, f"m/{path.name}", path)


def _config(s3: ObjectServer) -> dict[str, str]:
    return {
        "endpoint": s3.environment["AWS_ENDPOINT_URL"],
        "access_key_id": s3.environment["AWS_ACCESS_KEY_ID"],
        "secret_access_key": s3.environment["AWS_SECRET_ACCESS_KEY"],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
