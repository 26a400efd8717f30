"""The benchmark's picture: false rollbacks by traffic and clumps, and time to detection above its floor."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.evidence.cells import CLUMPS, RATES, WITH_OBJECTIVE
from benchmarks.evidence.results import Result

_COLOURS = ("#2a9d8f", "#30638e", "#edae49", "#d1495b")
_INK = "#2b2d42"


def draw(found: Mapping[str, Sequence[Result]], path: Path) -> None:
    """Draw both and write them."""
    plt.rcParams.update({"font.size": 9, "svg.hashsalt": "evidence", "axes.edgecolor": _INK, "text.color": _INK})
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
    _guarantee(left, found["guarantee"])
    _detection(right, found["detection"])
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _guarantee(axes: Axes, rows: Sequence[Result]) -> None:
    share = {row.cell: 100 * row.false_rollbacks for row in rows}
    for clump, colour in zip(CLUMPS, _COLOURS, strict=True):
        worst = [
            max(share[f"{kind}, {rps:g} rps, clumps of {clump}"] for kind in ("two-sample", WITH_OBJECTIVE))
            for rps in RATES
        ]
        axes.plot([f"{rps:g}" for rps in RATES], worst, marker="o", color=colour, label=f"clumps of {clump}")
    axes.axhline(1.0, color=_INK, linestyle="--", linewidth=1)
    axes.text(0, 1.03, "budget", fontsize=8)
    axes.set(xlabel="requests per second", ylabel="%", title="Healthy candidates rolled back", ylim=(0, 1.4))
    axes.legend(frameon=False)


def _detection(axes: Axes, rows: Sequence[Result]) -> None:
    names = [row.cell for row in rows]
    places = range(len(rows))
    axes.barh(places, [row.median_seconds or 0 for row in rows], color=_COLOURS[0], label="median")
    axes.plot([row.p90_seconds or 0 for row in rows], places, "|", color=_INK, markersize=10, label="p90")
    axes.plot([row.floor or 0 for row in rows], places, "o", color=_COLOURS[3], label="Wald's floor")
    axes.set_yticks(list(places), names)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="seconds", title="Harmful candidates found")
    axes.legend(frameon=False)
