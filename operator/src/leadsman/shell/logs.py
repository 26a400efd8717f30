"""Logs as JSON lines, one record a line, for whatever collects them."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter


def configure_logs(level: str) -> None:
    """Send every log record to standard error as one JSON object. Raises ValueError for an unknown level."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line for each request of the scrapes would drown everything else.
    logging.getLogger("httpx").setLevel(logging.WARNING)
