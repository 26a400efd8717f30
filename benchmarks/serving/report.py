"""The benchmark's tables, for people. Pure."""

from collections.abc import Iterable

from benchmarks.serving.measure import Cell, Start
from benchmarks.serving.models import IMAGE, TABLE
from benchmarks.serving.results import Results
from benchmarks.serving.subjects import FLOOR, OURS

PAYLOAD, CONNECTIONS = "1x30 JSON", 32
"""Where the targets are set."""
_TIMES_KSERVE, _TIMES_MLSERVER, _OF_FLOOR = 15, 11, 0.7
_MOST_MIB, _MOST_SECONDS = 150, 1.5
_NEVER_BATCHING = "leadsman-unbatched"


def line(cell: Cell) -> str:
    """Return a cell's result as it comes, for the terminal."""
    what = f"{cell.subject:28s} {cell.payload:18s} {cell.connections:4d} connections "
    if cell.failure:
        return what + f"FAILED: {cell.failure}"
    return what + (
        f"{cell.per_second:8,.0f} req/s   p50 {cell.p50:8.2f} ms   p99 {cell.p99:8.2f} ms   "
        f"server {cell.server_busy:4.0%}, load {cell.generator_busy:4.0%} busy"
    )


def start_line(start: Start) -> str:
    """Return how a server started and what it weighs, for the terminal."""
    memory = start.memory
    return (
        f"{start.subject:28s} {start.model}: first answer after {start.median:.2f} s; "
        f"{memory.resident:.0f} MiB in {memory.processes} process{'es' if memory.processes > 1 else ''}"
    )


def markdown(found: Results, *, whole: bool = True) -> str:
    """Return the report; it says so when the run was not a whole one."""
    note = "" if whole else " **A short run: not for quoting.**"
    busiest = max((cell.generator_busy for cell in found.cells), default=0)
    parts = [
        "# The serving runtime beside others, measured",
        f"Written by `make bench-serving`; do not edit.{note} Ran on {found.machine}.",
        "Each server alone on one core, the load generator (wrk, one thread) on another: it was never busier than "
        f"{busiest:.0%} of its core. {found.plan.seconds} seconds a cell after {found.plan.warm_up} of warming up, one "
        "request at a time on each connection. Before that one answer was compared with ONNX Runtime's own; a cell "
        "counts only if every answer was 2xx and as long as that one. Latencies are wrk's, which reckons with requests "
        "that waited for a slow one before them (coordinated omission).",
        _models(found),
        "![chart](serving.svg)",
        f"## {PAYLOAD} at {CONNECTIONS} connections\n" + _main_table(found),
        "Memory is of all processes of a server after all its load with this model, what they share counted once. The "
        f"first answer is the first right one after the start of the process, the median of {found.plan.starts}.",
        "## What was to be reached\n" + _targets(found),
        *(f"## {payload}\n" + _grid(found, payload) for payload in found.payloads),
        "## With the image model\n" + _weights(found, IMAGE),
        "## How each is set up\n" + _settings(found),
        "## What this server could be made of\n" + _choices(found) if found.choices else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _models(found: Results) -> str:
    alone = ", ".join(f"{payload} {taken:.0f} µs" for payload, taken in found.payloads.items())
    return (
        "The rows of 30 go to scikit-learn's logistic regression of scaled features, trained on its breast cancer data "
        "and converted by skl2onnx, the image to one convolution with a stride of 8, the mean of each channel and a "
        f"dense layer. A run of ONNX Runtime alone, called from Python: {alone}. The floats in JSON are written as the "
        "doubles that they are, as numpy's clients do; with the binary tensor extension the answer is binary too."
    )


def _main_table(found: Results) -> str:
    rows = []
    for subject in found.subjects:
        cell, start = found.cell(subject, PAYLOAD, CONNECTIONS), found.start(subject, TABLE)
        if cell is None or start is None:
            rows.append([_title(found, subject), "failed", "", "", "", "", "", ""])
            continue
        rows.append(
            [
                _title(found, subject),
                f"{cell.per_second:,.0f}",
                _ratio(found, cell),
                _ms(cell.p50),
                _ms(cell.p99),
                f"{cell.cpu_microseconds:,.0f}",
                f"{start.memory.shared_once:.0f}" if subject != FLOOR else "-",
                f"{start.median:.2f}" if subject != FLOOR else "-",
            ]
        )
    heads = ["", "requests/s", "ours is", "p50, ms", "p99, ms", "CPU µs a request", "MiB", "first answer, s"]
    return _table(heads, rows)


def _ratio(found: Results, cell: Cell) -> str:
    ours = found.cell(OURS, cell.payload, cell.connections)
    return f"{ours.per_second / cell.per_second:.2f} x" if ours else "-"


def _targets(found: Results) -> str:
    ours, floor = found.cell(OURS, PAYLOAD, CONNECTIONS), found.cell(FLOOR, PAYLOAD, CONNECTIONS)
    start = found.start(OURS, TABLE)
    rows: list[list[str]] = []
    for key, wanted in (("kserve", _TIMES_KSERVE), ("mlserver", _TIMES_MLSERVER)):
        for subject in (key, f"{key}-defaults"):
            peer = found.cell(subject, PAYLOAD, CONNECTIONS)
            if ours and peer:
                times = ours.per_second / peer.per_second
                rows.append([f"{wanted} x {found.titles[subject]}", f"{times:.1f} x", _met(times >= wanted)])
    if ours and floor:
        share = ours.per_second / floor.per_second
        rows.append([f"{_OF_FLOOR} of the floor", f"{share:.2f}", _met(share >= _OF_FLOOR)])
    quickest = min(_peer_p50s(found), default=None)
    if ours and quickest:
        rows.append(
            [f"p99 below every other's p50, {_ms(quickest)} ms", f"{_ms(ours.p99)} ms", _met(ours.p99 < quickest)]
        )
    if start:
        mib, seconds = start.memory.resident, start.median
        rows.append([f"below {_MOST_MIB} MiB resident", f"{mib:.0f} MiB", _met(mib < _MOST_MIB)])
        rows.append([f"ready in less than {_MOST_SECONDS} s", f"{seconds:.2f} s", _met(seconds < _MOST_SECONDS)])
    return _table(["", "measured", ""], rows)


def _peer_p50s(found: Results) -> Iterable[float]:
    for subject in found.subjects:
        cell = found.cell(subject, PAYLOAD, CONNECTIONS)
        if cell and subject not in (OURS, FLOOR, _NEVER_BATCHING):
            yield cell.p50


def _met(met: bool) -> str:
    return "reached" if met else "**not reached**"


def _grid(found: Results, payload: str) -> str:
    heads = ["requests/s (p50 / p99 in ms)", *(f"{number} at once" for number in found.plan.connections)]
    rows = []
    for subject in found.subjects:
        cells = [one for one in found.cells if (one.subject, one.payload) == (subject, payload)]
        said = [_cell(one) for one in cells] or ["not supported"] * len(found.plan.connections)
        rows.append([_title(found, subject), *said])
    return _table(heads, rows)


def _cell(cell: Cell) -> str:
    if cell.failure:
        return "failed"
    latencies = f"{_ms(cell.p50)} / {_ms(cell.p99)}" if cell.has_latencies else "not enough answers"
    return f"{cell.per_second:,.0f} ({latencies})"


def _weights(found: Results, model: str) -> str:
    rows = [
        [_title(found, one.subject), f"{one.memory.shared_once:.0f}", f"{one.median:.2f}"]
        for one in found.starts
        if one.model == model and one.subject != FLOOR
    ]
    return _table(["", "MiB", "first answer, s"], rows)


def _settings(found: Results) -> str:
    rows = [[_title(found, subject), found.versions[subject], found.settings[subject]] for subject in found.subjects]
    return _table(["", "version", ""], rows) + (
        "\n\nAll run the same version of ONNX Runtime with one thread. "
        "BentoML and LitServe do not speak the Open Inference Protocol, so that they are asked in a form of their own."
    )


def _choices(found: Results) -> str:
    rows = [
        [one.subject, *("failed", "", "", "")]
        if one.failure
        else [one.subject, f"{one.per_second:,.0f}", _ms(one.p50), _ms(one.p99), f"{one.cpu_microseconds:.0f}"]
        for one in found.choices
    ]
    return (
        f"{PAYLOAD} at {CONNECTIONS} connections. All parse the body, run the model and write the answer with the same "
        "few lines, without our checks, metrics and protocol. `protocol` is no server at all but httptools' parser in "
        "an `asyncio.Protocol`.\n"
        + _table(["HTTP server, event loop, JSON codec", "requests/s", "p50, ms", "p99, ms", "CPU µs a request"], rows)
    )


def _title(found: Results, subject: str) -> str:
    return f"**{found.titles[subject]}**" if subject == OURS else found.titles[subject]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
