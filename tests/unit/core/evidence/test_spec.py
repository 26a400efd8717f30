"""What a policy's checks ask of the engine."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from leadsman.api.checks import (
    KINDS,
    AgreementCheck,
    Check,
    CrashesCheck,
    ErrorRateCheck,
    LatencyCheck,
    PredictionsCheck,
    PrometheusCheck,
    QualityCheck,
)
from leadsman.core.evidence import EvidenceSpec

ERRORS = Check(error_rate=ErrorRateCheck(tolerate=0.05))
LATENCY = Check(latency=LatencyCheck(tolerate_ratio=1.5))
REVENUE = PrometheusCheck(name="revenue", query="a", min=1)
LOAD = PrometheusCheck(name="load", query="b", max=1)
REVENUE_AGAIN = PrometheusCheck(name="revenue", query="c", min=2)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param([], EvidenceSpec(), id="no checks"),
        pytest.param([ERRORS], EvidenceSpec(error_rate=ERRORS.error_rate), id="errors"),
        pytest.param([LATENCY, ERRORS], EvidenceSpec(ERRORS.error_rate, LATENCY.latency), id="both, in any order"),
        pytest.param(
            [Check(agreement=AgreementCheck()), Check(quality=QualityCheck()), Check(predictions=PredictionsCheck())],
            EvidenceSpec(agreement=AgreementCheck(), quality=QualityCheck(), predictions=PredictionsCheck()),
            id="answers",
        ),
        pytest.param([Check(crashes=CrashesCheck())], EvidenceSpec(crashes=CrashesCheck()), id="crashes"),
        pytest.param(
            [Check(error_rate=ErrorRateCheck()), ERRORS],
            EvidenceSpec(error_rate=ERRORS.error_rate),
            id="of two of a kind the last counts",
        ),
        pytest.param(
            [Check(prometheus=REVENUE), Check(prometheus=LOAD), Check(prometheus=REVENUE_AGAIN)],
            EvidenceSpec(prometheus=(REVENUE_AGAIN, LOAD)),
            id="of numbers there may be many, of each name one",
        ),
    ],
)
def test_spec_of_a_policy(checks: list[Check], expected: EvidenceSpec) -> None:
    assert EvidenceSpec.of(0.01, checks) == expected


def test_the_false_rollback_rate_is_the_policys() -> None:
    assert EvidenceSpec.of(0.05, []).false_rollback_rate == 0.05


@pytest.mark.parametrize(
    "check",
    [
        {"errorRate": {"tolerate": 0}},
        {"errorRate": {"tolerate": 1}},
        {"errorRate": {"objective": 0}},
        {"latency": {"tolerateRatio": 0.9}},
        {"agreement": {"atLeast": 1}},
        {"agreement": {"tolerance": -1}},
        {"quality": {"tolerate": 0}},
        {"predictions": {"within": 1}},
        {"crashes": {"atMostPerDay": 0}},
        {"prometheus": {"name": "UPPER", "query": "q", "min": 1}},
        {"prometheus": {"name": "n", "query": "", "min": 1}},
        {"prometheus": {"name": "n", "query": "q", "min": 1, "failures": 0}},
    ],
)
def test_values_out_of_bounds_are_refused(check: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate(check)


def test_the_schema_says_that_exactly_one_kind_is_set() -> None:
    schema = Check.model_json_schema(by_alias=True)
    (rule,) = schema["x-kubernetes-validations"]
    assert set(schema["properties"]) == set(KINDS)
    assert all(f"has(self.{kind})" in rule["rule"] for kind in KINDS)


def test_every_kind_of_check_reaches_the_engine() -> None:
    kinds = set(Check.model_fields)
    assert kinds <= {one.name for one in fields(EvidenceSpec)}
