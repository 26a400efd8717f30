"""Backtests: what a policy would have done with the releases of the past, from recordings or from raw counters."""

from leadsman.core.backtest.findings import Fate, Finding, find, judge
from leadsman.core.backtest.releases import Release, releases
from leadsman.core.backtest.summary import CAVEATS, difference, spoken, summary
from leadsman.core.backtest.usable import countable

__all__ = [
    "CAVEATS",
    "Fate",
    "Finding",
    "Release",
    "countable",
    "difference",
    "find",
    "judge",
    "releases",
    "spoken",
    "summary",
]
