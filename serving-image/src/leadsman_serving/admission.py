"""How much the server takes on at once: a number of requests, and bytes of their bodies. What is beyond is refused."""

from leadsman_serving.errors import Code, ServingError

RETRY_SECONDS = 1
"""After how long a client that was refused may try again."""


class Admission:
    """Lets in at most `most_requests` at once, with bodies of `most_bytes` together. Belongs to one event loop."""

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self.in_flight = 0
        self.most_requests = most_requests
        self.most_bytes = most_bytes
        self.held_bytes = 0

    def enter(self) -> "Ticket":
        """Let a request in until its ticket is given back. Raises ServingError (overloaded) when there are too many."""
        if self.in_flight >= self.most_requests:
            raise _overloaded(f"{self.in_flight} requests are being answered, as many as are at once")
        self.in_flight += 1
        return Ticket(self)


class Ticket:
    """One request that was let in."""

    __slots__ = ("_admission", "_held")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._held = 0

    def hold(self, size: int) -> None:
        """Let so many more bytes of its body in. Raises ServingError (overloaded) when there are too many."""
        admission = self._admission
        if admission.held_bytes + size > admission.most_bytes:
            raise _overloaded(
                f"the requests being answered have {admission.held_bytes} bytes, and at most {admission.most_bytes}"
                f" are taken at once, too few for {size} more"
            )
        admission.held_bytes += size
        self._held += size

    def give_back(self) -> None:
        """Say that the request is answered."""
        self._admission.in_flight -= 1
        self._admission.held_bytes -= self._held


def _overloaded(why: str) -> ServingError:
    return ServingError(Code.OVERLOADED, f"the server is overloaded: {why}; try again later")
