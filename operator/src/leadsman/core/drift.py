"""Does a live object say what we want? Only what we want is compared: defaults and others' fields are theirs."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def drifted(desired: Any, live: Any) -> bool:
    """Whether `live` differs from `desired` in anything that `desired` names.

    The API server rewrites quantities ("1000m" becomes "1"), so strings that are the same quantity are the same.
    """
    if isinstance(desired, Mapping):
        return not isinstance(live, Mapping) or any(
            drifted(value, live[key]) if key in live else value not in ({}, []) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return not isinstance(live, list) or len(desired) != len(live) or any(map(drifted, desired, live))
    return bool(desired != live) and not _same_quantity(desired, live)


def _same_quantity(one: Any, other: Any) -> bool:
    first, second = _quantity(one), _quantity(other)
    return first is not None and first == second


def _quantity(value: Any) -> Decimal | None:
    if not isinstance(value, str) or not value[:1].isdigit():
        return None
    digits = value.rstrip("".join({letter for suffix in _SUFFIXES for letter in suffix}))
    suffix = value[len(digits) :]
    if not digits.replace(".", "", 1).isdigit() or (suffix and suffix not in _SUFFIXES):
        return None
    return Decimal(digits) * _SUFFIXES.get(suffix, Decimal(1))
