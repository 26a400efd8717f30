"""Requests that are almost right, or not at all, as a seed decides; for both surfaces.

By hand, for as long as one likes: `PYTHONPATH=tests python -m serving.fuzzing SECONDS`.
"""

import gzip
import http.client
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import orjson

from leadsman_serving import raw
from leadsman_serving.open_inference_pb2 import InferTensorContents, ModelInferRequest
from serving import models
from serving.grpc_client import SERVICE, Client, connected
from serving.process import ServerProcess, serving

HTTP_STATUSES = {200, 400, 404, 405, 413, 415}
GRPC_STATUSES = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}
JSON_SIZE = "Inference-Header-Content-Length"
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
NUMBERS = [-1, 0, 1, 2, 3, 12, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 1e308, 0.5]
WORDS = ["", "x", "m", "v1", "f", "FP32", "FP16", "BYTES", "BOOL", "\0", "é" * 99, "data", "shape", "binary_data_size"]
KEYS = ["id", "name", "datatype", "shape", "data", "parameters", "inputs", "outputs", "binary_data_size", "binary_data"]

TENSORS = {
    "f": ("FP32", np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)),
    "s": ("BYTES", np.array(["", "Zürich"], dtype=object)),
    "b": ("BOOL", np.array([True, False])),
    "u": ("UINT8", np.array([0, 255], dtype=np.uint8)),
    "h": ("FP16", np.array([0.5, 2], dtype=np.float16)),
}
"""What models.mixed() takes, and gives back."""
RULES = """
signature:
  inputs:
    - {name: f, missing: refused, features: [{name: a, range: {max: 3}}, {name: b, missing: allowed}, {name: c}]}
    - {name: s, missing: refused, categories: [Zürich]}
    - {name: b, categories: [true]}
    - {name: u, range: {min: 1}}
    - {name: h, range: {min: 0, max: 1}}
"""
"""A model.yaml, which these tensors break in part."""


def place(directory: Path) -> Path:
    """Write the model and the rules; returns the directory."""
    models.save(models.mixed(), directory)
    (directory / "model.yaml").write_text(RULES)
    return directory


class Fuzzer:
    """The same requests for the same seed."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)

    def http(self) -> tuple[str, str, dict[str, str], bytes]:
        """A method, a path, headers and a body."""
        chance = self._chance
        document, tail = self._document()
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            self._spoil(document)
        head = orjson.dumps(document)
        size = len(head)
        if chance.random() < 0.4:
            head, tail = self._bytes(head), self._bytes(tail)
        headers = {"x-request-id": chance.choice(WORDS[1:4])}
        if tail or chance.random() < 0.1:
            headers[JSON_SIZE] = str(
                chance.choice([size] * 9 + [0, size - 1, len(head + tail), 2**64, -1, "x", "0x1", "٣"])
            )
        body = head + tail
        if chance.random() < 0.2:
            headers["content-encoding"], body = self._compressed(body)
        headers = {key: value.encode("utf-8").decode("latin-1") for key, value in headers.items()}
        path = "/v2/models/m/infer" if chance.random() < 0.95 else self._path()
        return chance.choice(["POST"] * 19 + ["GET", "PUT"]), path, headers, body

    def grpc(self) -> tuple[str, bytes]:
        """A method and a message."""
        chance = self._chance
        message = self._message()
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            self._spoil_message(message)
        data = message.SerializeToString()
        method = "ModelInfer" if chance.random() < 0.95 else chance.choice(METHODS)
        return method, self._bytes(data) if chance.random() < 0.4 else data

    def _document(self) -> tuple[Any, bytes]:
        inputs, tail = [], b""
        for name, (datatype, array) in self._shuffled(TENSORS):
            item: dict[str, Any] = {"name": name, "datatype": datatype, "shape": list(array.shape)}
            if self._chance.random() < 0.5:
                data = raw.encode(array)
                tail += data
                item["parameters"] = {"binary_data_size": len(data)}
            else:
                item["data"] = (array if self._chance.random() < 0.5 else array.reshape(-1)).tolist()
            inputs.append(item)
        document: dict[str, Any] = {"id": "7", "inputs": inputs}
        if self._chance.random() < 0.5:
            binary = self._chance.random() < 0.5
            outputs = [{"name": f"{name}_out", "parameters": {"binary_data": binary}} for name in TENSORS]
            document |= {"outputs": outputs, "parameters": {"binary_data_output": not binary}}
        return document, tail

    def _compressed(self, body: bytes) -> tuple[str, bytes]:
        """A Content-Encoding and a body, mostly of that encoding, sometimes spoiled or far larger than it looks."""
        chance = self._chance
        if chance.random() < 0.1:
            body = body.ljust(chance.choice([99_999, 100_000, 100_001, 300_000, 3_000_000]))
        compress = {"gzip": gzip.compress, "deflate": zlib.compress}
        coding = chance.choice(sorted(compress))
        body = compress[coding](body)
        if chance.random() < 0.2:
            body = chance.choice(
                [self._bytes(body), body[: chance.randrange(len(body))], body + body, compress[coding](body)]
            )
        return chance.choice([coding] * 9 + ["gzip", "deflate", "br", "gzip, gzip", "identity", *WORDS[:2]]), body

    def _message(self) -> Any:
        message = ModelInferRequest(model_name="m", id="7")
        typed = self._chance.random() < 0.5
        for name, (datatype, array) in self._shuffled(TENSORS):
            tensor = message.inputs.add(name=name, datatype=datatype, shape=array.shape)
            if not typed:
                message.raw_input_contents.append(raw.encode(array))
            elif datatype == "BYTES":
                tensor.contents.bytes_contents.extend(each.encode() for each in array)
            elif datatype != "FP16":
                fields = {"FP32": "fp32_contents", "BOOL": "bool_contents", "UINT8": "uint_contents"}
                getattr(tensor.contents, fields[datatype]).extend(array.reshape(-1).tolist())
        return message

    def _shuffled(self, things: dict[str, Any]) -> list[tuple[str, Any]]:
        return self._chance.sample(sorted(things.items()), len(things))

    def _spoil(self, place: Any) -> None:
        """Replace, remove or add one thing, somewhere."""
        chance = self._chance
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return
            key = chance.choice(keys)
            if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.8:
                place = place[key]
                continue
            match chance.randrange(4):
                case 0:
                    del place[key]
                case 1 if isinstance(place, dict):
                    place[chance.choice(KEYS)] = self._value()
                case 2 if isinstance(place, list):
                    place.append(self._value())
                case _:
                    place[key] = self._value()
            return

    def _value(self, depth: int = 0) -> Any:
        match self._chance.randrange(6 if depth < 3 else 4):
            case 0:
                number = self._chance.choice(NUMBERS)
                return number if -(2**63) <= number < 2**64 else None
            case 1:
                return self._chance.choice(WORDS)
            case 2:
                return self._chance.choice([None, True, False])
            case 3:
                return self._chance.choice([[], {}, [[[[[]]]]], [1] * 100])
            case 4:
                return [self._value(depth + 1) for _ in range(self._chance.randrange(4))]
            case _:
                return {self._chance.choice(KEYS): self._value(depth + 1) for _ in range(self._chance.randrange(4))}

    def _spoil_message(self, message: Any) -> None:
        chance = self._chance
        tensor: Any = chance.choice(message.inputs) if message.inputs else message.inputs.add()
        match chance.randrange(9):
            case 0:
                tensor.name = chance.choice(WORDS)
            case 1:
                tensor.datatype = chance.choice(WORDS)
            case 2:
                tensor.shape[:] = [
                    number for number in chance.choices(NUMBERS, k=chance.choice([0, 1, 2, 99])) if _is_int64(number)
                ]
            case 3:
                tensor.contents.CopyFrom(InferTensorContents(int64_contents=[1], bytes_contents=[b"\xff"]))
            case 4:
                tensor.ClearField("contents")
            case 5:
                message.raw_input_contents.append(bytes(chance.randrange(50)))
            case 6:
                message.outputs.add(name=chance.choice(WORDS))
            case 7:
                message.inputs.add().CopyFrom(tensor)
            case _:
                message.model_version = chance.choice(WORDS)

    def _bytes(self, data: bytes) -> bytes:
        spoiled = bytearray(data)
        for _ in range(self._chance.choice([1, 1, 3, 20])):
            at = self._chance.randrange(len(spoiled) + 1)
            match self._chance.randrange(4):
                case 0:
                    spoiled[at : at + 1] = self._chance.randbytes(1)
                case 1:
                    del spoiled[at : at + self._chance.randrange(1, 20)]
                case 2:
                    spoiled[at:at] = spoiled[: self._chance.randrange(200)]
                case _:
                    spoiled[at : at + 4] = b"\xff\xff\xff\xff"
        return bytes(spoiled)

    def _path(self) -> str:
        words = ["v2", "models", "m", "versions", "v1", "infer", "ready", "", "..", "%00", "%ff", "feedback", "x" * 999]
        return "/" + "/".join(self._chance.choices(words, k=self._chance.randrange(8)))


def _is_int64(number: float) -> bool:
    return isinstance(number, int) and -(2**63) <= number < 2**63


class Target:
    """A server of models.mixed(), asked whatever a fuzzer makes up; counts the answers, which have to be fair."""

    def __init__(self, server: ServerProcess, client: Client) -> None:
        self._server = server
        self._rpc: dict[str, Callable[..., bytes]] = {
            name: client.channel.unary_unary(f"/{SERVICE}/{name}") for name in METHODS
        }
        self._http = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
        self.answers: Counter[str] = Counter()

    def ask(self, seed: str) -> None:
        """Send one request of each kind."""
        fuzzer = Fuzzer(seed)
        status, content = self._exchange(*fuzzer.http())
        self.answers[f"HTTP {status}"] += 1
        assert status in HTTP_STATUSES, (seed, status, content)
        if status != 200:
            assert list(orjson.loads(content)) == ["error"], (seed, content)
        name, message = fuzzer.grpc()
        try:
            self._rpc[name](message, timeout=30)
            code, details = "OK", ""
        except grpc.RpcError as error:
            code, details = error.code().name, error.details()
        self.answers[f"gRPC {code}"] += 1
        assert code in GRPC_STATUSES, (seed, code, details)

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            self._http.request(method, path, body, headers)
        except BrokenPipeError:  # the server hangs up after an answer that does without the request's body
            self._http.close()
            self._http.request(method, path, body, headers)
        response = self._http.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        self._http.close()


def main(seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(place(Path(directory)), "--max-body-bytes", "100000") as server,
        connected(server) as client,
    ):
        target, end, number, start = Target(server, client), time.monotonic() + seconds, 0, time.monotonic_ns()
        while time.monotonic() < end:
            target.ask(f"{start}/{number}")
            number += 1
        print(dict(sorted(target.answers.items())), f"{server.metric('process_resident_memory_bytes') / 1e6:.0f} MB")
        print(server.log[1:])


if __name__ == "__main__":
    main(float(sys.argv[1]))
