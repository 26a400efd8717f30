"""Whether the model loads, in how much memory, and how quickly it runs. Pure."""

from collections.abc import Sequence
from itertools import chain
from statistics import median

from leadsman_serving.preflight.figures import Estimate, estimate, percentile
from leadsman_serving.preflight.judge_stable import stable_is_gone
from leadsman_serving.preflight.measured import Demands, Measured, Stage, Times
from leadsman_serving.preflight.report import Check
from leadsman_serving.preflight.wording import (
    failed,
    not_reached,
    passed,
    skipped,
    spoken_bytes,
    spoken_seconds,
    warned,
)

_NEARLY = 0.9
"""Of the limit: whoever needs more memory than that has little left for requests."""


def load(measured: Measured, _: Demands) -> Check:
    """Say whether ONNX Runtime loads the model as the server would."""
    unreached = not_reached("load", measured)
    if unreached is not None:
        return unreached
    expected = "a model that loads as it will be served"
    trial = measured.candidate.trial
    failure = trial.failure
    if failure is not None and failure.stage is Stage.LOAD:
        if failure.memory:
            return skipped("load", "it was stopped while it loaded, for its memory")
        return failed("load", expected, "a failure", f"{failure.reason}; repair the model, or export it again")
    told = f"{spoken_seconds(trial.seconds or 0)}{_stable_seconds(measured)}"
    return passed("load", expected, told, f"loaded within {told}")


def _stable_seconds(measured: Measured) -> str:
    seconds = measured.stable.trial.seconds if measured.stable else None
    return "" if seconds is None else f" (stable: {spoken_seconds(seconds)})"


def memory(measured: Measured, demands: Demands) -> Check:
    """Hold the most memory that loading, answering and the largest batch took to the limit."""
    unreached = not_reached("memory", measured)
    if unreached is not None:
        return unreached
    trial, limit = measured.candidate.trial, demands.memory_limit
    expected = f"at most {spoken_bytes(limit)}" if limit else "any, as there is no limit"
    used = _peak(measured)
    advice = "raise the memory limit, or make the model smaller"
    if trial.failure is not None and trial.failure.memory:
        during = trial.failure.stage.value
        return failed("memory", expected, used or "more", f"{trial.failure.reason} while {during}; {advice}")
    if trial.peak is None:
        return skipped("memory", "not measured, as the model did not load")
    if limit and trial.peak > limit:
        return failed("memory", expected, used, f"it took {used}, and {expected} is there; {advice}")
    if limit and trial.peak > _NEARLY * limit:
        return warned(
            "memory", expected, used, f"it took {used} of {spoken_bytes(limit)}, which leaves little; {advice}"
        )
    rows = trial.batch.rows if trial.batch and trial.batch.error is None else 0
    after = f"after loading and a batch of {rows} rows" if rows > 1 else "after loading and its requests"
    return passed("memory", expected, used, f"it took {used} {after}")


def _peak(measured: Measured) -> str:
    peak = measured.candidate.trial.peak
    stable = measured.stable.trial.peak if measured.stable else None
    if peak is None:
        return ""
    return spoken_bytes(peak) + (f" (stable: {spoken_bytes(stable)})" if stable else "")


def latency(measured: Measured, demands: Demands) -> Check:
    """Hold the times of runs to the limit, and to stable's; what may be noise is no failure."""
    unreached = not_reached("latency", measured)
    if unreached is not None:
        return unreached
    expected = _expected(demands)
    failure = measured.candidate.trial.failure
    if failure is not None and failure.stage in (Stage.BATCH, Stage.TIME) and not failure.memory:
        return failed(
            "latency", expected, "a failure", f"{failure.reason} while {failure.stage.value}; repair the model"
        )
    ratio = demands.latency_ratio is not None and measured.stable is not None and not measured.same
    asked = demands.max_latency is not None or ratio
    if not measured.times:
        reason = measured.not_timed or "the model did not come so far"
        return _not_measured(expected, reason, asked=asked and failure is None)
    found = "; ".join(map(_told, measured.times))
    for times in measured.times:
        verdict = _against_limit(times, demands.max_latency) or _against_stable(times, demands.latency_ratio)
        if verdict is not None:
            sure, sentence = verdict
            return (failed if sure else warned)("latency", expected, found, sentence)
    gone = stable_is_gone("latency", measured, "--latency-ratio" if ratio else None, found)
    if gone is not None:
        return gone
    if ratio and not any(times.stable for times in measured.times):
        return _not_measured(expected, measured.not_timed or "stable was not timed", asked=True)
    batch = measured.candidate.trial.batch
    if batch is not None and batch.error is not None:
        message = (
            f"{found}; {batch.rows} rows at once are not taken ({batch.error}), so that requests are run one by one"
        )
        return warned("latency", expected, found, message)
    return passed("latency", expected, found, found)


def _not_measured(expected: str, reason: str, *, asked: bool) -> Check:
    """Of what is asked for, proof is owed: none is a failure."""
    if asked:
        return failed("latency", expected, "nothing to compare", f"runs could not be timed as asked: {reason}")
    return skipped("latency", f"not measured: {reason}")


def _expected(demands: Demands) -> str:
    told = []
    if demands.max_latency is not None:
        told.append(f"one row within {demands.max_latency:g} ms")
    if demands.latency_ratio is not None:
        told.append(f"at most {demands.latency_ratio:g} times stable's time")
    return ", ".join(told) or "any, as there is no limit"


def _against_limit(times: Times, most: float | None) -> tuple[bool, str] | None:
    """Return whether the limit is surely passed, and the sentence; None when it is kept. It holds for one row."""
    if most is None or times.rows != 1:
        return None
    took = estimate([1000 * median(each) for each in times.candidate])
    if took.middle <= most:
        return None
    told = f"a run of one row takes {took.middle:.3g} ms in the median, and {most:g} ms are allowed"
    return _sure(took, most, told)


def _against_stable(times: Times, most: float | None) -> tuple[bool, str] | None:
    """As `_against_limit`, by the ratio of each round's medians: what slows a machine down slows both sides."""
    if most is None or not times.stable:
        return None
    ratio = estimate(ratios(times))
    if ratio.middle <= most:
        return None
    told = f"a run of {_rows(times.rows)} takes {ratio.middle:.3g} times as long as stable's, and {most:g} are allowed"
    return _sure(ratio, most, told)


def _sure(found: Estimate, most: float, told: str) -> tuple[bool, str]:
    if found.low > most:
        return True, f"{told} (99 % sure: at least {found.low:.3g}); make the model quicker, or allow more"
    return False, f"{told}, but this may be noise (99 % sure: at least {found.low:.3g})"


def ratios(times: Times) -> list[float]:
    """Return how many times stable's median the candidate's is, in each round."""
    return [median(mine) / max(median(other), 1e-9) for mine, other in zip(times.candidate, times.stable, strict=False)]


def _told(times: Times) -> str:
    told = f"{_rows(times.rows)}: {_percentiles(times.candidate)}"
    if not times.stable:
        return told
    ratio = estimate(ratios(times))
    sure = f", {ratio.low:.2f} to {ratio.high:.2f}" if ratio.low else ""
    return f"{told}, stable {_percentiles(times.stable)} (ratio {ratio.middle:.2f}{sure})"


def _percentiles(rounds: Sequence[Sequence[float]]) -> str:
    every = list(chain.from_iterable(rounds))
    return f"p50 {spoken_seconds(percentile(every, 0.5))}, p99 {spoken_seconds(percentile(every, 0.99))}"


def _rows(count: int) -> str:
    return "one row" if count == 1 else f"{count} rows"
