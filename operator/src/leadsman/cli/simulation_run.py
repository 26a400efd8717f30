"""What `leadsman simulate` does once its packages are there: simulate, and say what came of it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.cli.policy import InputError
from leadsman.cli.simulation_chart import draw
from leadsman.cli.simulation_text import show
from leadsman.cli.workers import spread
from leadsman.core.unattended import unattended
from leadsman.simulation import (
    LEADSMAN,
    Arm,
    Burst,
    Outage,
    Scenario,
    Study,
    Summary,
    choose,
    harm,
    simulate,
    summarise,
    trace,
)

_TRAJECTORIES = 8
_MEDIAN, _P90 = 1, 2


def report(policy: RolloutPolicySpec, path: Path, options: Mapping[str, Any]) -> None:
    """Simulate the policy of a file with the command's options, and print the figures. Raises InputError."""
    scenario = _scenario(policy, options)
    simulated = _without_prometheus(unattended(policy))
    if not simulated.steps:
        raise InputError(f"{path}: spec.steps has nothing but approvals: there is nothing to simulate")
    for note in _notes(policy, scenario):
        click.echo(f"note: {note}", err=True)
    study = Study(simulated, scenario, options["seed"], options["compare"])
    outcomes = simulate(study, options["runs"], spread)
    standing = harm(simulated, scenario)
    summaries = {tool: summarise(some, standing) for tool, some in outcomes.items()}
    numbers = choose(outcomes[LEADSMAN], _TRAJECTORIES)
    if options["as_json"]:
        click.echo(json.dumps(_figures(summaries), indent=2))
    else:
        show(path.name, study, summaries, [trace(study, number) for number in numbers])
    if options["chart"] is not None:
        _draw(options["chart"], path.name, study, numbers)


def _scenario(policy: RolloutPolicySpec, options: Mapping[str, Any]) -> Scenario:
    def arm(name: str) -> Arm:
        given = {field: options[f"{name}_{field}"] for field in ("errors", "latency_ms", "wrong", "top")}
        return Arm(**{field: options[f"stable_{field}"] if value is None else value for field, value in given.items()})

    burst = Burst(*options["burst"]) if options["burst"] else None
    if burst is not None and not 0 < burst.seconds <= burst.every:
        raise InputError(f"--burst: expected SECONDS to be EVERY at most; got {burst.seconds:g} and {burst.every:g}")
    outage = Outage(*options["outage"]) if options["outage"] else None
    if outage is not None and outage.rate > 1:
        raise InputError(f"--outage: RATE is a share of requests, 1 at most; got {outage.rate:g}")
    if policy.interval.total_seconds() > options["hours"] * 3600:
        seconds = policy.interval.total_seconds()
        raise InputError(f"--hours: the policy looks every {seconds:g} s (spec.interval), a run must last longer")
    direct = ("rps", "clump", "hours", "history_hours", "daily_cycle", "scrape_failures", "label_rate", "label_delay")
    return Scenario(
        stable=arm("stable"),
        candidate=arm("candidate"),
        burst=burst,
        outage=outage,
        disagreement=options["disagreement"],
        crashes_per_day=options["candidate_crashes_per_day"],
        **{field: options[field] for field in direct},
    )


def _without_prometheus(policy: RolloutPolicySpec) -> RolloutPolicySpec:
    return policy.model_copy(update={"checks": tuple(check for check in policy.checks if check.prometheus is None)})


def _notes(policy: RolloutPolicySpec, scenario: Scenario) -> Iterator[str]:
    """What the simulation cannot do, or does not do with these options."""
    if unattended(policy) != policy:
        yield "approvals are taken as given at once: people cannot be simulated"
    queries = [check.prometheus.name for check in policy.checks if check.prometheus]
    if queries:
        left = "" if len(queries) < len(policy.checks) else "; no check is left, so every step passes by its time"
        yield f"Prometheus cannot be simulated: without the check{'s' * (len(queries) > 1)} {', '.join(queries)}{left}"
    if scenario.label_rate == 0:
        if any(check.quality for check in policy.checks):
            yield "nobody judges answers, so the quality check never passes a step: give --label-rate"
        elif scenario.candidate.wrong != scenario.stable.wrong:
            yield "nobody judges answers, so it makes no difference how many are wrong: give --label-rate"


def _figures(summaries: Mapping[str, Summary]) -> dict[str, Any]:
    figures = {tool: _one(summary) for tool, summary in summaries.items()}
    own = figures.pop(LEADSMAN)
    return {**own, "compare": figures} if figures else own


def _one(summary: Summary) -> dict[str, Any]:
    seconds = summary.seconds_to_verdict
    return {
        "runs": summary.runs,
        "rolled_back": summary.rolled_back,
        "promoted": summary.promoted,
        "held": summary.held,
        "false_rollback_rate": summary.false_rollback_rate,
        "wrong_promotion_rate": summary.wrong_promotion_rate,
        "median_seconds_to_verdict": seconds[_MEDIAN] if seconds else None,
        "p90_seconds_to_verdict": seconds[_P90] if seconds else None,
        "median_bad_responses": summary.bad_responses[_MEDIAN],
    }


def _draw(path: Path, title: str, study: Study, numbers: list[int]) -> None:
    try:
        draw(path, title, [trace(study, number, with_readings=True) for number in numbers])
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error}") from error
    click.echo(f"wrote {path}", err=True)
