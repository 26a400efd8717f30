"""Short names for what is too long to be its own."""

import hashlib
import json
from typing import Any

from leadsman.api.rolloutpolicy import RolloutPolicySpec

_LENGTH = 8
# No vowels, and nothing that looks like another character: a hash never spells a word (as in Kubernetes' own names).
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
HASH_PATTERN = f"[{_ALPHABET}]{{{_LENGTH}}}"


def short_hash(value: Any) -> str:
    """Name a JSON value: 8 characters over its canonical form, in which the order of keys makes no difference."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(canonical.encode()).digest())
    letters = []
    for _ in range(_LENGTH):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def policy_hash(policy: RolloutPolicySpec) -> str:
    """Name what a policy says. Fields at their default are left out, so a default written out is the same policy."""
    return short_hash({"v": 1, "policy": policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)})
