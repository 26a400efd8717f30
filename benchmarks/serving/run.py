"""`make bench-serving`: this server and others around the same ONNX model, on one core. Writes beside this file.

python -m benchmarks.serving.run [--quick] [--subjects leadsman,floor,...] [--payload JSON] [--out DIRECTORY]
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.serving import chart, machine, models, report
from benchmarks.serving.choices import CHOICES
from benchmarks.serving.load import Generator
from benchmarks.serving.measure import Bench, Cell, Plan, Start
from benchmarks.serving.models import Payload
from benchmarks.serving.report import CONNECTIONS, PAYLOAD
from benchmarks.serving.results import Results
from benchmarks.serving.subjects import OURS, SUBJECTS, Subject

_ROOT = Path(__file__).parents[2]
_WHOLE = Plan(seconds=4, warm_up=1, connections=(1, 8, 32, 128), starts=3)
_QUICK = Plan(seconds=2, warm_up=1, connections=(CONNECTIONS,), starts=1)


@dataclass
class Progress:
    """Tells each cell as it comes, of `expected` ones."""

    expected: int
    done: int = field(default=0)

    def tell(self, cell: Cell) -> None:
        """Print a line."""
        self.done += 1
        print(f"[{self.done:3d}/{self.expected}] {report.line(cell)}", flush=True)


def main() -> None:
    """Run everything and write report and chart."""
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    server_core, generator_core = machine.two_cores()
    subjects = [subject for subject in SUBJECTS if subject.key in options.subjects]
    choices = CHOICES if options.choices else ()
    pythons = {subject.key: _python(subject) for subject in (*subjects, *choices)}
    generator = Generator(_printed("hack/wrk.sh"), generator_core)
    plan = _QUICK if options.quick else _WHOLE
    os.sched_setaffinity(0, {generator_core})
    with tempfile.TemporaryDirectory(prefix="bench-serving-", ignore_cleanup_errors=True) as directory:
        work = Path(directory)
        payloads = [one for one in models.make(work) if options.payload in one.name]
        progress = Progress(_expected(subjects, payloads, plan) + len(choices))
        bench = Bench(server_core, generator, work, plan, lambda subject: pythons[subject.key], progress.tell)
        cells, starts = _measure(bench, subjects, payloads)
        once = replace(bench, plan=replace(plan, connections=(CONNECTIONS,), starts=1))
        made_of, _ = _measure(once, choices, [one for one in payloads if one.name == PAYLOAD])
    found = Results(
        machine=machine.describe(),
        versions={subject.key: _version(pythons[subject.key], subject.package) for subject in subjects},
        titles={subject.key: subject.title for subject in subjects},
        settings={subject.key: subject.settings for subject in subjects},
        payloads={one.name: one.run_microseconds for one in payloads},
        plan=plan,
        cells=cells,
        starts=starts,
        choices=made_of,
    )
    _write(found, options.out, whole=len(subjects) == len(SUBJECTS) and not options.quick and not options.payload)
    if any(cell.failure for cell in (*cells, *made_of)):
        sys.exit("some cells have no figures; the lines above say why")


def _measure(bench: Bench, subjects: Sequence[Subject], payloads: Sequence[Payload]) -> tuple[list[Cell], list[Start]]:
    cells: list[Cell] = []
    starts: list[Start] = []
    for subject in subjects:
        more, begun = bench.measure(subject, payloads)
        cells += more
        starts += begun
        for start in begun:
            print(f"          {report.start_line(start)}", flush=True)
    return cells, starts


def _write(found: Results, out: Path, *, whole: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found.write(out / "results.json")
    (out / "README.md").write_text(report.markdown(found, whole=whole))
    chart.draw(found, out / "serving.svg")
    print(f"wrote README.md, results.json and serving.svg to {out}")


def _expected(subjects: Sequence[Subject], payloads: Sequence[Payload], plan: Plan) -> int:
    pairs = sum(one.dialect.binary or not payload.binary for one in subjects for payload in payloads)
    return pairs * len(plan.connections)


def _python(subject: Subject) -> str:
    if subject.requirements is None:
        return sys.executable
    return f"{_printed('hack/side-venv.sh', subject.requirements)}/bin/python"


def _version(python: str, package: str) -> str:
    program = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
    return _output([python, "-c", program, package])


def _printed(script: str, *arguments: str) -> str:
    return _output([str(_ROOT / script), *arguments])


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _leave(number: int, _: Any) -> None:
    # So that every `finally` on the way out takes its server away.
    sys.exit(128 + number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    known = [subject.key for subject in SUBJECTS]
    parser.add_argument("--quick", action="store_true", help=f"short cells, at {CONNECTIONS} connections only")
    parser.add_argument("--subjects", type=lambda text: text.split(","), default=known, help=",".join(known))
    parser.add_argument("--payload", default="", help="only payloads whose name contains this")
    parser.add_argument(
        "--choices", action=argparse.BooleanOptionalAction, default=True, help="what it could be made of"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    if unknown := set(options.subjects) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if OURS not in options.subjects:
        parser.error(f"--subjects needs {OURS}: the others are compared with it, and the floor repeats its answers")
    return options


if __name__ == "__main__":
    main()
