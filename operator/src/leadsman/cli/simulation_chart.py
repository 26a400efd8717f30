"""Weights and evidence of some simulated runs, drawn as an SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from leadsman.simulation import End, Trajectory

_COLOURS = {End.PROMOTED: "#2e7d32", End.ROLLED_BACK: "#c62828", End.HELD: "#b26a00"}
# The same figures give the same file.
_STYLE: dict[Any, Any] = {"svg.hashsalt": "leadsman", "svg.fonttype": "none", "font.size": 9.0}


def draw(path: Path, name: str, trajectories: Sequence[Trajectory]) -> None:
    """Draw the trajectories, with their readings. Raises OSError where the file cannot be written."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 6), layout="constrained")
        weights, harm, promotion = figure.subplots(3, 1, sharex=True)
        for trajectory in trajectories:
            _weights(weights, trajectory)
            minutes = [reading.seconds / 60 for reading in trajectory.readings]
            colour = _COLOURS[trajectory.outcome.end]
            harm.plot(minutes, [reading.harm for reading in trajectory.readings], color=colour, lw=1)
            promotion.plot(minutes, [reading.promotion for reading in trajectory.readings], color=colour, lw=1)
        weights.set(ylabel="candidate's share, %", ylim=(-3, 103))
        harm.set(ylabel="evidence of harm", ylim=(-0.03, 1.06))
        promotion.set(ylabel="evidence for the step", ylim=(-0.03, 1.06), xlabel="minutes")
        for axes in (harm, promotion):
            axes.axhline(1, color="#555555", lw=0.8, ls="--")
        _legend(figure, weights, {trajectory.outcome.end for trajectory in trajectories})
        figure.suptitle(f"{name}: {len(trajectories)} simulated rollouts", x=0.02, ha="left")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _legend(figure: Figure, axes: Axes, ends: set[End]) -> None:
    for end in sorted(ends):
        axes.plot([], [], color=_COLOURS[end], label=end)
    axes.plot([], [], color="#555555", ls=":", label="share of copies")
    axes.plot([], [], color="#555555", lw=0.8, ls="--", label="enough for a verdict")
    figure.legend(loc="outside upper right", ncols=len(ends) + 2, frameon=False)


def _weights(axes: Axes, trajectory: Trajectory) -> None:
    """Draw the share of requests that the candidate answers, and dotted the share that it gets copies of."""
    outcome, colour = trajectory.outcome, _COLOURS[trajectory.outcome.end]
    starts = [since / 60 for since, _ in trajectory.exposures]
    shares = [exposure.weight * 100 for _, exposure in trajectory.exposures]
    copies = [exposure.shadow * 100 for _, exposure in trajectory.exposures]
    last = 100.0 if outcome.end is End.PROMOTED else 0.0 if outcome.end is End.ROLLED_BACK else shares[-1]
    axes.step([*starts, outcome.seconds / 60], [*shares, last], where="post", color=colour, lw=1)
    if any(copies):
        axes.step([*starts, outcome.seconds / 60], [*copies, 0.0], where="post", color=colour, lw=1, ls=":")
