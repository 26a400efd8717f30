"""Messages as they come by gRPC, which keeps all of one that is being read: so only so many are read at once.

What comes meanwhile waits in its connection, where HTTP/2's flow control lets in no more than a window of it.
"""

import asyncio
from typing import Any

import grpc

from leadsman_serving.errors import Code, ServingError, invalid

MOST_SECONDS = 30.0
"""For a message to come whole once it is read: who sends slowly keeps others from their turns."""


class Receiver:
    """Reads messages, at most `most` at once. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        self._turns = asyncio.Semaphore(most)

    async def receive(self, context: Any) -> bytes:
        """Return the message of a call, once it has come whole.

        Raises ServingError: invalid argument when there is none, deadline exceeded when it takes too long.
        """
        async with self._turns:
            try:
                async with asyncio.timeout(MOST_SECONDS):
                    message = await context.read()
            except TimeoutError:
                late = f"the message did not come whole in {MOST_SECONDS:.0f} s"
                raise ServingError(Code.DEADLINE_EXCEEDED, late) from None
        if message is grpc.aio.EOF:
            raise invalid("the call has no message")
        data: bytes = message
        return data
