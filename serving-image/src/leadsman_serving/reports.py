"""Who is told of every infer request: the access log, where it is asked for."""

import logging
import sys
from collections.abc import Callable

from leadsman_serving.access_log import AccessLog, entry
from leadsman_serving.account import Account, Served
from leadsman_serving.throttle import ThrottledLog

log = logging.getLogger(__name__)
failures = ThrottledLog(log)


class Reports:
    """Tells of what becomes of the requests of `served`; `clock` gives Unix seconds. Belongs to one event loop."""

    def __init__(self, served: Served, access_log: AccessLog, clock: Callable[[], float]) -> None:
        self._served = served
        self._access_log = access_log
        self._clock = clock

    def name_revision(self, revision: str) -> None:
        """Say from now on which revision answers."""
        self._served = self._served._replace(revision=revision)

    def tell(self, account: Account) -> None:
        """Report a request that has just been answered."""
        at = self._clock() - (account.ended - account.began)
        try:
            self._access_log.write(entry(account, self._served, at))
        except Exception as error:  # whoever asked has nothing to do with it
            failures.warn(f"a request was not reported: {error!r}")

    def close(self) -> None:
        """Write what is left; returns within some seconds."""
        self._access_log.close()


def reports_for(served: Served, *, access_log: bool, clock: Callable[[], float]) -> Reports | None:
    """Return the reports that are asked for, if there are any. Needs a running loop."""
    if not access_log:
        return None
    return Reports(served, AccessLog(open(sys.stdout.fileno(), "wb", closefd=False)), clock)
