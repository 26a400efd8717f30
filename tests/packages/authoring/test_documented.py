"""What docs/packages.md says of making packages is so."""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import yaml
from sklearn.linear_model import LogisticRegression

from leadsman_package import layout
from leadsman_package.authoring import details
from packages.authoring.estimators import fit, on_columns
from packages.authoring.frames import mixed, three_classes, two_classes
from support.docs import ROOT, section, shell_blocks

PAGE = ROOT / "docs/packages.md"


def test_the_command_makes_a_package(tmp_path: Path) -> None:
    model, frame = fit(on_columns(LogisticRegression()), three_classes, mixed)
    joblib.dump(model, tmp_path / "fraud.joblib")
    frame.assign(fraud=two_classes(frame)).to_csv(tmp_path / "payments.csv", index=False)
    frame.to_parquet(tmp_path / "train.parquet")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (command,) = shell_blocks(section(PAGE, "`leadsman package`"))
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, timeout=120)
    manifest = layout.verify(tmp_path / "fraud-1")
    assert (manifest.owner, manifest.evaluation is not None) == ("Payments", True)


def test_the_file_with_more_fields_is_one() -> None:
    blocks = [each.split("```")[0] for each in section(PAGE, "`leadsman package`").split("```yaml\n")[1:]]
    for block in blocks:
        details.check_authors(yaml.safe_load(block), "the page")
    assert blocks
