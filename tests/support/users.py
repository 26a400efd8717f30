"""Users of a model on the real cluster: requests through the gateway at a steady rate, and what came back."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from support.cluster import eventually, get

TIMEOUT_SECONDS = 20.0  # longer than the gateway's own: what fails before is the cluster's
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Answer:
    """One request's end: when it was sent, its HTTP status (0 when there was none), and the revision that answered.

    `lost` says, one word a try, how connections were lost before that; `seconds` counts from the first try.
    """

    at: float
    code: int
    revision: str
    seconds: float = 0.0
    lost: tuple[str, ...] = ()
    said: str = ""
    """The body, if it was no success."""

    @property
    def failed(self) -> bool:
        """Whether the user saw an error."""
        return self.code != 200


@dataclass
class Users:
    """Sends `rps` requests a second, whether or not earlier ones were answered, from `with` until it ends.

    A request whose connection is lost before an answer began is sent anew up to `patience` times, 0.2 s later each, as
    clients of HTTP do with what may be repeated. An answer, whatever its status, is the request's end.

    They are many, and strangers to each other: no request remembers a session, and each comes at any moment of its
    slot. A gateway that deals requests in turn gives all that come like clockwork, with as many of others between
    them, to one backend.
    """

    host: str
    model: str
    body: dict[str, Any] | None
    """What to infer from; None asks only whether the model is ready, which no check counts."""
    rps: float
    patience: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every request says besides its host."""
    prefix: str = ""
    """What the path begins with."""
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=2 * TIMEOUT_SECONDS)

    def by(self, revision: str) -> list[Answer]:
        """What this revision answered."""
        return [answer for answer in self.answers if answer.revision == revision]

    def failed(self, *, besides: str = "") -> list[Answer]:
        """What users saw fail, `besides` what this revision itself answered."""
        return [answer for answer in self.answers if answer.failed and not (besides and answer.revision == besides)]

    async def _send(self) -> None:
        running: set[asyncio.Task[None]] = set()
        async with self._asking() as ask:
            began, sent, chance = time.monotonic(), 0, Random(f"{self.host} {self.rps}")
            while not self._stop.is_set():
                task = asyncio.create_task(ask())
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
                await asyncio.sleep(max(0.0, began + (sent + chance.random()) / self.rps - time.monotonic()))
            await asyncio.gather(*running)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
        """Open a client; what is given sends one request."""
        what = "ready" if self.body is None else "infer"
        url = f"http://{gateway_address()}{self.prefix}/v2/models/{self.model}/{what}"
        forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False, cookies=forgetful) as client:
            yield partial(self._ask, client, url)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> None:
        at, lost = time.monotonic(), list[str]()
        headers = {"host": self.host, **self.headers}
        while True:
            try:
                method = "GET" if self.body is None else "POST"
                response = await client.request(method, url, json=self.body, headers=headers)
            except httpx.HTTPError as error:
                lost.append(type(error).__name__)
                if len(lost) <= self.patience:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                # No answer is an answer, too: its code is 0.
                self._end(at, 0, "", lost, "")
                return
            said = "" if response.is_success else response.text
            self._end(at, response.status_code, response.headers.get("x-leadsman-revision", ""), lost, said)
            return

    def _end(self, at: float, code: int, revision: str, lost: list[str], said: str) -> None:
        self.answers.append(Answer(at, code, revision, time.monotonic() - at, tuple(lost), said))


def gateway_address() -> str:
    """The address at which this machine reaches the cluster's gateway."""
    gateway = get("gateways.gateway.networking.k8s.io", "gateways", "public")
    return str(gateway["status"]["addresses"][0]["value"])


def wait_until_served(host: str, model: str, prefix: str = "") -> None:
    """Wait until the gateway passes requests on to the model."""

    def answers() -> bool:
        try:
            url = f"http://{gateway_address()}{prefix}/v2/models/{model}/ready"
            return httpx.get(url, headers={"host": host}, timeout=3, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    eventually("the gateway answers for the model", answers)
