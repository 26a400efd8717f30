"""Users who ask by gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from leadsman_serving.open_inference_pb2 import InferTensorContents, ModelInferRequest
from support.cluster import eventually
from support.users import TIMEOUT_SECONDS, Users, gateway_address

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


@dataclass
class GrpcUsers(Users):
    """They share one connection, as callers of gRPC do. A call that is OK has 200 as its status, any other 500.

    They ask once, whatever `patience` says: clients of gRPC send again by themselves what never left.
    """

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Callable[[], Coroutine[Any, Any, None]]]:
        # Calls of the client that is not asyncio's: that one shares a poller among threads, which complains.
        options = [("grpc.default_authority", self.host), ("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(f"{gateway_address()}:80", options) as channel:
            yield partial(self._call, channel.unary_unary(_METHOD), self._request().SerializeToString())

    def _request(self) -> Any:
        assert self.body is not None
        tensors = [
            ModelInferRequest.InferInputTensor(
                name=one["name"],
                datatype=one["datatype"],
                shape=one["shape"],
                contents=InferTensorContents(fp32_contents=one["data"]),
            )
            for one in self.body["inputs"]
        ]
        return ModelInferRequest(model_name=self.model, inputs=tensors)

    async def _call(self, method: Any, request: bytes) -> None:
        at, ended = time.monotonic(), asyncio.Event()
        loop = asyncio.get_running_loop()
        call = method.future(request, timeout=TIMEOUT_SECONDS, metadata=list(self.headers.items()))
        call.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
        await ended.wait()
        revision = str(dict(call.trailing_metadata()).get("x-leadsman-revision", ""))
        if call.code() is grpc.StatusCode.OK:
            self._end(at, 200, revision, [], "")
        else:
            self._end(at, 500, revision, [], f"{call.code().name}: {call.details()}")


def wait_until_called(host: str, model: str, body: dict[str, Any]) -> None:
    """Wait until the gateway passes calls on to the model."""
    with GrpcUsers(host, model, body, rps=5) as probes:
        eventually("the gateway answers calls", lambda: any(not answer.failed for answer in probes.answers))
