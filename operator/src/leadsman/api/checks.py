"""The checks that a RolloutPolicy can ask for."""

from typing import Annotated

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel

_KINDS = ("errorRate", "latency")
_EXACTLY_ONE = " + ".join(f"(has(self.{kind}) ? 1 : 0)" for kind in _KINDS) + " == 1"


class ErrorRateCheck(ApiModel):
    """Compares the share of failed requests of the candidate with that of the stable revision."""

    tolerate: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            description="The error rate that a candidate must be shown to stay below before a step passes, as a share "
            "of its requests. A candidate whose stable revision errs more than this passes when it is shown to have "
            "less than twice the stable revision's odds of an error.",
        ),
    ] = 0.02


class LatencyCheck(ApiModel):
    """Compares the latency distribution of the candidate with that of the stable revision."""

    tolerate_ratio: Annotated[
        float,
        Field(
            ge=1,
            le=100,
            description="How many times as slow as the stable revision a candidate may be without being rolled back "
            "for it. Rounded up to the next bucket bound of the serving pods' latency histogram.",
        ),
    ] = 1.2


class Check(ApiModel):
    """One check: exactly one of the kinds is set."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [{"rule": _EXACTLY_ONE, "message": "exactly one check per entry"}]
        }
    )

    error_rate: Annotated[ErrorRateCheck | None, Field(description="Failed requests, against the stable revision.")] = (
        None
    )
    latency: Annotated[LatencyCheck | None, Field(description="Slow answers, against the stable revision.")] = None
