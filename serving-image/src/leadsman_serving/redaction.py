"""What the environment says of a collector and nobody else is to read: tokens in headers, passwords in addresses. Pure.

OpenTelemetry's exporter quotes both when they are wrong, and the address whenever the collector is down.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_WORD = re.compile(r"[\w.~+/-]{4,}")
"""What is shorter, such as 1, is no secret, and would be found in any message."""

WRONG_HEADERS = (
    f"a part of {' or '.join(_HEADERS)} is left out, as it is not NAME=VALUE (several have commas between them)"
)


def redactor(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return what replaces every word of a secret in a message by ***."""
    words = {word for secret in _secrets(environment) for word in _WORD.findall(f"{secret} {unquote(secret)}")}
    if not words:
        return lambda message: message
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
    return lambda message: pattern.sub("***", message)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values of headers, what is no header, and of addresses the user with the password, and the query."""
    found: list[str] = []
    for name in _HEADERS:
        found += [part.partition("=")[2] or part for part in environment.get(name, "").split(",")]
    for name in _ENDPOINTS:
        address, _, query = environment.get(name, "").partition("?")
        found += [query, address.rpartition("@")[0].partition("//")[2]]
    return found
