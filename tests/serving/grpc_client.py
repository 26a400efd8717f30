"""A client of the gRPC surface that adds nothing of its own: what is sent is what the test says."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from leadsman_serving import open_inference_pb2 as oip
from serving.process import ServerProcess

SERVICE = "inference.GRPCInferenceService"


class Client:
    """Calls the methods of the service over one channel."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def method(self, name: str, response: Any) -> Any:
        return self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )

    def call(self, name: str, message: Any) -> Any:
        return self.method(name, getattr(oip, f"{name}Response"))(message, timeout=30)

    def infer(self, message: Any, **metadata: str) -> Any:
        call = self.method("ModelInfer", oip.ModelInferResponse)
        return call(message, timeout=30, metadata=[(key.replace("_", "-"), value) for key, value in metadata.items()])


@contextmanager
def connected(server: ServerProcess) -> Iterator[Client]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield Client(channel)
