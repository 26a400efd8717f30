"""The checks that a RolloutPolicy can ask for."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.fields import Duration

KINDS = ("errorRate", "latency", "agreement", "quality", "predictions", "crashes", "prometheus")
_EXACTLY_ONE = " + ".join(f"(has(self.{kind}) ? 1 : 0)" for kind in KINDS) + " == 1"


class ErrorRateCheck(ApiModel):
    """Compares the share of failed requests of the candidate with that of the stable revision."""

    tolerate: Annotated[
        float,
        Field(
            gt=0,
            le=0.999999,
            description="The error rate that a candidate must be shown to stay below before a step passes, as a share "
            "of its requests. A candidate whose stable revision errs more than this passes when it is shown to have "
            "less than twice the stable revision's odds of an error.",
        ),
    ] = 0.02
    objective: Annotated[
        float | None,
        Field(
            gt=0,
            le=0.999999,
            description="The error rate that is promised to users, as a share of requests. A candidate that is shown "
            "to exceed it is rolled back even where the stable revision has too little traffic to compare with, "
            "unless the stable revision exceeds it as well: then the cause is shared and the rollout holds.",
        ),
    ] = None


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


class AgreementCheck(ApiModel):
    """Compares the answers of both revisions to the same requests, which only a shadow step provides."""

    at_least: Annotated[
        float,
        Field(
            gt=0,
            le=0.999999,
            description="The share of answers in which the candidate must agree with the stable revision: the same "
            "labels, the same class where scores are given, numbers within `tolerance`.",
        ),
    ] = 0.95
    tolerance: Annotated[
        float,
        Field(ge=0, lt=1, description="By how much numbers may differ, as a share of the larger of the two."),
    ] = 0.001


class QualityCheck(ApiModel):
    """Compares the share of wrong answers, by the feedback that users send once the truth is known."""

    tolerate: Annotated[
        float,
        Field(
            gt=0,
            le=0.999999,
            description="By how much the candidate's share of wrong answers may exceed that of the stable revision; a "
            "step passes when a larger difference is excluded.",
        ),
    ] = 0.05


class PredictionsCheck(ApiModel):
    """Compares how often each revision predicts the class that the stable revision predicts most."""

    within: Annotated[
        float,
        Field(
            gt=0,
            le=0.999999,
            description="By how much the class's share of predictions may differ between the revisions; 0.1 is ten "
            "points of a hundred. A different model predicts differently: this bounds the size, and asks for no zero.",
        ),
    ] = 0.1


class CrashesCheck(ApiModel):
    """Counts the candidate's containers that end, such as for lack of memory: requests that no counter has seen."""

    at_most_per_day: Annotated[
        float,
        Field(
            gt=0, le=1000, description="How many times a day one pod may be restarted without being held against it."
        ),
    ] = 1.0


class PrometheusCheck(ApiModel):
    """Holds one number of a Prometheus server to bounds, as Argo Rollouts and Flagger do. Outside the guarantee."""

    name: Annotated[
        str,
        Field(
            max_length=40, pattern="^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", description="What people know the number by."
        ),
    ]
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=4096,
            description="A PromQL query that gives one number. `{{candidate}}`, `{{stable}}`, `{{model}}` and "
            "`{{namespace}}` are replaced by their names.",
        ),
    ]
    min: Annotated[float | None, Field(description="The least that is well.")] = None
    max: Annotated[float | None, Field(description="The most that is well.")] = None
    failures: Annotated[
        int, Field(ge=1, le=100, description="How many times in a row the number must be out of bounds to fail.")
    ] = 3
    interval: Annotated[Duration, Field(description="How often the number is asked for.")] = timedelta(seconds=30)

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "has(self.min) || has(self.max)", "message": "a prometheus check needs min, max or both"}
            ]
        }
    )


class Check(ApiModel):
    """One check: exactly one of the kinds is set."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [{"rule": _EXACTLY_ONE, "message": "exactly one check per entry"}]
        }
    )

    error_rate: Annotated[
        ErrorRateCheck | None, Field(description="Failed requests, against the stable revision and an objective.")
    ] = None
    latency: Annotated[LatencyCheck | None, Field(description="Slow answers, against the stable revision.")] = None
    agreement: Annotated[
        AgreementCheck | None, Field(description="Answers to the same requests; needs a shadow step.")
    ] = None
    quality: Annotated[QualityCheck | None, Field(description="Wrong answers, by feedback.")] = None
    predictions: Annotated[PredictionsCheck | None, Field(description="What is predicted how often.")] = None
    crashes: Annotated[CrashesCheck | None, Field(description="Containers that end.")] = None
    prometheus: Annotated[PrometheusCheck | None, Field(description="Any number of a Prometheus server.")] = None
