"""What GitOps tools make of objects: the program of hack/tools/gitops, with our scripts for Argo CD."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "gitops" / "argocd"


@dataclass(frozen=True)
class Seen:
    """How an object is shown. `argo` is none for a kind that has no script."""

    argo: str | None
    argo_message: str
    kstatus: str


@cache
def program() -> Path:
    """The program; built on the first use of a fresh machine."""
    if not shutil.which("go"):
        pytest.skip("needs Go, to build Lua as Argo CD has it, and kstatus")
    built = subprocess.run([ROOT / "hack/build-tools.sh", "gitops"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(built.stdout.strip()) / "gitops"


def see(objects: Iterable[dict[str, Any]]) -> list[Seen]:
    """How each object is shown."""
    lines = "".join(f"{json.dumps(one)}\n" for one in objects)
    done = subprocess.run([program(), SCRIPTS], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Seen(
            argo=answer["argo"] and answer["argo"]["status"],
            argo_message=answer["argo"]["message"] if answer["argo"] else "",
            kstatus=answer["kstatus"]["status"],
        )
        for answer in answers
    ]
