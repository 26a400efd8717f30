"""Compressed request bodies: by hand-made ones here; test_clients.py has tritonclient send some."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import orjson
import pytest

from serving import models
from serving.process import ServerProcess, serving

LIMIT = 100_000  # of total_server
A = np.array([[1, 2, 3]], dtype=np.float32)
AS_JSON = {name: {"name": name, "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]} for name in "ab"}
PLAIN = orjson.dumps({"inputs": [*AS_JSON.values()]})


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def stored(data: bytes) -> bytes:
    return zlib.compress(data, 0)


def padded(size: int) -> bytes:
    return PLAIN.ljust(size)


def post(client: httpx.Client, url: str, body: bytes, coding: str, **headers: bytes) -> httpx.Response:
    return client.post(url, content=body, headers={"content-encoding": coding.encode()} | headers)


TAKEN: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(PLAIN)),
    "gzip by its old name": ("x-gzip", gzip.compress(PLAIN)),
    "deflate, which is zlib": ("deflate", zlib.compress(PLAIN)),
    "stored, not compressed": ("deflate", stored(PLAIN)),
    "in other letters": ("GZip", gzip.compress(PLAIN)),
    "not compressed": ("identity", PLAIN),
    "nothing said": ("", PLAIN),
    "as large as it may be": ("gzip", gzip.compress(padded(LIMIT))),
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    coding, body = TAKEN[case]
    response = post(client, total_server.infer_url, body, coding)
    assert response.status_code == 200, response.text
    assert response.json()["outputs"][0]["data"] == [2, 4, 6]
    assert "content-encoding" not in response.headers


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at:][1:]


GZIPPED, ZIPPED = gzip.compress(PLAIN), zlib.compress(PLAIN)
UNFIT = "Content-Encoding is {!r}; taken here are gzip, deflate and identity"
REFUSED: dict[str, tuple[str, bytes, int, str]] = {
    "another encoding": ("br", PLAIN, 415, UNFIT.format("br")),
    "zstd": ("zstd", PLAIN, 415, UNFIT.format("zstd")),
    "several encodings": ("deflate, gzip", gzip.compress(ZIPPED), 415, UNFIT.format("deflate, gzip")),
    "not compressed": ("gzip", PLAIN, 400, "the request body is not gzip, as its Content-Encoding says: "),
    "compressed as the other": ("gzip", ZIPPED, 400, "the request body is not gzip, as"),
    "the other way round": ("deflate", GZIPPED, 400, "the request body is not deflate, as"),
    "deflate without zlib": ("deflate", raw_deflate(PLAIN), 400, "the request body is not deflate, as"),
    "damaged in the middle": ("gzip", changed(GZIPPED, 40), 400, "the request body is not gzip, as"),
    "a wrong check sum": ("gzip", changed(GZIPPED, -8), 400, "incorrect data check"),
    "a wrong length": ("gzip", changed(GZIPPED, -1), 400, "incorrect length check"),
    "empty": ("gzip", b"", 400, "the request body is cut: its gzip stream does not end"),
    "cut in the header": ("gzip", GZIPPED[:5], 400, "the request body is cut"),
    "cut by a byte": ("deflate", ZIPPED[:-1], 400, "the request body is cut: its deflate stream does not end"),
    "rubbish after it": ("gzip", GZIPPED + b"\0", 400, "the request body goes on after the end of its gzip stream"),
    "twice": ("gzip", GZIPPED * 2, 400, "the request body goes on after the end"),
    "nothing in it": ("gzip", gzip.compress(b""), 400, "the request body is not valid JSON"),
    "too large by a byte": (
        "gzip",
        gzip.compress(padded(LIMIT + 1)),
        413,
        "the decompressed request body is larger than 100000 bytes, the most taken here",
    ),
    "too large as it comes": ("deflate", stored(padded(LIMIT)), 413, "the request body is larger than 100000 bytes"),
    "too large and damaged after that": ("deflate", zlib.compress(bytes(10**7))[:-5], 413, "the decompressed request"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, total_server: ServerProcess, client: httpx.Client) -> None:
    coding, body, status, message = REFUSED[case]
    response = post(client, total_server.infer_url, body, coding)
    assert (response.status_code, list(response.json())) == (status, ["error"])
    assert message in response.json()["error"]
    assert response.headers.get("accept-encoding") == ("gzip, deflate" if status == 415 else None)
    assert post(client, total_server.infer_url, GZIPPED, "gzip").status_code == 200


INLINE = 1 << 18


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
@pytest.mark.parametrize("size", [INLINE - 1, INLINE, INLINE + 1, 8 * INLINE + 3])
def test_bodies_that_are_finished_on_a_thread(
    size: int, compress: Callable[[bytes], bytes], lookup_server: ServerProcess, client: httpx.Client
) -> None:
    tensor = {"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}
    plain = orjson.dumps({"inputs": [tensor]}).ljust(size - 1) + b"\n"
    coding = "gzip" if compress is gzip.compress else "deflate"
    response = post(client, lookup_server.infer_url, compress(plain), coding)
    assert (response.status_code, response.json()["outputs"][0]["data"]) == (200, [2.5])
    for spoiled, message in {
        compress(plain)[:-1]: "is cut",
        compress(plain) + b"x": "goes on after",
        changed(compress(plain), -1): " check",
    }.items():
        response = post(client, lookup_server.infer_url, spoiled, coding)
        assert (response.status_code, message in response.json()["error"]) == (400, True), response.text


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_the_length_of_json_is_of_what_is_decompressed(
    compress: Callable[[bytes], bytes], total_server: ServerProcess, client: httpx.Client
) -> None:
    described = [
        {"name": name, "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": 12}} for name in "ab"
    ]
    head = orjson.dumps({"inputs": described, "outputs": [{"name": "sum"}]})
    coding = "gzip" if compress is gzip.compress else "deflate"
    size = {"Inference-Header-Content-Length": b"%d" % len(head)}
    response = post(client, total_server.infer_url, compress(head + 2 * A.tobytes()), coding, **size)
    assert response.json()["outputs"][0]["data"] == [2, 4, 6]


def test_a_compressed_body_without_json(tmp_path: Path, client: httpx.Client) -> None:
    with serving(models.save(models.through("FP32", ["N", 3]), tmp_path)) as server:
        size = {"Inference-Header-Content-Length": b"0"}
        response = post(client, server.infer_url, gzip.compress(A.tobytes()), "gzip", **size)
    assert response.content.endswith(A.tobytes())


def test_feedback_is_compressed_too(total_server: ServerProcess, client: httpx.Client) -> None:
    plain = orjson.dumps({"feedback": [{"revision": "rev-a", "correct": True}]})
    assert post(client, total_server.feedback_url, gzip.compress(plain), "gzip").json() == {"accepted": 1}


def test_bombs(total_server: ServerProcess, client: httpx.Client) -> None:
    before, log = total_server.most_memory(), list(total_server.log)
    bomb = zlib.compress(bytes(90_000_000), 9)
    assert len(bomb) < LIMIT
    for _ in range(20):
        assert post(client, total_server.infer_url, bomb, "deflate").status_code == 413
    assert total_server.most_memory() < before + 30e6
    assert total_server.log == log
