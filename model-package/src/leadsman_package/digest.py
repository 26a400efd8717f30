"""What identifies a model: the digest of its file, and of the files with external data that it names.

To find those, the file is walked as protobuf: only the lengths on the way to its tensors are read, never their data.
"""

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

Span = tuple[int, int]

# onnx.proto: the fields of each message that lead to tensors, and the messages that they hold.
_ON_THE_WAY: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external data"},
}
_KEY, _VALUE = 1, 2  # of an entry of external data
_LOCATION = b"location"
_FIXED_SIZES = {1: 8, 5: 4}  # by wire type


def model_digest(path: Path) -> str:
    """Return "sha256:<hex>" of a model's file; with external data, of the list of it and those files.

    The list is as `sha256sum` writes it: a line "<hex>  <name>" for the model's file and then for each other file, as
    the model names them, in the order of their names. Files that are not there, or not within the model's directory,
    are left out: ONNX Runtime does not read them. Raises OSError, and ValueError for a file that is no protobuf.
    """
    own = _sha256(path)
    directory = path.parent.resolve()
    others = {name: (directory / name).resolve() for name in external_files(path)}
    kept = {name: file for name, file in others.items() if file.is_file() and file.is_relative_to(directory)}
    return digest_of_list(own, path.name, {name: _sha256(file) for name, file in kept.items()})


def digest_of_list(own: str, name: str, others: Mapping[str, str]) -> str:
    """Return a model's digest by the SHA-256 of its file, in hex, its name, and those of the others by their names."""
    if not others:
        return f"sha256:{own}"
    lines = [f"{own}  {name}\n", *(f"{others[each]}  {each}\n" for each in sorted(others))]
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def external_files(path: Path) -> set[str]:
    """Return the names of the files that hold data of a model's tensors, as the model has them."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(_LOCATION) < 0:
            return set()  # most models, and quick to tell: the walk takes a second for a million numbers in attributes
        return {name.decode(errors="replace") for name in _locations(data)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locations(data: mmap.mmap) -> Iterator[bytes]:
    ahead: list[tuple[str, Span]] = [("model", (0, len(data)))]
    while ahead:
        message, span = ahead.pop()
        if message == "external data":
            entry = {number: data[start:end] for number, (start, end) in _fields(data, span)}
            if entry.get(_KEY) == _LOCATION:
                yield entry.get(_VALUE, b"")
        else:
            held = _ON_THE_WAY[message]
            ahead += [(held[number], inner) for number, inner in _fields(data, span) if number in held]


def _fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, Span]]:
    """Return the number and the place of each field of a message that has a length: messages, strings, bytes."""
    at, end = span
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 2:
            size, at = _varint(data, at)
            yield tag >> 3, (at, at + size)
            at += size
        elif kind == 0:
            _, at = _varint(data, at)
        else:
            at += _FIXED_SIZES.get(kind, 0)


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("no protobuf")
