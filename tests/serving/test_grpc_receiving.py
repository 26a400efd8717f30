"""Only so many messages are read at once; who sends none, or too slowly, is told so."""

import asyncio

import grpc
import pytest

from leadsman_serving import grpc_receiving
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.grpc_receiving import Receiver
from leadsman_serving.open_inference_pb2 import ModelInferResponse
from serving.grpc_client import SERVICE, connected
from serving.process import ServerProcess


class Call:
    """One call, whose message comes when the test says so."""

    def __init__(self) -> None:
        self.being_read = asyncio.Event()
        self.message: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def read(self) -> object:
        self.being_read.set()
        return await self.message


async def test_no_more_are_read_than_may_be() -> None:
    receiver, calls = Receiver(2), [Call() for _ in range(3)]
    received = [asyncio.create_task(receiver.receive(call)) for call in calls]
    await asyncio.gather(*(call.being_read.wait() for call in calls[:2]))
    assert not calls[2].being_read.is_set()
    calls[1].message.set_result(b"second")
    assert await received[1] == b"second"
    await calls[2].being_read.wait()
    received[0].cancel()  # its client is gone
    calls[2].message.set_result(b"third")
    assert await received[2] == b"third"
    another = Call()
    another.message.set_result(b"another")
    assert await receiver.receive(another) == b"another"


async def test_who_sends_too_slowly_loses_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_receiving, "MOST_SECONDS", 0.01)
    receiver = Receiver(1)
    with pytest.raises(ServingError, match="the message did not come whole in 0 s") as caught:
        await receiver.receive(Call())
    assert caught.value.code is Code.DEADLINE_EXCEEDED
    quick = Call()
    quick.message.set_result(b"")
    assert await receiver.receive(quick) == b""


def test_a_call_without_a_message(total_server: ServerProcess) -> None:
    with connected(total_server) as client:
        call = client.channel.stream_unary(
            f"/{SERVICE}/ModelInfer", response_deserializer=ModelInferResponse.FromString
        )
        with pytest.raises(grpc.RpcError) as caught:
            call(iter(()), timeout=30)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert caught.value.details() == "the call has no message"
