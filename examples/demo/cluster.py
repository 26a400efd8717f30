"""The cluster as the demo uses it: kubectl and helm, and nothing that a user could not type."""

import codecs
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
_CHUNK = 65536


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do, in a sentence."""


@dataclass(frozen=True)
class Images:
    """The images that the operator is installed with, and of a registry for models."""

    operator: str
    serving: str
    registry: str


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True, timeout: float = 300) -> str:
    """Run kubectl and return what it prints. Raises DemoError with what it complained about."""
    return _run([kubectl_program(), *arguments], stdin=stdin, check=check, timeout=timeout)


def apply(*objects: Object, server_side: bool = False) -> str:
    """`kubectl apply` the objects; server-side for what is too large for the annotation of the other way."""
    manifest = yaml.safe_dump_all(objects, sort_keys=False)
    mode = ["--server-side", "--force-conflicts", "--field-manager=leadsman-demo"] if server_side else []
    return kubectl("apply", *mode, "-f", "-", stdin=manifest)


def get(*arguments: str) -> Object | None:
    """`kubectl get` as an object; None when there is no such thing."""
    text = kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
    return json.loads(text) if text.strip() else None


def items(*arguments: str) -> list[Object]:
    """`kubectl get` as a list of objects."""
    found = get(*arguments)
    return list(found["items"]) if found else []


def helm(*arguments: str, check: bool = True) -> str:
    """Run helm, the pinned one of hack/ unless another is on the PATH."""
    program = shutil.which("helm")
    if program is None:
        folder = _run([str(ROOT / "hack/build-tools.sh"), "helm"], timeout=1200).strip().splitlines()[-1]
        program = str(Path(folder) / "helm")
    return _run([program, *arguments], check=check)


def images() -> Images:
    """Return the images: those of the environment, else those that hack/images.sh wrote down next to the kubeconfig."""
    named = dict(os.environ)
    written = Path(os.environ.get("KUBECONFIG", "")).parent / "images.env"
    if "OPERATOR_IMAGE" not in named and written.is_file():
        named |= dict(line.split("=", 1) for line in written.read_text().splitlines() if "=" in line)
    try:
        return Images(named["OPERATOR_IMAGE"], named["SERVING_IMAGE"], named["REGISTRY_IMAGE"])
    except KeyError as missing:
        raise DemoError(f"{missing.args[0]} is not set and {written} does not name it: run `make images`") from None


def check_reachable() -> None:
    """Raise DemoError unless a cluster answers."""
    if not os.environ.get("KUBECONFIG"):
        raise DemoError("KUBECONFIG is not set: run `make cluster-up` and do what its last line says")
    kubectl("get", "--raw", "/readyz", timeout=20)


class Watch:
    """`kubectl get --watch` of one kind in a namespace: calls `heard` with each state of each object, on a thread.

    Starts again when kubectl ends, until it is closed; objects may therefore be heard of more than once.
    """

    def __init__(self, heard: Callable[[Object], None], *arguments: str) -> None:
        self._heard = heard
        self._command = [kubectl_program(), "get", *arguments, "--watch", "-o", "json"]
        self._closed = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        if self._process:
            self._process.terminate()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the demo, which closes this in its own time
            )
            with self._process:
                self._listen(self._process)
            self._closed.wait(1)

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        decoder, text = codecs.getincrementaldecoder("utf-8")(), ""
        while fresh := os.read(process.stdout.fileno(), _CHUNK):
            text += decoder.decode(fresh)
            found, text = split_documents(text)
            for document in found:
                if not self._closed.is_set():
                    self._heard(document)


def split_documents(text: str) -> tuple[list[Object], str]:
    """Return the whole JSON objects at the beginning of the text, and the rest of it. A list counts as its items."""
    decoder = json.JSONDecoder()
    found: list[Object] = []
    while text := text.lstrip():
        try:
            document, end = decoder.raw_decode(text)
        except json.JSONDecodeError:
            break
        found += document["items"] if document.get("kind") == "List" else [document]
        text = text[end:]
    return found, text


def start(command: Iterable[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C does not reach."""
    with log.open("ab") as output:
        return subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def kubectl_program() -> str:
    """Return the kubectl of the virtual environment, else the one on the PATH."""
    beside = Path(sys.executable).parent / "kubectl"
    program = str(beside) if beside.exists() else shutil.which("kubectl")
    if program is None:
        raise DemoError("kubectl is needed; the project's virtual environment has one")
    return program


def _run(command: list[str], stdin: str | None = None, *, check: bool = True, timeout: float = 300) -> str:
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"`{_short(command)}` took more than {timeout:.0f} seconds") from None
    if check and done.returncode:
        raise DemoError(f"`{_short(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _short(command: list[str]) -> str:
    return " ".join([Path(command[0]).name, *command[1:6]])
