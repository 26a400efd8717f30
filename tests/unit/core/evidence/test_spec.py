"""What a policy's checks ask of the engine."""

import pytest
from pydantic import ValidationError

from leadsman.api.checks import Check, ErrorRateCheck, LatencyCheck
from leadsman.core.evidence import EvidenceSpec

ERRORS = Check(error_rate=ErrorRateCheck(tolerate=0.05))
LATENCY = Check(latency=LatencyCheck(tolerate_ratio=1.5))


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param([], EvidenceSpec(), id="no checks"),
        pytest.param([ERRORS], EvidenceSpec(error_rate=ERRORS.error_rate), id="errors"),
        pytest.param([LATENCY, ERRORS], EvidenceSpec(ERRORS.error_rate, LATENCY.latency), id="both, in any order"),
        pytest.param(
            [Check(error_rate=ErrorRateCheck()), ERRORS],
            EvidenceSpec(error_rate=ERRORS.error_rate),
            id="of two of a kind the last counts",
        ),
    ],
)
def test_spec_of_a_policy(checks: list[Check], expected: EvidenceSpec) -> None:
    assert EvidenceSpec.of(0.01, checks) == expected


def test_the_false_rollback_rate_is_the_policys() -> None:
    assert EvidenceSpec.of(0.05, []).false_rollback_rate == 0.05


@pytest.mark.parametrize(
    "check", [{"errorRate": {"tolerate": 0}}, {"errorRate": {"tolerate": 1}}, {"latency": {"tolerateRatio": 0.9}}]
)
def test_values_out_of_bounds_are_refused(check: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate(check)


def test_the_schema_says_that_exactly_one_kind_is_set() -> None:
    (rule,) = Check.model_json_schema(by_alias=True)["x-kubernetes-validations"]
    assert rule["rule"] == "(has(self.errorRate) ? 1 : 0) + (has(self.latency) ? 1 : 0) == 1"
    assert set(Check.model_json_schema(by_alias=True)["properties"]) == {"errorRate", "latency"}
