"""Helm, as hack/ builds it, and the chart rendered by it."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "leadsman"
# A Helm that was built without its release's stamps thinks that it talks to an ancient cluster.
_KUBE_VERSION = ("--kube-version", "1.36.0")


class HelmError(Exception):
    """Helm refused; the message is what it printed."""


@cache
def helm() -> Path:
    """The program; built on the first use of a fresh machine."""
    built = subprocess.run([ROOT / "hack" / "build-tools.sh", "helm"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip()) / "helm"


def run(*arguments: str) -> str:
    """Run Helm. Raises HelmError."""
    done = subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(done.stderr + done.stdout)
    return done.stdout


def template(*arguments: str, release: str = "leadsman", namespace: str = "leadsman-system") -> str:
    """The chart's manifests as text. Raises HelmError."""
    return run("template", release, str(CHART), "--namespace", namespace, *_KUBE_VERSION, *arguments)


def objects(*arguments: str, **release: str) -> list[dict[str, Any]]:
    """The chart's manifests. Raises HelmError."""
    return [document for document in yaml.safe_load_all(template(*arguments, **release)) if document]


def lint() -> str:
    """What the linter says; raises HelmError for a warning too."""
    return run("lint", "--strict", str(CHART), *_KUBE_VERSION)
