"""The real cluster as its users see it: by kubectl."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """Run kubectl; its words are in the error when it fails."""
    done = subprocess.run(
        ["kubectl", *arguments], input=stdin, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
    return done.stdout


def get(kind: str, namespace: str, name: str = "", *options: str) -> dict[str, Any]:
    """Read an object, or a list of them."""
    found: dict[str, Any] = json.loads(
        kubectl("-n", namespace, "get", kind, *([name] if name else []), *options, "-o", "json")
    )
    return found


def apply(*objects: dict[str, Any]) -> None:
    """Apply manifests."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def eventually(what: str, look: Callable[[], T | None], seconds: float = 90) -> T:
    """Look until there is something to see; the cluster offers no event for what is looked for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.25)
    raise AssertionError(f"after {seconds} s still not: {what}")


def run(*command: str) -> None:
    """Run a command of the checkout."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False, env=os.environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
