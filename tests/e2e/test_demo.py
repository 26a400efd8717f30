"""The demo itself, from the chart to the picture, with both kinds of bad version."""

import json
import sys
from pathlib import Path

import pytest

from support.cluster import ROOT, run

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("bad", ["errors", "slow"])
def test_the_demo_keeps_its_promises(leadsman: None, tmp_path: Path, bad: str) -> None:
    run(sys.executable, str(ROOT / "examples/demo/run.py"), "--bad", bad, "--out", str(tmp_path))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["kept"], summary["broken"]
    assert summary["failed_during_promotion"] == 0
    assert summary["pods_restarted"] == 0
    assert (summary["rollback"]["users_harmed"] > 0) == (bad == "errors")
    assert (tmp_path / "chart.png").stat().st_size > 10_000
    assert (tmp_path / "chart.svg").stat().st_size > 10_000
    assert "rolled back" in (tmp_path / "timeline.txt").read_text()
