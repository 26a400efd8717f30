"""`make bench-serving`: this server and others around the same ONNX model, on one core. Writes beside this file.

python -m benchmarks.serving.run [--quick] [--subjects leadsman,floor,...] [--out DIRECTORY]
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving import machine, models, report
from benchmarks.serving.load import Generator
from benchmarks.serving.measure import Bench, Cell, Plan, Start
from benchmarks.serving.subjects import OURS, SUBJECTS, Subject

_ROOT = Path(__file__).parents[2]
_WHOLE = Plan(seconds=4, warm_up=1, connections=(1, 8, 32, 128), starts=3)
_QUICK = Plan(seconds=2, warm_up=1, connections=(32,), starts=1)


def main() -> None:
    """Run everything and write table and chart."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    server_core, generator_core = machine.two_cores()
    os.sched_setaffinity(0, {generator_core})
    subjects = [subject for subject in SUBJECTS if subject.key in options.subjects]
    pythons = {subject.key: _python(subject) for subject in subjects}
    generator = Generator(_printed("hack/wrk.sh"), generator_core)
    plan = _QUICK if options.quick else _WHOLE
    cells: list[Cell] = []
    starts: list[Start] = []
    with tempfile.TemporaryDirectory(prefix="bench-serving-") as work:
        payloads = [one for one in models.make(Path(work)) if options.payload in one.name]
        print(f"ONNX Runtime alone: {models.describe(payloads)}", flush=True)
        bench = Bench(server_core, generator, Path(work), plan, lambda subject: pythons[subject.key], _tell)
        for subject in subjects:
            more, begun = bench.measure(subject, payloads)
            cells += more
            starts += begun
            for start in begun:
                print(report.start_line(start), flush=True)


def _tell(cell: Cell) -> None:
    print(report.line(cell), flush=True)


def _python(subject: Subject) -> str:
    if subject.requirements is None:
        return sys.executable
    return f"{_printed('hack/side-venv.sh', subject.requirements)}/bin/python"


def _printed(script: str, *arguments: str) -> str:
    return subprocess.run([_ROOT / script, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _leave(number: int, _: Any) -> None:
    # So that every `finally` on the way out takes its server away.
    sys.exit(128 + number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    known = [subject.key for subject in SUBJECTS]
    parser.add_argument("--quick", action="store_true", help="two seconds a cell, and 32 connections only")
    parser.add_argument("--subjects", type=lambda text: text.split(","), default=known, help=",".join(known))
    parser.add_argument("--payload", default="", help="only payloads whose name contains this")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if OURS not in options.subjects:
        parser.error(f"--subjects needs {OURS}: the others are compared with it, and the floor repeats its answers")
    return options


if __name__ == "__main__":
    main()
