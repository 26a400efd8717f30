"""How much the server takes on at once: a number of requests, and bytes of their bodies. What is beyond is refused."""

from leadsman_serving.errors import Code, ServingError

RETRY_SECONDS = 1
"""After how long a client that was refused may try again."""


class Admission:
    """Lets in at most `most_requests` at once, with bodies of `most_bytes` together. Belongs to one event loop.

    What is still being received has no place among the requests yet, or whoever sends slowly would keep out the others;
    `in_flight` counts it.
    """

    def __init__(self, most_requests: int, most_bytes: int) -> None:
        self.in_flight = 0
        self.admitted = 0
        self.held_bytes = 0
        self.most_requests = most_requests
        self.most_bytes = most_bytes

    def enter(self) -> "Ticket":
        """Begin to receive a request; its ticket has to be given back. Raises ServingError (overloaded)."""
        self.check()
        self.in_flight += 1
        return Ticket(self)

    def check(self) -> None:
        """Raise ServingError (overloaded) when as many requests are being answered as are at once."""
        if self.admitted >= self.most_requests:
            raise _overloaded(f"{self.admitted} requests are being answered, as many as are at once")


class Ticket:
    """One request."""

    __slots__ = ("_admission", "_admitted", "_held")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._admitted = 0
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

    def admit(self) -> None:
        """Let it in, now that it is there. Raises ServingError (overloaded)."""
        self._admission.check()
        self._admission.admitted += 1
        self._admitted = 1

    def give_back(self) -> None:
        """Say that it is answered."""
        self._admission.in_flight -= 1
        self._admission.admitted -= self._admitted
        self._admission.held_bytes -= self._held


def _overloaded(why: str) -> ServingError:
    return ServingError(Code.OVERLOADED, f"the server is overloaded: {why}; try again later")
