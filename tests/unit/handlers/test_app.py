"""Bells: who hears them, and whose they are."""

from dataclasses import dataclass, field
from typing import cast

from leadsman.handlers.app import App
from leadsman.shell.reconciler import Reconciler
from leadsman.shell.telemetry import Key

KEY = ("payments", "fraud")


@dataclass
class Forgetful:
    """Of a reconciler only what it is told to forget."""

    forgotten: list[Key] = field(default_factory=list)

    def forget(self, key: Key) -> None:
        self.forgotten.append(key)


def test_the_end_of_an_old_daemon_leaves_the_bell_of_the_next_one() -> None:
    forgetful = Forgetful()
    app = App(cast(Reconciler, forgetful))
    old, following = app.bell(KEY), app.bell(KEY)
    old.__enter__()
    with following as bell:
        old.__exit__(None, None, None)
        app.wake(*KEY)
        assert bell.is_set()
        assert forgetful.forgotten == []
    assert forgetful.forgotten == [KEY]
    assert app.bells == {}


@dataclass
class Routed(Forgetful):
    """Of a reconciler what goes by which routes, too."""

    routes: dict[Key, frozenset[str]] = field(default_factory=lambda: {KEY: frozenset({"own"})})


async def test_a_route_that_changes_again_and_again_rings_once_for_all_of_that() -> None:
    app = App(cast(Reconciler, Routed()))
    with app.bell(KEY) as bell:
        for _ in range(3):
            app.wake_users_of("payments", "own", 0.01)
        app.wake_users_of("payments", "another", 0.0)
        assert app.due == {("payments", "own"), ("payments", "another")}
        assert not bell.is_set()
        await bell.wait()
        assert app.due == set()
        bell.clear()
        app.wake_users_of("payments", "own", 0.0)
        await bell.wait()
