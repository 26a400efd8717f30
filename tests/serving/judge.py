"""Other people's clients of the protocol, asked over a pipe: `python judge.py triton|kserve HTTP GRPC` with addresses.

Runs in the environment of hack/side-venv.sh, and knows nothing of our code: what it sends and how it reads an answer
is the client's. The two clients cannot be in one process, for each brings its own copy of the protocol's messages.
"""

import asyncio
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Inputs = list[tuple[str, str, np.ndarray]]
Outputs = dict[str, np.ndarray]


def triton(http: str, grpc: str) -> dict[str, Callable[..., Any]]:
    import tritonclient.grpc  # noqa: PLC0415
    import tritonclient.http  # noqa: PLC0415
    from tritonclient.grpc import service_pb2  # noqa: PLC0415

    by_http = tritonclient.http.InferenceServerClient(http)
    by_grpc = tritonclient.grpc.InferenceServerClient(grpc)

    def infer(package: Any, client: Any, inputs: Inputs, names: list[str], **form: bool) -> Outputs:
        tensors = [package.InferInput(name, list(array.shape), datatype) for name, datatype, array in inputs]
        for tensor, (_, _, array) in zip(tensors, inputs, strict=True):
            tensor.set_data_from_numpy(array, **form)
        wanted = [package.InferRequestedOutput(name, **form) for name in names]
        result = client.infer("m", tensors, outputs=wanted, request_id="7", model_version="v1")
        response = result.get_response()
        told = (
            response if isinstance(response, dict) else {key: getattr(response, key) for key in ("id", "model_version")}
        )
        assert (told["id"], told["model_version"]) == ("7", "v1")
        return {name: result.as_numpy(name) for name in names}

    def look_up(client: Any, **more: Any) -> dict[str, Any]:
        return {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "model ready": client.is_model_ready("m") and client.is_model_ready("m", "v1"),
            "server": client.get_server_metadata(**more),
            "model": client.get_model_metadata("m", **more),
        }

    def compressed(package: Any, client: Any, inputs: Inputs, names: list[str], **how: str) -> Outputs:
        ((name, datatype, array),) = inputs
        tensor = package.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        result = client.infer("m", [tensor], **how)
        return {name: result.as_numpy(name) for name in names}

    def http_compressed(algorithm: str) -> Callable[..., Outputs]:
        how = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
        return lambda *asked: compressed(tritonclient.http, by_http, *asked, **how)

    def grpc_compressed(algorithm: str) -> Callable[..., Outputs]:
        return lambda *asked: compressed(tritonclient.grpc, by_grpc, *asked, compression_algorithm=algorithm)

    def raw_body(inputs: Inputs, names: list[str]) -> Outputs:
        ((_, _, array),) = inputs
        headers = {"Inference-Header-Content-Length": "0"}
        response = by_http._post("v2/models/m/infer", array.tobytes(), headers, None)
        result = tritonclient.http.InferResult(response, False)
        return {name: result.as_numpy(name) for name in names}

    return {
        "messages": lambda: described(service_pb2.DESCRIPTOR.message_types_by_name.values()),
        "binary": lambda *asked: infer(tritonclient.http, by_http, *asked, binary_data=True),
        "json": lambda *asked: infer(tritonclient.http, by_http, *asked, binary_data=False),
        "grpc": lambda *asked: infer(tritonclient.grpc, by_grpc, *asked),
        "gzip": http_compressed("gzip"),
        "deflate": http_compressed("deflate"),
        "grpc gzip": grpc_compressed("gzip"),
        "grpc deflate": grpc_compressed("deflate"),
        "raw body": raw_body,
        "look up by http": lambda: look_up(by_http),
        "look up by grpc": lambda: look_up(by_grpc, as_json=True),
    }


def kserve(http: str, grpc: str) -> dict[str, Callable[..., Any]]:
    from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig  # noqa: PLC0415
    from kserve.protocol.grpc import grpc_predict_v2_pb2  # noqa: PLC0415
    from kserve.protocol.infer_type import RequestedOutput  # noqa: PLC0415

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    url = f"http://{http}"

    async def connect() -> Any:
        return InferenceRESTClient(RESTConfig(protocol="v2")), InferenceGRPCClient(grpc, retries=0)

    by_http, by_grpc = loop.run_until_complete(connect())

    def request(inputs: Inputs, names: list[str], binary: bool) -> Any:
        tensors = [InferInput(name, list(array.shape), datatype) for name, datatype, array in inputs]
        for tensor, (_, _, array) in zip(tensors, inputs, strict=True):
            tensor.set_data_from_numpy(array, binary_data=binary)
        wanted = [RequestedOutput(name, {"binary_data": binary}) for name in names]
        return InferRequest("m", tensors, request_id="7", request_outputs=wanted)

    def read(response: Any) -> Outputs:
        assert response.id == "7"
        # Its reader of HTTP answers leaves the version out.
        assert response.model_version in ("v1", None)
        return {output.name: output.as_numpy() for output in response.outputs}

    def rest(inputs: Inputs, names: list[str], binary: bool) -> Outputs:
        return read(loop.run_until_complete(by_http.infer(url, request(inputs, names, binary), model_name="m")))

    def rpc(inputs: Inputs, names: list[str], binary: bool) -> Outputs:
        return read(loop.run_until_complete(by_grpc.infer(request(inputs, names, binary))))

    async def look_up(client: Any, *where: str) -> dict[str, Any]:
        return {
            "live": await client.is_server_live(*where),
            "ready": await client.is_server_ready(*where),
            "model ready": await client.is_model_ready(*where, "m"),
        }

    return {
        "messages": lambda: described(grpc_predict_v2_pb2.DESCRIPTOR.message_types_by_name.values()),
        "binary": lambda *asked: rest(*asked, True),
        "json": lambda *asked: rest(*asked, False),
        "grpc": lambda *asked: rpc(*asked, True),
        "grpc typed": lambda *asked: rpc(*asked, False),
        "look up by http": lambda: loop.run_until_complete(look_up(by_http, url)),
        "look up by grpc": lambda: loop.run_until_complete(look_up(by_grpc)),
    }


def described(messages: Any) -> dict[str, set[tuple[str, int, int]]]:
    """By message, the name, number and type of each field."""
    found: dict[str, set[tuple[str, int, int]]] = {}
    for message in messages:
        found[message.full_name] = {(field.name, field.number, field.type) for field in message.fields}
        found |= described(message.nested_types)
    return found


def main(client: str, http: str, grpc: str) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a client prints is no answer
    ways = {"triton": triton, "kserve": kserve}[client](http, grpc)
    while True:
        try:
            way, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            outcome: tuple[bool, Any] = (True, ways[way](*arguments))
        except Exception as error:
            outcome = (False, f"{type(error).__name__}: {error}")
        pickle.dump(outcome, answers)
        answers.flush()


main(*sys.argv[1:])
