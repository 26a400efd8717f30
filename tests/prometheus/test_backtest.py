"""`leadsman backtest --prometheus` against a real Prometheus server."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from apiserver.waiting import eventually
from leadsman.cli.main import main
from prometheus.conftest import Start
from prometheus.pods import Pod, Traffic, past, served
from prometheus.server import PrometheusProcess
from serving.clock import wall_clock
from support.objects import model_revision

HOUR = 3600.0
NO_PROXY = {"NO_PROXY": "*"}
POLICY: dict[str, Any] = {
    "apiVersion": "leadsman.dev/v1alpha1",
    "kind": "RolloutPolicy",
    "metadata": {"name": "new"},
    "spec": {
        "steps": [{"weight": 10, "minDuration": "1m"}, {"weight": 50, "minDuration": "1m"}],
        "checks": [{"errorRate": {}}],
    },
}


def in_namespace(pod: str, namespace: str = "payments") -> dict[str, str]:
    """The labels that Kubernetes' service discovery gives to a target."""
    return {"namespace": namespace, "pod": pod, "instance": f"{pod}:8082"}


def record(*decisions: tuple[str, float, int]) -> dict[str, Any]:
    """The ModelRevision of b, against a: reasons, moments and weights after."""
    receipts = [
        {
            "sequence": number,
            "at": datetime.fromtimestamp(at, UTC).isoformat(),
            "reason": reason,
            "message": "as it was",
            "stable": "a",
            "weightBefore": 0,
            "weightAfter": weight,
        }
        for number, (reason, at, weight) in enumerate(decisions, start=3)
    ]
    return model_revision("b", version="2", status={"receipts": receipts})


def backtest(
    server: PrometheusProcess, tmp_path: Path, revision: dict[str, Any], *options: str, **spec: Any
) -> dict[str, Any]:
    (tmp_path / "new.yaml").write_text(yaml.safe_dump({**POLICY, "spec": POLICY["spec"] | spec}))
    (tmp_path / "history.json").write_text(json.dumps(revision))
    arguments = [str(tmp_path / "new.yaml"), "--file", str(tmp_path / "history.json"), "--prometheus", server.url]
    done = CliRunner().invoke(main, ["backtest", *arguments, "--json", *options], env=NO_PROXY)
    assert done.exit_code == 0, done.output
    said: dict[str, Any] = json.loads(done.stdout)
    (release,) = said["releases"]
    return {**release, **said}


@pytest.fixture(scope="session")
def began() -> float:
    """Three hours ago, at a full minute."""
    return (wall_clock() // 60) * 60 - 3 * HOUR


@pytest.mark.parametrize("share", [0.08, 1.0])
def test_a_bad_release_of_the_past_is_caught(start: Start, tmp_path: Path, began: float, share: float) -> None:
    """It was found by a person after an hour. One of stable's pods was restarted meanwhile, another has left."""
    stable = Pod(
        "a-1",
        "a",
        began - 30 * HOUR,
        (Traffic(18, 0.002, began - HOUR),),
        restarted=began + 130,
        labels=in_namespace("a-1"),
    )
    other = Pod(
        "a-2", "a", began - 9 * HOUR, (Traffic(18, 0.002, began - HOUR),), left=began + 80, labels=in_namespace("a-2")
    )
    candidate = Pod("b-1", "b", began + 20, (Traffic(4, share, began + 30, began + HOUR),), labels=in_namespace("b-1"))
    namesake = Pod("b-9", "b", began + 20, (Traffic(90, 0.0, began + 30),), labels=in_namespace("b-9", "elsewhere"))
    server = start(past=past([stable, other, candidate, namesake], began - HOUR, began + HOUR, 15.0))
    revision = record(("RolloutStarted", began, 0), ("StepStarted", began + 30, 10), ("Inconclusive", began + HOUR, 0))
    found = backtest(server, tmp_path, revision)
    would = found["would"]
    assert would["outcome"] == "RolledBack"
    assert would["secondsLater"] < -3000
    failures = Traffic(4, share, began + 30, began + HOUR)
    at = datetime.fromisoformat(would["at"]).timestamp()
    after = failures.until(began + HOUR)[1] - failures.until(at)[1]
    assert would["badResponses"] == pytest.approx(-after, abs=4 * 15)
    assert found["sentences"][0].startswith("Policy new would have caught release 1 ")
    assert any("as far apart as --step says" in caveat for caveat in found["caveats"])


def test_a_good_release_is_promoted_and_latency_is_compared(start: Start, tmp_path: Path, began: float) -> None:
    stable = Pod("a-1", "a", began - 9 * HOUR, (Traffic(18, 0.002, began - HOUR),), labels=in_namespace("a-1"))
    candidate = Pod("b-1", "b", began + 20, (Traffic(6, 0.002, began + 30),), labels=in_namespace("b-1"))
    slow = Pod("b-1", "b", began + 20, (Traffic(6, 0.002, began + 30, seconds=0.05),), labels=in_namespace("b-1"))
    checks = [{"errorRate": {}}, {"latency": {}}, {"agreement": {}}]
    steps = [{"shadow": {}, "minDuration": "10s"}, *POLICY["spec"]["steps"]]
    revision = record(("RolloutStarted", began, 0), ("StepStarted", began + 30, 10), ("Promoted", began + HOUR, 100))
    first = start(past=past([stable, candidate], began - HOUR, began + HOUR, 15.0))
    found = backtest(first, tmp_path, revision, checks=checks, steps=steps)
    assert found["would"]["outcome"] == "Promoted"
    assert found["would"]["secondsLater"] < -2000
    assert found["would"]["notes"] == ["agreement is left out: counters do not tell which answers differed"]
    second = start(past=past([stable, slow], began - HOUR, began + HOUR, 15.0))
    found = backtest(second, tmp_path, revision, checks=checks, steps=steps)
    assert found["would"]["outcome"] == "RolledBack"
    assert "answers beyond" in found["would"]["why"]


def test_a_release_that_the_server_knows_nothing_of_is_unknown(start: Start, tmp_path: Path, began: float) -> None:
    revision = record(("RolloutStarted", began - 9 * HOUR, 0), ("Promoted", began - 8 * HOUR, 100))
    found = backtest(start(), tmp_path, revision)
    assert found["would"]["outcome"] == "Unknown"
    assert found["sentences"] == ["Nothing can be said about release 1: the Prometheus server has no counters of it."]


def test_the_policys_own_queries_are_asked_over_the_past(start: Start, tmp_path: Path, began: float) -> None:
    stable = Pod("a-1", "a", began - 9 * HOUR, (Traffic(18, 0.0, began - HOUR),), labels=in_namespace("a-1"))
    candidate = Pod("b-1", "b", began + 20, (Traffic(4, 0.0, began + 30),), labels=in_namespace("b-1"))
    server = start(past=past([stable, candidate], began - HOUR, began + HOUR, 15.0))
    revision = record(("RolloutStarted", began, 0), ("StepStarted", began + 30, 10), ("Promoted", began + HOUR, 100))
    query = 'sum(leadsman_serving_requests_total{revision="{{candidate}}", namespace="{{namespace}}"})'
    check = {"name": "requests", "query": query, "max": 1000, "failures": 2}
    found = backtest(server, tmp_path, revision, checks=[{"errorRate": {"tolerate": 0.001}}, {"prometheus": check}])
    assert found["would"]["outcome"] == "RolledBack"
    at = datetime.fromisoformat(found["would"]["at"]).timestamp()
    assert at - began == pytest.approx(30 + 1000 / 4 + 30, abs=46), "after the second number above 1,000"


def test_what_is_wrong_with_a_query_is_a_sentence(start: Start, tmp_path: Path, began: float) -> None:
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(POLICY))
    (tmp_path / "history.json").write_text(
        json.dumps(record(("RolloutStarted", began, 0), ("Promoted", began + 60, 9)))
    )
    url = start().url
    arguments = [str(tmp_path / "new.yaml"), "--file", str(tmp_path / "history.json"), "--prometheus", f"{url}/nowhere"]
    done = CliRunner().invoke(main, ["backtest", *arguments], env=NO_PROXY)
    assert done.exit_code == 2
    assert "no counters could be read from Prometheus" in done.output
    assert "not an answer of Prometheus" in " ".join(done.output.split())


def test_counters_that_a_server_has_scraped_itself(start: Start, tmp_path: Path) -> None:
    """No service discovery, no labels but the address: as on a machine without Kubernetes."""
    began = wall_clock()
    stable = Pod("a-1", "a", began - 600, (Traffic(100, 0.0, began - 600),))
    candidate = Pod("b-1", "b", began + 1, (Traffic(50, 0.4, began + 3),))
    with ExitStack() as stack:
        addresses = [stack.enter_context(served(pod)) for pod in (stable, candidate)]
        server = start(scraped={address: {} for address in addresses})
        scraped = 'min(count_over_time(leadsman_serving_requests_total{revision="b"}[5m]))'
        eventually(lambda: server.number(scraped) >= 12, "the candidate was scraped a dozen times")
    revision = record(("RolloutStarted", began, 0), ("StepStarted", began + 3, 10), ("Promoted", wall_clock(), 100))
    found = backtest(server, tmp_path, revision, "--step", "1s")
    assert found["would"]["outcome"] == "RolledBack"
    assert "errors" in found["would"]["why"]
    assert found["would"]["badResponses"] < 0
