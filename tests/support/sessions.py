"""Clients of a model that keep what the gateway tells them of their session."""

from dataclasses import dataclass, field

import httpx

from support.iris import MODEL, REQUEST
from support.users import TIMEOUT_SECONDS, gateway_address

_NAME = f"leadsman-{MODEL}"


@dataclass
class Session:
    """One client. A cookie it keeps as browsers do; a header it says again as it was told."""

    host: str
    told: str = ""
    """How the last answer began the session, or began it anew: by `Cookie` or `Header`; empty when it went on."""
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(headers={"host": self.host}, trust_env=False, timeout=TIMEOUT_SECONDS)
        self._url = f"http://{gateway_address()}/v2/models/{MODEL}/infer"

    def close(self) -> None:
        """Forget it."""
        self.client.close()

    def ask(self, times: int = 1) -> set[str]:
        """Returns the revisions that answered; an answer that is none raises AssertionError."""
        return {self._ask() for _ in range(times)}

    def _ask(self) -> str:
        response = self.client.post(self._url, json=REQUEST)
        assert response.is_success, f"{response.status_code}: {response.text}"
        self.told = ""
        if any(name.startswith(_NAME) for name in response.cookies):
            self.told = "Cookie"
        if _NAME in response.headers:
            self.told = "Header"
            self.client.headers[_NAME] = response.headers[_NAME]
        return str(response.headers["x-leadsman-revision"])
