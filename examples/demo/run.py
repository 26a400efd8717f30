"""A good version of a real model is promoted and a bad one is rolled back, on the cluster that KUBECONFIG names.

python examples/demo/run.py [--keep] [--bad errors|slow] [--out DIR]
"""

import argparse
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from demo.cluster import ROOT  # noqa: E402 - the path comes first
from demo.story import run  # noqa: E402 - the path comes first


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--keep", action="store_true", help="leave everything in the cluster as it is at the end")
    parser.add_argument("--bad", choices=("errors", "slow"), default="errors", help="what is wrong with version 3")
    parser.add_argument("--out", type=Path, default=ROOT / "demo-out", help="where the chart and the figures go")
    parser.add_argument("--rate", type=float, default=80.0, help="requests of users per second (default: 80)")
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    sys.exit(run(keep=given.keep, bad=given.bad, out=given.out, rate=given.rate))
