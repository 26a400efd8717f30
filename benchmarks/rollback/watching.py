"""What the API server says, and when it came here."""

import subprocess
import threading
import time
from types import TracebackType
from typing import Self

_LONGEST_SECONDS = 5.0


class Watch:
    """Follows one object from `with` until it ends: a line of `columns`, JSONPath, at each change, with its time."""

    def __init__(self, namespace: str, kind: str, name: str, columns: str) -> None:
        self.lines: list[tuple[float, str]] = []
        self._command = ["kubectl", "-n", namespace, "get", kind, name, "--watch", "-o", f"jsonpath={columns}{{'\\n'}}"]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(timeout=_LONGEST_SECONDS)
        self._thread.join(timeout=_LONGEST_SECONDS)

    def when(self, line: str, since: float) -> float | None:
        """When the object was first seen to say this, `since` then by the monotonic clock; None: not yet."""
        return next((at for at, said in self.lines if at >= since and said == line), None)

    def _read(self) -> None:
        if self._process.stdout is None:
            raise ValueError("kubectl was started without a pipe")
        for line in self._process.stdout:
            self.lines.append((time.monotonic(), line.strip()))
