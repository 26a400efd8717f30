"""The picture of a demo: the candidate's weight, the errors that users saw, and the evidence, over the same time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from demo.records import Mark, Request
from demo.timeline import Point

_COLOURS = {"1": "#8d99ae", "2": "#2a9d8f", "3": "#d1495b"}
_CHECK_COLOURS = ("#d1495b", "#7b2d8b", "#edae49", "#30638e")
_DPI = 150
_INK = "#2b2d42"


@dataclass(frozen=True)
class Decision:
    """A decision of the operator, to be written into the picture."""

    at: float
    text: str
    bad: bool = False


@dataclass(frozen=True)
class Picture:
    """All that the chart shows; times are Unix seconds."""

    began: float
    ended: float
    looks: Sequence[Point]
    receipts: Sequence[Point]
    """The evidence that decisions rested on: the last of it is nowhere else, since the candidate is gone then."""
    requests: Sequence[Request]
    marks: Sequence[Mark]
    decisions: Sequence[Decision]


def draw(picture: Picture, *paths: Path) -> None:
    """Draw the chart into the files, in the formats that their names say."""
    style: dict[Any, Any] = {"font.size": 9, "axes.edgecolor": "#adb5bd", "text.color": _INK, "axes.labelcolor": _INK}
    style |= {"svg.hashsalt": "leadsman", "font.family": "DejaVu Sans"}
    with plt.rc_context(style):
        figure, axes = plt.subplots(
            3, 1, figsize=(12, 7.6), sharex=True, gridspec_kw={"height_ratios": [1.3, 1, 1.2], "hspace": 0.12}
        )
        _traffic(axes[0], picture)
        _errors(axes[1], picture)
        _evidence(axes[2], picture)
        for axis in axes:
            _phases(axis, picture)
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(axis="y", color="#e9ecef", linewidth=0.8)
            axis.set_axisbelow(True)
            axis.set_xlim(0, picture.ended - picture.began)
        _headings(axes[0], picture)
        _decisions(axes[0], picture)
        axes[-1].set_xlabel("seconds since version 1 took its first request")
        figure.align_ylabels(axes)
        figure.suptitle(
            "Leadsman: a good version is promoted, a bad one taken back, a wrong one refused",
            x=0.075,
            y=0.975,
            ha="left",
            weight="bold",
            size=13,
        )
        for path in paths:
            figure.savefig(
                path, dpi=_DPI, bbox_inches="tight", metadata={"Date": None} if path.suffix == ".svg" else None
            )
        plt.close(figure)


def per_second(picture: Picture) -> tuple[list[int], dict[str, list[int]], list[int]]:
    """Return seconds since the beginning, answers in each by version, and failed requests in each."""
    seconds = list(range(max(1, int(picture.ended - picture.began) + 1)))
    versions = sorted({request.version for request in picture.requests if request.version})
    answers = {version: [0] * len(seconds) for version in versions}
    failed = [0] * len(seconds)
    for request in picture.requests:
        second = int(request.at - picture.began)
        if 0 <= second < len(seconds):
            failed[second] += request.failed
            if request.version:
                answers[request.version][second] += 1
    return seconds, answers, failed


def _traffic(axis: Axes, picture: Picture) -> None:
    """Who answered, second by second, and the weight that was asked for."""
    seconds, answers, _ = per_second(picture)
    total = [max(1, sum(column)) for column in zip(*answers.values(), strict=True)] if answers else []
    # The newest at the bottom, where the weight of the candidate is drawn over its share.
    newest_first = sorted(answers, reverse=True)
    shares = [[100 * n / of for n, of in zip(answers[v], total, strict=True)] for v in newest_first]
    if shares:
        axis.stackplot(
            [second + 0.5 for second in seconds],
            shares,
            labels=[f"answered by version {version}" for version in newest_first],
            colors=[_COLOURS.get(version, "#adb5bd") for version in newest_first],
            alpha=0.55,
            step="mid",
            linewidth=0,
        )
    times, weights = candidate_weights(picture.looks)
    times = [at - picture.began for at in times]
    axis.step(times, weights, where="post", color=_INK, linewidth=1.8, label="weight of the candidate")
    axis.set_ylim(0, 100)
    axis.set_ylabel("% of requests")
    _legend(axis)


def candidate_weights(looks: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return times and the weight of the candidate at them: up to where it ended, at 100 or 0, and NaN between two."""
    times: list[float] = []
    weights: list[float] = []
    on_trial = ""
    for look in looks:
        if look.version and look.version != on_trial:
            on_trial = look.version
        # The status says that the trial is over a moment before the route is changed.
        over = bool(on_trial) and not look.version and len(look.weights) == 1
        if on_trial:
            times.append(look.at)
            weights.append(float(look.weights.get(on_trial, 0)))
        if over:
            times.append(look.at)
            weights.append(float("nan"))
            on_trial = ""
    return times, weights


def _errors(axis: Axes, picture: Picture) -> None:
    seconds, answers, failed = per_second(picture)
    totals = [sum(column[second] for column in answers.values()) or 1 for second in seconds]
    rates = [100 * bad / max(bad, total) for bad, total in zip(failed, totals, strict=True)]
    axis.bar(
        [second + 0.5 for second in seconds],
        rates,
        width=1.0,
        color="#d1495b",
        label="failed requests, per second",
    )
    highest = max(10.0, 1.35 * max(rates, default=0))
    if hit := [second for second in seconds if failed[second]]:
        axis.annotate(
            f"{sum(failed)} requests of users failed",
            (hit[0], max(rates)),
            xytext=(-8, 8),
            textcoords="offset points",
            ha="right",
            color="#d1495b",
            weight="bold",
        )
    axis.set_ylim(0, highest)
    axis.set_ylabel("% of users with an error")
    _legend(axis)


def _evidence(axis: Axes, picture: Picture) -> None:
    points = sorted([*picture.looks, *picture.receipts], key=lambda point: point.at)
    times = [point.at - picture.began for point in points]
    names = sorted({name for point in points for name in point.harm})
    for colour, name in zip(_CHECK_COLOURS, names, strict=False):
        for what, line in (("harm", "-"), ("promotion", ":")):
            values = [100 * getattr(point, what).get(name, float("nan")) for point in points]
            label = f"{name}: harm" if what == "harm" else f"{name}: proof for the next step"
            axis.plot(times, values, line, color=colour, linewidth=2.2 if what == "harm" else 1.4, label=label)
    axis.axhline(100, color=_INK, linewidth=0.9, linestyle="--")
    axis.text(0.003, 101.5, "enough to decide", transform=axis.get_yaxis_transform(), size=8)
    axis.set_ylim(0, 119)
    axis.set_yticks(range(0, 101, 25))
    axis.set_ylabel("evidence, % of what decides")
    if names:
        _legend(axis)


def _phases(axis: Axes, picture: Picture) -> None:
    ends = [*(mark.at for mark in picture.marks), picture.ended]
    for number, (start, end) in enumerate(pairwise(ends)):
        if number % 2:
            axis.axvspan(start - picture.began, end - picture.began, color="#f1f3f5", zorder=-2)
        if number:
            axis.axvline(start - picture.began, color="#ced4da", linewidth=0.8, zorder=-1)


def _headings(axis: Axes, picture: Picture) -> None:
    ends = [*(mark.at for mark in picture.marks), picture.ended]
    for number, (mark, (start, end)) in enumerate(zip(picture.marks, pairwise(ends), strict=True)):
        middle = (max(start, picture.began) + end) / 2 - picture.began
        text = mark.phase.replace("version ", "v")
        axis.annotate(
            text,
            (middle, 1.02 + 0.07 * (number % 2)),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
            size=8.5,
            weight="bold",
            annotation_clip=False,
        )


def _decisions(axis: Axes, picture: Picture) -> None:
    close, last, low = 0.02 * (picture.ended - picture.began), float("-inf"), False
    for decision in picture.decisions:
        at = decision.at - picture.began
        # One that comes right after another is written below it.
        low = at - last < close and not low
        last = at
        colour = "#d1495b" if decision.bad else _INK
        axis.plot([at], [97], marker="v", color=colour, markersize=6, clip_on=False, zorder=5)
        axis.annotate(
            decision.text,
            (at, 54 if low else 94),
            xytext=(4, -1),
            textcoords="offset points",
            rotation=90,
            va="top",
            ha="left",
            size=7.5,
            color=colour,
            weight="bold" if decision.bad else "normal",
            bbox={"boxstyle": "square,pad=0.15", "facecolor": "white", "alpha": 0.65, "linewidth": 0},
        )


def _legend(axis: Axes) -> None:
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5), frameon=False, fontsize=8.5, handlelength=1.8)
