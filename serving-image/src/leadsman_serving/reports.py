"""Who is told of every infer request: the access log and tracing, where they are asked for."""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from leadsman_serving.access_log import AccessLog, entry
from leadsman_serving.account import Account, Served
from leadsman_serving.throttle import ThrottledLog

if TYPE_CHECKING:
    from leadsman_serving.tracing import Tracing

log = logging.getLogger(__name__)
failures = ThrottledLog(log)

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


class Reports:
    """Tells both of what becomes of the requests of `served`; `clock` gives Unix seconds. Belongs to one event loop."""

    def __init__(
        self, served: Served, access_log: AccessLog | None, tracing: "Tracing | None", clock: Callable[[], float]
    ) -> None:
        self._served = served
        self._access_log = access_log
        self._tracing = tracing
        self._clock = clock

    def name_revision(self, revision: str) -> None:
        """Say from now on which revision answers."""
        self._served = self._served._replace(revision=revision)

    def tell(self, account: Account) -> None:
        """Report a request that has just been answered."""
        at = self._clock() - (account.ended - account.began)
        try:
            trace_id = self._tracing.record(account, self._served, at) if self._tracing else None
            if self._access_log:
                self._access_log.write(entry(account, self._served, at, trace_id))
        except Exception as error:  # whoever asked has nothing to do with it
            failures.warn(f"a request was not reported: {error!r}")

    def close(self) -> None:
        """Write and send what is left; returns within some seconds."""
        if self._access_log:
            self._access_log.close()
        if self._tracing:
            self._tracing.close()


def reports_for(
    served: Served, *, access_log: bool, environment: Mapping[str, str], clock: Callable[[], float]
) -> Reports | None:
    """Return the reports that the option and the environment ask for, if they ask for any. Needs a running loop."""
    lines = AccessLog(open(sys.stdout.fileno(), "wb", closefd=False)) if access_log else None  # noqa: SIM115 - to the end
    tracing = _tracing(environment) if is_traced(environment) else None
    return Reports(served, lines, tracing, clock) if lines or tracing else None


def is_traced(environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables name a collector, and none turns tracing off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environment.get(name, "").strip() for name in _ENDPOINTS)


def _tracing(environment: Mapping[str, str]) -> "Tracing | None":
    """Return the tracing; where it cannot be had the model is served without, and the log says why."""
    asked = next((value for name in _PROTOCOLS if (value := environment.get(name, "").strip())), _PROTOCOL)
    if asked != _PROTOCOL:
        log.warning("tracing: spans are sent as %s; %s, as the environment asks, is not spoken here", _PROTOCOL, asked)
    try:
        # It takes 7 MB and a tenth of a second, which only those who want it pay.
        from leadsman_serving.tracing import Tracing  # noqa: PLC0415

        return Tracing()
    except ModuleNotFoundError as error:
        log.warning("no tracing: %s is not installed; pip install '.[serving,tracing]' in a checkout", error.name)
    except ValueError as error:
        log.warning("no tracing: %s", error)
    return None
