"""The last word of a container: the file that Kubernetes copies into the pod's status."""

import os
from pathlib import Path

PATH_VARIABLE = "LEADSMAN_TERMINATION_LOG"
_DEFAULT_PATH = "/dev/termination-log"
_MAX_BYTES = 4096  # Kubernetes keeps no more


def write_termination_message(message: str) -> None:
    """Write the message, cut to 4096 bytes, to $LEADSMAN_TERMINATION_LOG (default /dev/termination-log).

    Outside a container there is no such file and nothing to tell: then this does nothing.
    """
    cut = message.encode(errors="backslashreplace")[:_MAX_BYTES].decode(errors="ignore")
    try:
        with Path(os.environ.get(PATH_VARIABLE, _DEFAULT_PATH)).open("w", encoding="utf-8") as file:
            file.write(cut)
    except OSError:
        return
