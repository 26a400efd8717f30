"""Scalar types shared by the API: durations, quantities, digests, model URIs. Each carries its own JSON schema."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
_DURATION = re.compile(r"(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?")
_LONGEST = timedelta(hours=99_999)

DELAY_PATTERN = r"^(0s|1s|[1-9][0-9]{0,2}ms)$"
_DELAY = re.compile(r"0s|1s|[1-9][0-9]{0,2}ms")

QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

# One place says which stores the serving image can fetch from (model-package: sources/). A registered model of MLflow
# (`mlflow://fraud@champion`) has no host.
MODEL_URI_PATTERN = r"^((https?|s3|gs|az|hf|oci|pvc)://[^\s/]+/\S+|mlflow://[^\s/]\S*)$"
DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"


def parse_duration(value: Any) -> timedelta:
    """Parse `1h30m`, `45s`, `10m`, up to 99999h. Raises ValueError for anything else; a timedelta passes through."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError(f"expected a duration like 30s, 10m or 1h30m, got {value!r}")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    # The pattern of the CRD lets sums through that it would refuse when written back; eleven years are enough.
    return min(duration, _LONGEST)


def format_duration(value: timedelta) -> str:
    """Write a duration the shortest way that `parse_duration` reads back; fractions of a second are dropped."""
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    text = "".join(f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if number)
    return text or "0s"


def parse_delay(value: Any) -> timedelta:
    """Parse `0s`, `1ms` to `999ms`, or `1s`. Raises ValueError for anything else; a timedelta passes through."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _DELAY.fullmatch(value):
        raise ValueError(f"expected a delay like 0s, 5ms or 1s, got {value!r}")
    return timedelta(milliseconds=int(value[:-2])) if value.endswith("ms") else timedelta(seconds=int(value[:-1]))


def format_delay(value: timedelta) -> str:
    """Write a delay as `parse_delay` reads it back."""
    milliseconds = round(value.total_seconds() * 1000)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 2, "pattern": DURATION_PATTERN}),
]

Delay = Annotated[
    timedelta,
    BeforeValidator(parse_delay),
    PlainSerializer(format_delay, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DELAY_PATTERN}),
]

Quantity = Annotated[
    str,
    BeforeValidator(str),
    Field(pattern=QUANTITY_PATTERN),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN}),
]

BinarySize = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}(Ki|Mi|Gi)$")]

Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]

Hostname = Annotated[str, Field(min_length=1, max_length=253)]
