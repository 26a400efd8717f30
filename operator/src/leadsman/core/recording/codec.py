"""A recording as text, and back. The text is for an annotation: base64 of zlib of JSON lines, the header first.

An annotation, since a ModelRevision's spec never changes and a blob in its status would make `kubectl describe`
unreadable; long annotations it cuts off by itself.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence

from pydantic import ValidationError

from leadsman.core.recording.types import Entry, Header, Recording

MOST_TEXT = 128 * 1024
"""Characters of an encoded recording, at most: half of what all annotations of an object may have."""

MOST_ENTRIES = 20_000
MOST_BYTES = 8 << 20
"""Entries and uncompressed bytes of a recording, at most: whoever reads one knows what memory it takes."""


def line(part: Header | Entry) -> str:
    """One line of a recording. The policy is written out: a default of a later version must not change it."""
    if isinstance(part, Header):
        return part.model_dump_json(by_alias=True, exclude_none=True)
    return part.model_dump_json(by_alias=True, exclude_defaults=True)


def encode(recording: Recording) -> str:
    """Return the text of a recording. Raises ValueError if it is larger than any recording may be."""
    return encode_lines([line(recording.header), *map(line, recording.entries)])


def encode_lines(lines: Sequence[str]) -> str:
    """Return the text of a recording, given its lines. Raises ValueError if it is larger than any may be."""
    raw = "\n".join(lines).encode()
    if len(lines) - 1 > MOST_ENTRIES or len(raw) > MOST_BYTES:
        raise ValueError(f"a recording has at most {MOST_ENTRIES:,} entries and {MOST_BYTES:,} bytes")
    text = base64.b64encode(zlib.compress(raw, 9)).decode()
    if len(text) > MOST_TEXT:
        raise ValueError(f"a recording has at most {MOST_TEXT:,} characters, this one {len(text):,}")
    return text


def decode(text: str | bytes) -> Recording:
    """Return the recording that a text encodes. Raises ValueError with a sentence for anything else."""
    lines = _unpacked(text)
    try:
        header = Header.model_validate_json(lines[0])
        return Recording(header=header, entries=tuple(map(Entry.model_validate_json, lines[1:])))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "an entry"
        raise ValueError(
            f"this is no recording that this version of Leadsman can read: {where}: {first['msg']}"
        ) from error


def _unpacked(text: str | bytes) -> list[bytes]:
    """Return the lines, of which there is at least one. What unpacks to more than a recording may is not unpacked."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"a recording has at most {MOST_TEXT:,} characters, this has {len(text):,}")
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(base64.b64decode(text, validate=True), MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise ValueError(f"a recording is base64 of zlib, this is not: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("the recording is cut off, or larger than any recording may be")
    lines = raw.split(b"\n", MOST_ENTRIES + 1)
    if len(lines) > MOST_ENTRIES + 1:
        raise ValueError(f"a recording has at most {MOST_ENTRIES:,} entries")
    return lines
