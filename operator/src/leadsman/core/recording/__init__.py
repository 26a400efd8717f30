"""Recordings of rollouts: what each pass saw, so that a rollout can be replayed to the same decisions, or to others.

`keep` adds a pass, `extended` adds to what is on the ModelRevision, `decode` and `replay` are for those who read it.
"""

from leadsman.core.recording.codec import decode, encode
from leadsman.core.recording.keep import Flush, Kept, Pass, extended, keep
from leadsman.core.recording.merge import merge
from leadsman.core.recording.replay import Replay, replay
from leadsman.core.recording.types import Entry, Header, Recording

__all__ = [
    "Entry",
    "Flush",
    "Header",
    "Kept",
    "Pass",
    "Recording",
    "Replay",
    "decode",
    "encode",
    "extended",
    "keep",
    "merge",
    "replay",
]
