"""The benchmark's picture: every rollback's time, beside the bounds of others."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.rollback.report import BOUNDS, title
from benchmarks.rollback.results import Results, median_and_worst

_INK, _OURS, _OTHERS = "#2b2d42", "#2a9d8f", "#b56576"
_SPREAD = 0.18


def draw(found: Results, path: Path) -> None:
    """Draw everything and write it."""
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "rollback", "axes.edgecolor": _INK, "text.color": _INK})
    rows = len(found.cells) + len(BOUNDS)
    figure, axes = plt.subplots(figsize=(8.6, 0.42 * rows + 1.1))
    _measured(axes, found)
    for place, bound in enumerate(BOUNDS, start=len(found.cells)):
        axes.plot([bound.seconds, bound.seconds + bound.window], [place, place], color=_OTHERS, linewidth=2, alpha=0.5)
        axes.plot([bound.seconds], [place], "|", color=_OTHERS, markersize=11, markeredgewidth=2)
    names = [f"Leadsman: {title(cell)}" for cell in found.cells]
    names += [f"{bound.tool}: {bound.settings}" for bound in BOUNDS]
    axes.set_yticks(range(rows), names)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="seconds from the first bad answer to weight 0")
    axes.set_xticks([1, 2, 5, 10, 20, 60, 120, 360], ["1", "2", "5", "10", "20", "1 min", "2 min", "6 min"])
    axes.minorticks_off()
    measured = "Leadsman: every rollback that was measured, and the median"
    axes.set_title(f"{measured}. Others: bounds, and with a minute's window", loc="right", fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _measured(axes: Axes, found: Results) -> None:
    for place, cell in enumerate(found.cells):
        times = sorted(one.written for one in cell.rounds)
        heights = [place + _SPREAD * ((number % 3) - 1) for number in range(len(times))]
        axes.plot(times, heights, "o", color=_OURS, markersize=3.5, alpha=0.7, markeredgewidth=0)
        median = median_and_worst(times)[0]
        axes.plot([median, median], [place - 2 * _SPREAD, place + 2 * _SPREAD], color=_INK, linewidth=1.5)
