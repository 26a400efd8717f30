"""Users of a model on the real cluster: requests through the gateway at a steady rate, and what came back."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from support.cluster import eventually, get

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """One request's end: when it was sent, its HTTP status (0 when there was none), and the revision that answered."""

    at: float
    code: int
    revision: str

    @property
    def failed(self) -> bool:
        """Whether the user saw an error."""
        return self.code != 200


@dataclass
class Users:
    """Sends `rps` requests a second, whether or not earlier ones were answered, from `with` until it ends."""

    host: str
    model: str
    body: dict[str, Any]
    rps: float
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
        self._thread.join(timeout=3 * _TIMEOUT_SECONDS)

    def by(self, revision: str) -> list[Answer]:
        """What this revision answered."""
        return [answer for answer in self.answers if answer.revision == revision]

    async def _send(self) -> None:
        url = f"http://{gateway_address()}/v2/models/{self.model}/infer"
        running: set[asyncio.Task[None]] = set()
        began = time.monotonic()
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            sent = 0
            while not self._stop.is_set():
                task = asyncio.create_task(self._ask(client, url))
                running.add(task)
                task.add_done_callback(running.discard)
                sent += 1
                await asyncio.sleep(max(0.0, began + sent / self.rps - time.monotonic()))
            await asyncio.gather(*running)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> None:
        at, code, revision = time.monotonic(), 0, ""
        try:
            response = await client.post(url, json=self.body, headers={"host": self.host})
            code, revision = response.status_code, response.headers.get("x-leadsman-revision", "")
        except httpx.HTTPError:
            pass  # No answer is an answer, too: its code is 0.
        self.answers.append(Answer(at, code, revision))


def gateway_address() -> str:
    """The address at which this machine reaches the cluster's gateway."""
    gateway = get("gateways.gateway.networking.k8s.io", "gateways", "public")
    return str(gateway["status"]["addresses"][0]["value"])


def wait_until_served(host: str, model: str) -> None:
    """Wait until the gateway passes requests on to the model."""

    def answers() -> bool:
        try:
            url = f"http://{gateway_address()}/v2/models/{model}/ready"
            return httpx.get(url, headers={"host": host}, timeout=3, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    eventually("the gateway answers for the model", answers)
