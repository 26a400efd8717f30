"""What the handlers share: the reconciler, and a bell for each ModelDeployment that rings when it should look again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from leadsman.shell.reconciler import Reconciler
from leadsman.shell.telemetry import Key


@dataclass
class App:
    """kopf passes it to every handler as `memo`."""

    reconciler: Reconciler
    bells: dict[Key, asyncio.Event] = field(default_factory=dict)
    due: set[Key] = field(default_factory=set)
    """The HTTPRoutes of others whose users are about to be woken."""

    @contextmanager
    def bell(self, key: Key) -> Iterator[asyncio.Event]:
        """The bell of a ModelDeployment, for as long as its daemon runs."""
        bell = self.bells[key] = asyncio.Event()
        try:
            yield bell
        finally:
            # A daemon that is slow to stop may outlive the start of the next one for the same name.
            if self.bells.get(key) is bell:
                del self.bells[key]
                self.reconciler.forget(key)

    def wake(self, namespace: str | None, name: str) -> None:
        """Ring for one ModelDeployment."""
        if bell := self.bells.get((namespace or "", name)):
            bell.set()

    def wake_users_of(self, namespace: str | None, route: str, seconds: float) -> None:
        """Ring in so many seconds for every ModelDeployment that goes by this HTTPRoute of somebody else.

        Until then it may change as often as it likes: there is one bell for all of that.
        """
        key = (namespace or "", route)
        if key not in self.due:
            self.due.add(key)
            asyncio.get_running_loop().call_later(seconds, self._wake_users_of, *key)

    def _wake_users_of(self, namespace: str, route: str) -> None:
        self.due.discard((namespace, route))
        for key, routes in self.reconciler.routes.items():
            if key[0] == namespace and route in routes:
                self.wake(*key)

    def wake_all(self, namespace: str | None) -> None:
        """Ring for every ModelDeployment of a namespace."""
        for key, bell in self.bells.items():
            if key[0] == namespace:
                bell.set()
