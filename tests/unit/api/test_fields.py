"""Scalar types: what is accepted, what is refused, and that the CRD's pattern and the parser agree."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadsman.api.checks import Check
from leadsman.api.conditions import Condition, Reason
from leadsman.api.fields import (
    DELAY_PATTERN,
    DURATION_PATTERN,
    QUANTITY_PATTERN,
    format_delay,
    format_duration,
    parse_delay,
    parse_duration,
)
from leadsman.api.modeldeployment import ModelSource
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Step
from leadsman.api.runtime import Resources

DURATIONS = {"30s": 30, "10m": 600, "1h": 3600, "1h30m": 5400, "90m": 5400, "0s": 0, "1h0m1s": 3601}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.items())
def test_a_duration(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert re.search(DURATION_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", "5", "1d", "-1s", "1.5h", "1m1h", " 1s", "1s ", "1s\n", "s", "1 h", None, 5, "٣s"]
)
def test_no_duration(text: Any) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@given(st.integers(0, 99_999 * 3600))
def test_a_duration_survives_being_written(seconds: int) -> None:
    value = timedelta(seconds=seconds)
    text = format_duration(value)
    assert parse_duration(text) == value
    assert re.search(DURATION_PATTERN, text)
    assert len(text) >= 2


parts = st.tuples(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 999_999))


@given(parts)
def test_what_the_api_server_accepts_can_be_read_and_written_back(numbers: tuple[int, int, int]) -> None:
    text = "{}h{}m{}s".format(*numbers)
    assert re.search(DURATION_PATTERN, text)
    value = parse_duration(text)
    written = format_duration(value)
    assert parse_duration(written) == value
    assert re.search(DURATION_PATTERN, written)


@pytest.mark.parametrize(("text", "milliseconds"), [("0s", 0), ("1ms", 1), ("999ms", 999), ("1s", 1000)])
def test_a_delay(text: str, milliseconds: int) -> None:
    assert parse_delay(text) == timedelta(milliseconds=milliseconds)
    assert format_delay(parse_delay(text)) == text
    assert re.search(DELAY_PATTERN, text)


@pytest.mark.parametrize(
    "text", ["", "5", "0ms", "1000ms", "01ms", "2s", "1m", "-1ms", "1.5ms", "1ms\n", None, 5, "٣ms"]
)
def test_no_delay(text: Any) -> None:
    with pytest.raises(ValueError, match="expected a delay like 0s, 5ms or 1s"):
        parse_delay(text)


@pytest.mark.parametrize("text", ["1", "100m", "0.5", "1Gi", "1.5Gi", "8T"])
def test_a_quantity(text: str) -> None:
    assert Resources(limits={"memory": text}).limits["memory"] == text
    assert re.search(QUANTITY_PATTERN, text)


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1 Gi", "Gi", "1KB"])
def test_no_quantity(text: str) -> None:
    with pytest.raises(ValidationError):
        Resources(limits={"memory": text})


def test_a_whole_number_is_a_quantity() -> None:
    assert Resources.model_validate({"limits": {"cpu": 2}}).limits["cpu"] == "2"


URIS = {
    "https://models.example.com/fraud.onnx": True,
    "http://store.models.svc/fraud.onnx": True,
    "s3://bucket/key/model.onnx": True,
    "pvc://claim/path/model.onnx": True,
    "ftp://host/model.onnx": False,
    "s3://bucket": False,
    "s3://bucket/": False,
    "https:///model.onnx": False,
    "/model.onnx": False,
    "https://host/a model.onnx": False,
}


@pytest.mark.parametrize(("uri", "valid"), URIS.items())
def test_a_uri(uri: str, valid: bool) -> None:
    if valid:
        assert ModelSource(uri=uri).uri == uri
    else:
        with pytest.raises(ValidationError):
            ModelSource(uri=uri)


@pytest.mark.parametrize("digest", ["sha256:abc", f"sha256:{'A' * 64}", f"md5:{'0' * 64}", f"sha256:{'0' * 65}"])
def test_no_digest(digest: str) -> None:
    with pytest.raises(ValidationError):
        ModelSource(uri="https://h/m", digest=digest)


@pytest.mark.parametrize("weight", [0, 100, -1])
def test_a_step_is_neither_nothing_nor_all(weight: int) -> None:
    with pytest.raises(ValidationError):
        Step(weight=weight)


def test_a_condition_has_the_form_of_kubernetes() -> None:
    raw = {
        "type": "Ready",
        "status": "False",
        "observedGeneration": 3,
        "lastTransitionTime": "2026-11-21T12:00:00Z",
        "reason": "RolledBack",
        "message": "it errs",
    }
    assert Condition.model_validate(raw).model_dump(mode="json", by_alias=True) == raw
    with pytest.raises(ValidationError):
        Condition.model_validate(raw | {"status": "Perhaps"})


def test_reasons_are_words_that_kubernetes_accepts() -> None:
    assert all(
        re.fullmatch(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?", reason) and len(reason) <= 64 for reason in Reason
    )


def test_an_unknown_field_is_that_of_a_newer_version_and_ignored() -> None:
    assert ModelSource.model_validate({"uri": "https://h/m", "flavour": "new"}) == ModelSource(uri="https://h/m")


def test_the_default_policy_is_valid_and_survives_json() -> None:
    policy = RolloutPolicySpec()
    assert RolloutPolicySpec.model_validate_json(policy.model_dump_json(by_alias=True)) == policy
    assert all(isinstance(check, Check) for check in policy.checks)
