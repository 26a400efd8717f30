"""The process that runs a model, from outside: asked with a bound on time and memory, and ended when it passes one."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from leadsman_serving.preflight.wording import spoken_bytes, spoken_seconds

_LOOK_EVERY = 0.02  # seconds
_MOST_REPLY = 1 << 30
"""Bytes of a reply: a model may answer a request with so much that reading it would end preflight itself."""


class ModelEndedError(Exception):
    """The process can do no more. `memory`: it was for want of it. The message is for people."""

    def __init__(self, reason: str, *, memory: bool = False) -> None:
        super().__init__(reason)
        self.memory = memory


class ModelLateError(ModelEndedError):
    """The process was ended, as it had not replied in the time that it was given."""


class ModelProcess:
    """One model in one process, ended at the end of the `with` block. Once it has failed, it fails whatever is asked.

    Bytes: `limit` is what the model may have, `container` what it and preflight may have together; None for no limit.
    """

    def __init__(self, limit: int | None, container: int | None) -> None:
        self._limit = limit
        self._container = container
        self._room = None if container is None else container - own_memory()
        self._ended: ModelEndedError | None = None
        self.peak: int | None = None
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "leadsman_serving.preflight.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket.settimeout(_LOOK_EVERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def ask(self, command: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the reply to a command.

        Raises ModelEndedError when the process ends, or has to be ended, instead: ModelLateError for its being late.
        """
        if self._ended is not None:
            raise self._ended
        try:
            return self._ask(command, seconds)
        except ModelEndedError as error:
            self._ended = error
            self._process.kill()
            raise

    def _ask(self, command: dict[str, Any], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        with suppress(OSError):  # it has ended: there will be no reply either
            self._socket.sendall(orjson.dumps(command) + b"\n")
        reply = bytearray()
        while not reply.endswith(b"\n"):
            self._check_memory()
            try:
                piece = self._socket.recv(1 << 20)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise ModelLateError(f"the model was not done within {spoken_seconds(seconds)}") from None
                continue
            except OSError:
                piece = b""
            if not piece:
                raise self._died()
            reply += piece
            if len(reply) > _MOST_REPLY:
                raise ModelEndedError(f"the model's answer is larger than {spoken_bytes(_MOST_REPLY)}")
        self._check_memory()
        document: dict[str, Any] = orjson.loads(reply)
        return document

    def _check_memory(self) -> None:
        """Look at the most memory that it ever had."""
        self.peak = max(self.peak or 0, _memory(self._process.pid, "VmHWM:"))
        if self._limit is not None and self.peak > self._limit:
            raise ModelEndedError(f"the model needs more than the limit of {spoken_bytes(self._limit)}", memory=True)
        if self._room is not None and self._container is not None and self.peak > self._room:
            told = f"the {spoken_bytes(self._container)} that this container has"
            raise ModelEndedError(f"the model, and preflight beside it, need more than {told}", memory=True)

    def _died(self) -> ModelEndedError:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return ModelEndedError("the kernel ended the process that runs the model, as memory ran out", memory=True)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ModelEndedError(f"the model ended the process that runs it ({how})")


def own_memory() -> int:
    """Return how many bytes of memory this process has."""
    return _memory("self", "VmRSS:")


def _memory(process: int | str, field: str) -> int:
    """Return what the kernel says of a process's memory, in bytes; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field)), 0)
