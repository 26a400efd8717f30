"""The benchmark's picture: throughput of each payload by connections, and the tail beside the median."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.serving.report import CONNECTIONS, PAYLOAD
from benchmarks.serving.results import Results
from benchmarks.serving.subjects import FLOOR, OURS

_INK = "#2b2d42"
_COLOURS = ("#d1495b", "#e39aa4", "#30638e", "#8fb1cc", "#edae49", "#7d5ba6", "#5f6c7b")
_HIDDEN = frozenset(("leadsman-unbatched",))


def draw(found: Results, path: Path) -> None:
    """Draw everything and write it."""
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "serving", "axes.edgecolor": _INK, "text.color": _INK})
    payloads = list(found.payloads)
    figure, axes = plt.subplots(1, len(payloads) + 1, figsize=(3.1 * len(payloads) + 3.4, 3.8), squeeze=False)
    for place, payload in zip(axes[0], payloads, strict=False):
        _throughput(place, found, payload)
    axes[0][0].set_ylabel("requests per second, one core")
    axes[0][0].legend(frameon=False, fontsize=7)
    _latency(axes[0][-1], found)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _throughput(axes: Axes, found: Results, payload: str) -> None:
    for subject in _shown(found):
        cells = [one for one in found.cells if (one.subject, one.payload, one.failure) == (subject, payload, "")]
        wide = 2.5 if subject == OURS else 1.2
        axes.plot(
            [str(one.connections) for one in cells],
            [one.per_second for one in cells],
            marker="o",
            markersize=3,
            linewidth=wide,
            color=_colour(found, subject),
            label=found.titles[subject],
            linestyle="--" if subject == FLOOR else "-",
        )
    axes.set(yscale="log", xlabel="connections", title=payload, ylim=(50, None))


def _latency(axes: Axes, found: Results) -> None:
    subjects = [one for one in _shown(found) if found.cell(one, PAYLOAD, CONNECTIONS)]
    for place, subject in enumerate(subjects):
        cell = found.cell(subject, PAYLOAD, CONNECTIONS)
        if cell:
            axes.plot([cell.p50, cell.p99], [place, place], color=_colour(found, subject), linewidth=3)
            axes.plot([cell.p50], [place], "o", color=_colour(found, subject))
    axes.set_yticks(range(len(subjects)), [found.titles[one] for one in subjects])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="ms, from p50 to p99", title=f"{PAYLOAD}, {CONNECTIONS} connections")


def _shown(found: Results) -> list[str]:
    return [one for one in found.subjects if one not in _HIDDEN]


def _colour(found: Results, subject: str) -> str:
    if subject in (OURS, FLOOR):
        return {OURS: "#2a9d8f", FLOOR: _INK}[subject]
    others = [one for one in _shown(found) if one not in (OURS, FLOOR)]
    return _COLOURS[others.index(subject) % len(_COLOURS)]
