"""JSON that takes too much to read is refused before it is read."""

import gzip

import httpx
import numpy as np
import orjson
import pytest

from leadsman_serving.errors import Code, ServingError
from leadsman_serving.json_bounds import MOST_PARTS, check_readable
from leadsman_serving.oip_json import parse_request
from serving.process import ServerProcess

MILLION = 1_000_000

TAKEN: dict[str, bytes] = {
    "a million numbers": b"[" + b"0.25," * MILLION + b"0]",
    "as many numbers as there may be": b"[" + b"0," * (MOST_PARTS - 4) + b"0]",
    "a million strings": b"[" + b'"AT",' * MILLION + b'""]',
    "images as nested lists": orjson.dumps(np.zeros((6, 3, 224, 224)).tolist()),
    "one long text": b'"' + b"a" * 60 * MILLION + b'"',
}


@pytest.mark.parametrize("case", TAKEN)
def test_taken(case: str) -> None:
    check_readable(TAKEN[case])


REFUSED: dict[str, tuple[bytes, int]] = {
    "one number more": (b"[" + b"0," * (MOST_PARTS - 3) + b"0]", MOST_PARTS + 1),
    "lists of nothing": (b"[" + b"[]," * MILLION + b"[]]", 5 * MILLION + 8),
    "objects of nothing": (b"[" + b"{}," * MILLION + b"{}]", 5 * MILLION + 8),
    "lists in lists": (b"[" * 1_500_000, 6 * MILLION),
    "rows of one number": (b"[" + b"[0.5]," * MILLION + b"[0]]", 5 * MILLION + 8),
    "two million strings": (b"[" + b'"AT",' * 2 * MILLION + b'""]', 6 * MILLION + 6),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, parts = REFUSED[case]
    with pytest.raises(
        ServingError, match=f"has {parts} parts .*, and at most {MOST_PARTS} are taken: send "
    ) as caught:
        check_readable(text)
    assert caught.value.code is Code.TOO_LARGE


def test_of_a_body_with_bytes_only_the_json_counts() -> None:
    tensor = np.full(8 * MILLION, ord("["), np.uint8)
    parameters = {"binary_data_size": tensor.nbytes}
    described = {"name": "x", "datatype": "UINT8", "shape": tensor.shape, "parameters": parameters}
    head = orjson.dumps({"inputs": [described]})
    request = parse_request(head + tensor.tobytes(), str(len(head))).request
    np.testing.assert_array_equal(request.inputs["x"].array, tensor)


def test_a_few_bytes_that_stand_for_gigabytes(lookup_server: ServerProcess, client: httpx.Client) -> None:
    text = b'{"inputs":[' + b"[]," * 20 * MILLION + b"[]]}"
    before = lookup_server.most_memory()
    response = client.post(lookup_server.infer_url, content=gzip.compress(text), headers={"content-encoding": "gzip"})
    assert (response.status_code, "send large tensors as bytes" in response.text) == (413, True)
    assert lookup_server.most_memory() < before + 4 * len(text)
