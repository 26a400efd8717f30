"""Logs as JSON lines, one record a line, for whatever collects them."""

import logging
import sys

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# What the watching framework hangs on its records for its own use.
_FOREIGN_ATTRS = ("settings", "k8s_skip", "k8s_ref")


def configure_logs(level: str) -> None:
    """Send every log record to standard error as one JSON object. Raises ValueError for an unknown level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, *_FOREIGN_ATTRS],
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line for each scrape and each event would drown the decisions.
    for chatty in ("httpx", "kopf.objects"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
