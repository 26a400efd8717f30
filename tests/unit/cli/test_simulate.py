"""`leadsman simulate`: what people and pipelines are told about a policy."""

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from leadsman.cli.main import main
from leadsman.cli.workers import spread
from leadsman.simulation import LEADSMAN, Arm, Scenario, Study, simulate
from unit.simulation.policies import OBJECTIVE, policy

KEYS = {
    "runs",
    "rolled_back",
    "promoted",
    "held",
    "false_rollback_rate",
    "wrong_promotion_rate",
    "median_seconds_to_verdict",
    "p90_seconds_to_verdict",
    "median_bad_responses",
}
POLICY = """
apiVersion: leadsman.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful}
spec:
  steps: [{shadow: {percent: 50}}, {weight: 20}]
  checks: [%s]
"""
ERRORS = "errorRate: {objective: 0.01}"
REVENUE = "prometheus: {name: revenue, query: revenue, min: 1}"


def written(path: Path, *checks: str) -> str:
    """Write a policy; returns the file's name."""
    file = path / "careful.yaml"
    file.write_text(POLICY % ", ".join(f"{{{check}}}" for check in checks or (ERRORS,)))
    return str(file)


def simulated(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["simulate", *arguments])


def figures(*arguments: str) -> dict[str, Any]:
    """Run it for its JSON."""
    result = simulated(*arguments, "--json")
    assert result.exit_code == 0, result.output
    parsed = json.loads(result.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_json_has_the_figures_and_nothing_else(tmp_path: Path) -> None:
    healthy = figures(written(tmp_path), "--runs", "5", "--rps", "20")
    assert healthy.keys() == KEYS
    assert (healthy["runs"], healthy["promoted"], healthy["false_rollback_rate"]) == (5, 5, 0.0)
    assert 60 <= healthy["median_seconds_to_verdict"] <= healthy["p90_seconds_to_verdict"] <= 7200


def test_without_a_verdict_there_is_no_time_to_it(tmp_path: Path) -> None:
    none = figures(written(tmp_path), "--runs", "2", "--rps", "0.01", "--hours", "0.1")
    assert (none["held"], none["median_seconds_to_verdict"], none["p90_seconds_to_verdict"]) == (2, None, None)


def test_other_tools_have_the_same_figures_of_the_same_traffic(tmp_path: Path) -> None:
    options = ("--runs", "20", "--candidate-errors", "1", "--compare", "flagger,argo")
    bad = figures(written(tmp_path), *options)
    assert bad.keys() == KEYS | {"compare"}
    assert list(bad["compare"]) == ["flagger", "argo"]
    assert {tuple(sorted(tool)) for tool in bad["compare"].values()} == {tuple(sorted(KEYS))}
    assert bad["compare"]["flagger"]["median_seconds_to_verdict"] == 360
    assert bad["compare"]["argo"]["median_seconds_to_verdict"] == 240
    assert bad["median_seconds_to_verdict"] < 60
    assert bad["median_bad_responses"] == 0


def test_every_option_reaches_the_world(tmp_path: Path) -> None:
    # Any of them alone would leave the candidate to be promoted or make it harmless.
    policy_file = written(tmp_path, "latency: {}", "predictions: {}", "quality: {}", "agreement: {}", "crashes: {}")
    common = (policy_file, "--runs", "3", "--rps", "30", "--label-rate", "0.5")
    for harm in (
        ("--candidate-latency-ms", "200"),
        ("--stable-latency-ms", "200", "--candidate-latency-ms", "2000"),
        ("--candidate-top", "0.9"),
        ("--stable-top", "0.1"),
        ("--candidate-wrong", "0.6"),
        ("--stable-wrong", "0", "--candidate-wrong", "0.3", "--label-delay", "30"),
        ("--disagreement", "0.4"),
        ("--candidate-crashes-per-day", "5000"),
    ):
        given = (*harm, "--candidate-top", "0.5") if harm[0] == "--stable-top" else harm
        assert figures(*common, *given)["rolled_back"] == 3, harm


def test_a_table_and_the_course_of_some_runs(tmp_path: Path) -> None:
    result = simulated(written(tmp_path), "--runs", "12", "--rps", "20", "--compare", "argo", "--seed", "3")
    assert result.exit_code == 0
    assert "careful.yaml: 12 rollouts of at most 2 h at 20 rps, seed 3" in result.output
    rows = [line.split("│")[1:-1] for line in result.output.splitlines() if line.startswith("│")]
    table = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert table["false rollbacks"][0] == "0.0%"
    assert table["misses"] == ["-", "-"]
    assert "The candidate is no worse than stable: every rollback is a mistake." in result.output
    courses = [line for line in result.output.splitlines() if line.startswith("run ")]
    assert len(courses) == 8
    assert all("░" in line and "▂" in line and "promoted after" in line for line in courses)
    assert max(map(len, courses)) <= 80


def test_an_old_terminal_is_shown_what_it_can(tmp_path: Path) -> None:
    arguments = ["simulate", written(tmp_path), "--runs", "2", "--rps", "20"]
    result = CliRunner(charset="latin-1").invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "promoted after" in result.output


def test_the_same_seed_prints_the_same(tmp_path: Path) -> None:
    same = (written(tmp_path), "--runs", "10", "--candidate-errors", "0.05")
    assert simulated(*same).output == simulated(*same).output != simulated(*same, "--seed", "2").output


def test_processes_find_what_one_process_finds() -> None:
    study = Study(policy(OBJECTIVE), Scenario(rps=5, candidate=Arm(errors=0.3)), 4, ("flagger",))
    assert simulate(study, 110, spread) == simulate(study, 110)
    assert len(simulate(study, 3, spread)[LEADSMAN]) == 3


def test_a_chart_of_some_runs(tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    options = ("--runs", "4", "--rps", "20", "--candidate-errors", "0.1", "--chart", str(chart))
    assert simulated(written(tmp_path), *options).exit_code == 0
    root = ElementTree.parse(chart).getroot()
    assert root.tag.endswith("svg")
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"careful.yaml: 4 simulated rollouts", "rolled back", "evidence of harm", "minutes"} <= texts
    first = chart.read_bytes()
    simulated(written(tmp_path), *options)
    assert chart.read_bytes() == first


def test_a_check_that_cannot_be_simulated_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    result = simulated(written(tmp_path, ERRORS, REVENUE), "--runs", "1", "--rps", "20", "--json")
    assert result.stderr == "note: Prometheus cannot be simulated: without the check revenue\n"
    assert json.loads(result.stdout)["promoted"] == 1
    alone = simulated(written(tmp_path, REVENUE), "--runs", "1", "--rps", "20", "--json")
    assert "no check is left" in alone.stderr


@pytest.mark.parametrize(
    ("checks", "options", "note"),
    [
        ((ERRORS, "quality: {}"), (), "the quality check never passes a step: give --label-rate"),
        ((ERRORS,), ("--candidate-wrong", "0.5"), "it makes no difference how many are wrong: give --label-rate"),
    ],
)
def test_an_option_without_which_another_has_no_effect_is_asked_for(
    tmp_path: Path, checks: tuple[str, ...], options: tuple[str, ...], note: str
) -> None:
    result = simulated(written(tmp_path, *checks), "--runs", "1", "--hours", "0.1", "--json", *options)
    assert note in result.stderr
    assert result.exit_code == 0


MISTAKES = {
    "a tool nobody knows": (("--compare", "spinnaker"), "'spinnaker' is no tool that is known; expected flagger or"),
    "a share above one": (("--candidate-errors", "5"), "5.0 is not in the range 0<=x<=1"),
    "a burst of two numbers": (("--burst", "3:30"), "expected FACTOR:SECONDS:EVERY, such as 5:30:600; got '3:30'"),
    "an outage in words": (("--outage", "all:day:long"), "expected START:SECONDS:RATE, such as 180:360:0.3"),
    "a burst longer than its period": (("--burst", "3:60:30"), "--burst: expected SECONDS to be EVERY at most"),
    "an outage of more than everything": (("--outage", "1:2:3"), "--outage: RATE is a share of requests, 1 at most"),
    "a chart in a directory that is not there": (("--chart", "/no/such/chart.svg"), "/no/such/chart.svg: cannot be"),
}


@pytest.mark.parametrize(("options", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_explained(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = simulated(written(tmp_path), "--runs", "1", "--hours", "0.1", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_a_policy_that_the_api_server_would_refuse_is_refused(tmp_path: Path) -> None:
    file = Path(written(tmp_path))
    file.write_text(file.read_text().replace("weight: 20", "wieght: 20"))
    result = simulated(str(file))
    assert result.exit_code == 2
    assert "spec.steps[1].wieght: unknown field" in result.stderr


def test_a_policy_that_looks_less_often_than_a_run_lasts_cannot_be_simulated(tmp_path: Path) -> None:
    file = Path(written(tmp_path))
    file.write_text(file.read_text() + "  interval: 20m\n")
    result = simulated(str(file), "--hours", "0.1")
    assert result.exit_code == 2
    assert "--hours: the policy looks every 1200 s (spec.interval), a run must last longer" in result.stderr


def test_without_its_packages_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("leadsman.simulation", "leadsman.cli.simulation"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    result = simulated(written(tmp_path))
    assert result.exit_code == 2
    assert (
        "simulate needs rich, which is not installed; get it with: pip install '.[simulate]', in a checkout"
        in result.stderr
    )
