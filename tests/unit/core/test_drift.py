"""When a live object is as we want it, and when it is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.core.drift import drifted

SAME: dict[str, tuple[Any, Any]] = {
    "what we do not name is not ours": ({"a": 1}, {"a": 1, "b": 2}),
    "what we do not name is not ours, at any depth": ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 1, "d": 2}]}}),
    "an empty mapping may be left out": ({"a": {}}, {}),
    "an empty list may be left out": ({"a": []}, {}),
    "1000m is 1": ("1000m", "1"),
    "0.5 is 500m": ("0.5", "500m"),
    "1024Mi is 1Gi": ("1024Mi", "1Gi"),
    "1.5Gi is 1536Mi": ("1.5Gi", "1536Mi"),
    "1024Ti is 1Pi": ("1024Ti", "1Pi"),
    "1000T is 1P": ("1000T", "1P"),
    "0.0001 is 100u": ("0.0001", "100u"),
    "1000k is 1M": ("1000k", "1M"),
    "equal text": ("text", "text"),
}
DRIFTED: dict[str, tuple[Any, Any]] = {
    "another value": ({"a": 1}, {"a": 2}),
    "a missing value": ({"a": 1}, {}),
    "a missing mapping with something in it": ({"a": {"b": 1}}, {}),
    "another order": ([1, 2], [2, 1]),
    "one too few": ([1, 2], [1]),
    "one too many": ([1], [1, 2]),
    "an empty list where there is something": ({"a": []}, {"a": [1]}),
    "a mapping where there is text": ({"a": {"b": 1}}, {"a": "b"}),
    "a list where there is text": (["b"], "b"),
    "no object at all": ({"a": 1}, None),
    "other quantities": ("1", "2"),
    "other units": ("1M", "1Mi"),
    "a quantity and a text": ("1", "one"),
    "a number that is no quantity": ("1x", "1"),
    "a version that begins like a quantity": ("1.0.0", "1"),
    "an exponent, which we never write": ("1e3", "1000"),
    "digits of another script": ("²", "2"),
    "a number and its text": (1, "1"),
}


@pytest.mark.parametrize(("desired", "live"), SAME.values(), ids=SAME.keys())
def test_is_as_desired(desired: Any, live: Any) -> None:
    assert not drifted(desired, live)


@pytest.mark.parametrize(("desired", "live"), DRIFTED.values(), ids=DRIFTED.keys())
def test_has_drifted(desired: Any, live: Any) -> None:
    assert drifted(desired, live)


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["1", "1000m", "1Gi", "²"])
objects = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=12,
)


def applied(desired: Any, live: Any) -> Any:
    """Server-side apply: what is named is set, the rest stays; lists that are no maps are replaced."""
    if isinstance(desired, dict) and isinstance(live, dict):
        return {**live, **{key: applied(value, live.get(key)) for key, value in desired.items()}}
    if isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        return [applied(one, other) for one, other in zip(desired, live, strict=True)]
    return desired


@given(objects, objects)
def test_what_was_applied_has_not_drifted(desired: Any, live: Any) -> None:
    assert not drifted(desired, applied(desired, live))


@given(objects)
def test_nothing_has_drifted_from_itself(desired: Any) -> None:
    assert not drifted(desired, desired)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(), min_size=1), st.data())
def test_a_changed_value_has_drifted(desired: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(desired)))
    assert drifted(desired, {**desired, key: desired[key] + 1})
    assert drifted(desired, {name: value for name, value in desired.items() if name != key})


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_two_texts_can_be_compared(desired: str, live: str) -> None:
    assert drifted(desired, live) in (True, False)
