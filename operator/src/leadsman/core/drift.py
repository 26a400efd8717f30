"""Does a live object say what we want? Only what we want is compared: defaults and others' fields are theirs."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("num", start=-3)},
    **{suffix: Decimal(10) ** (3 * power) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(2) ** (10 * power) for power, suffix in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,30})?)([numkMGTPE]|[KMGTPE]i)?")


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
    first, second = quantity(one), quantity(other)
    return first is not None and first == second


def quantity(value: Any) -> Decimal | None:
    """What a quantity as Kubernetes writes it amounts to; None for anything else."""
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return Decimal(match[1]) * _SUFFIXES[match[2] or ""] if match else None
