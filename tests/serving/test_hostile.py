"""Whatever a client sends: an answer that blames the request, and a server that is none the worse."""

import socket
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadsman_serving import oip_grpc, oip_json
from leadsman_serving.errors import Code, ServingError
from leadsman_serving.open_inference_pb2 import InferTensorContents, ModelInferRequest, ServerReadyRequest
from leadsman_serving.raw import MOST_STRINGS
from serving.grpc_client import SERVICE, connected
from serving.process import ServerProcess

VALID: dict[str, Any] = {
    "id": "x",
    "inputs": [
        {"name": name, "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3], "parameters": {}} for name in "ab"
    ],
    "outputs": [{"name": "sum", "parameters": {}}],
    "parameters": {},
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "shape", "data"]), inner),
    max_leaves=8,
)


@st.composite
def spoiled_requests(draw: st.DrawFn) -> bytes:
    """A valid request in which one value, somewhere, is replaced by any other."""
    document = orjson.loads(orjson.dumps(VALID))
    place: Any = document
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            place[key] = draw(json_values)
            return orjson.dumps(document)
        place = place[key]


bodies = st.binary(max_size=200) | json_values.map(orjson.dumps) | spoiled_requests()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies)
def test_any_body(body: bytes, total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.post(total_server.infer_url, content=body)
    assert response.status_code in (200, 400), (body, response.text)
    if response.status_code == 400:
        assert set(response.json()) == {"error"}
    assert client.get(f"{total_server.url}/v2/health/ready").status_code == 200


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    parts=st.lists(st.sampled_from(["v2", "models", "m", "versions", "v1", "infer", "ready", "", "..", "%00", "%ff%"])),
)
def test_any_path(method: str, parts: list[str], total_server: ServerProcess, client: httpx.Client) -> None:
    response = client.request(method, f"{total_server.url}/{'/'.join(parts)}")
    assert response.status_code in (200, 400, 404, 405), (parts, response.text)


RAW: dict[str, tuple[bytes, bytes]] = {
    "hangs up in mid-body": (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{", b""),
    "hangs up in mid-chunk": (
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{",
        b"",
    ),
    "a length that is no number": (
        b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: x\r\n\r\n{",
        b" 400 ",
    ),
    "a negative length": (b"POST /v2/models/m/infer HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n{", b" 400 "),
    "not HTTP": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", b""),
}


@pytest.mark.parametrize("case", RAW)
def test_any_connection(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    sent, expected = RAW[case]
    with socket.create_connection(("127.0.0.1", httpx.URL(total_server.url).port or 0), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert expected in answer
    assert client.get(f"{total_server.url}/v2/health/ready").status_code == 200
    assert total_server.process.poll() is None
    assert total_server.log[1:] == [], "nothing that a client does is a bug in the server"


def test_a_message_that_is_small_until_it_is_unpacked(total_server: ServerProcess) -> None:
    before = total_server.metric("process_resident_memory_bytes")
    with connected(total_server) as client:
        infer = client.channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as caught:
            infer(bytes(50_000_000), compression=grpc.Compression.Gzip, timeout=30)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert total_server.metric("process_resident_memory_bytes") < before + 30e6


@pytest.mark.parametrize("surface", ["http", "grpc"])
def test_large_requests_that_fail_leave_nothing_behind(
    surface: str, lookup_server: ServerProcess, client: httpx.Client
) -> None:
    """Each takes its size a few times; what an exception holds on to comes again with every one of them."""
    size = 20_000_000
    before = lookup_server.most_memory()
    with connected(lookup_server) as other:
        infer = other.channel.unary_unary(f"/{SERVICE}/ModelInfer")
        for _ in range(20):
            if surface == "http":
                assert client.post(lookup_server.infer_url, content=b"{" + b" " * size).status_code == 400
            else:
                with pytest.raises(grpc.RpcError):
                    infer(b"\xff" * size, timeout=30)
    assert lookup_server.most_memory() < before + 10 * size


def json_of(shape: list[int], **data: Any) -> Any:
    head = orjson.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape} | data]})
    return oip_json.parse_request(head, str(len(head)))


def message_of(shape: list[int], raw: bool) -> Any:
    contents = None if raw else InferTensorContents(fp32_contents=[1])
    tensor = ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=shape, contents=contents)
    return oip_grpc.parse_request(ModelInferRequest(inputs=[tensor], raw_input_contents=[b"1234"] if raw else []))


DIMENSIONS: dict[str, Callable[[list[int]], Any]] = {
    "JSON": lambda shape: json_of(shape, data=[1]),
    "JSON and bytes": lambda shape: json_of(shape, parameters={"binary_data_size": 0}),
    "gRPC, typed": lambda shape: message_of(shape, raw=False),
    "gRPC, raw": lambda shape: message_of(shape, raw=True),
}


@pytest.mark.parametrize("case", DIMENSIONS)
@pytest.mark.parametrize("shape", [[2**62] * 100_000, [1] * 65], ids=["whose product takes hours", "one too many"])
def test_dimensions_without_end(case: str, shape: list[int]) -> None:
    with pytest.raises(ServingError) as caught:
        DIMENSIONS[case](shape)
    assert caught.value.message == f"input 'x': shape of rank {len(shape)} is larger than any tensor can be"


def as_json(sizes: list[int]) -> None:
    described = [
        {"name": f"{n}", "datatype": "BYTES", "shape": [size], "parameters": {"binary_data_size": 4 * size}}
        for n, size in enumerate(sizes)
    ]
    head = orjson.dumps({"inputs": described})
    oip_json.parse_request(head + bytes(4 * sum(sizes)), str(len(head)))


def as_message(sizes: list[int]) -> None:
    tensor = ModelInferRequest.InferInputTensor
    inputs = [tensor(name=f"{n}", datatype="BYTES", shape=[size]) for n, size in enumerate(sizes)]
    contents = [bytes(4 * size) for size in sizes]
    oip_grpc.parse_request(ModelInferRequest(inputs=inputs, raw_input_contents=contents))


@pytest.mark.parametrize("parse", [as_json, as_message])
def test_as_many_strings_as_take_seconds(parse: Callable[[list[int]], None]) -> None:
    parse([MOST_STRINGS // 2] * 2)
    for sizes in ([MOST_STRINGS + 1], [MOST_STRINGS // 2] * 2 + [1]):
        with pytest.raises(ServingError) as caught:
            parse(sizes)
        assert caught.value.code is Code.TOO_LARGE
        assert caught.value.message.startswith("the request has 1000001 strings as bytes, and at most 1000000 are")


@pytest.mark.parametrize("data", [b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x01\xff", b"\x2a\x02" * 500])
def test_a_message_that_is_none(data: bytes, total_server: ServerProcess) -> None:
    with connected(total_server) as client, pytest.raises(grpc.RpcError) as caught:
        client.channel.unary_unary(f"/{SERVICE}/ModelInfer")(data, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "the message is no ModelInferRequest"
    assert total_server.log[1:] == []


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99]
)
def test_any_connection_to_grpc(sent: bytes, total_server: ServerProcess) -> None:
    host, port = total_server.grpc_address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass
    with connected(total_server) as client:
        assert client.call("ServerReady", ServerReadyRequest()).ready
    assert total_server.log[1:] == []
