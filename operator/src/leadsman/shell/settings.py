"""The operator's settings, from its environment; the chart's values become these variables. The only reader of it."""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class SettingsError(Exception):
    """A setting is missing or wrong; the message says which and what is expected."""


@dataclass(frozen=True)
class Settings:
    """What the operator is told when it starts."""

    serving_image: str
    """Image of the serving pods of revisions that are born from now on."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to watch; all of them when empty."""
    http_port: int = 8080
    """Port of /healthz and /metrics."""
    leader_election: bool = True
    lease_name: str = "leadsman"
    lease_namespace: str = "default"
    identity: str = ""
    """This process's name in the Lease and in Events."""
    max_passes: int = 8
    """Passes that may run at the same time."""
    log_level: str = "INFO"
    prometheus_url: str = ""
    """Base URL of the Prometheus server that prometheus checks ask; empty when there is none."""
    prometheus_token_file: Path | None = None
    """Holds a bearer token for it."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read LEADSMAN_* variables. Raises SettingsError."""
        env = os.environ if environment is None else environment
        image = env.get("LEADSMAN_SERVING_IMAGE", "")
        if not image:
            raise SettingsError("LEADSMAN_SERVING_IMAGE is not set; expected the image of the serving pods")
        return cls(
            serving_image=image,
            namespaces=tuple(name for name in env.get("LEADSMAN_NAMESPACES", "").replace(",", " ").split() if name),
            http_port=_integer(env, "LEADSMAN_HTTP_PORT", 8080),
            leader_election=_boolean(env, "LEADSMAN_LEADER_ELECTION", default=True),
            lease_name=env.get("LEADSMAN_LEASE_NAME", "leadsman"),
            lease_namespace=env.get("LEADSMAN_LEASE_NAMESPACE", "default"),
            identity=env.get("LEADSMAN_IDENTITY", "") or socket.gethostname(),
            max_passes=_integer(env, "LEADSMAN_MAX_PASSES", 8),
            log_level=env.get("LEADSMAN_LOG_LEVEL", "INFO").upper(),
            prometheus_url=_prometheus_url(env),
            prometheus_token_file=_token_file(env),
        )


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"{name} is {text!r}; expected a whole number above 0")
    return int(text)


def _boolean(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = env.get(name, str(default)).lower()
    if text not in ("true", "false"):
        raise SettingsError(f"{name} is {text!r}; expected true or false")
    return text == "true"


def _prometheus_url(env: Mapping[str, str]) -> str:
    name = "LEADSMAN_PROMETHEUS_URL"
    text = env.get(name, "").rstrip("/")
    if "@" in text:
        # It would be written to the log.
        raise SettingsError(
            f"{name} has a user in it; expected a bearer token in LEADSMAN_PROMETHEUS_TOKEN_FILE instead"
        )
    if text and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", text):
        raise SettingsError(f"{name} is {text!r}; expected a base URL such as http://prometheus.monitoring:9090")
    return text


def _token_file(env: Mapping[str, str]) -> Path | None:
    text = env.get("LEADSMAN_PROMETHEUS_TOKEN_FILE", "")
    if text and not env.get("LEADSMAN_PROMETHEUS_URL"):
        raise SettingsError("LEADSMAN_PROMETHEUS_TOKEN_FILE is set; expected LEADSMAN_PROMETHEUS_URL to be set too")
    return Path(text) if text else None
