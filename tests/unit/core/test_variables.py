"""Values that stand in ConfigMaps: what takes their place in the spec, and what is said when nothing can."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.runtime import Runtime
from leadsman.core.revision import revision_hash
from leadsman.core.variables import config_maps_of, environment, may_run_as, with_values
from support.objects import model_deployment

REGION = {"name": "AWS_REGION", "valueFrom": {"configMap": "store", "key": "region"}}
TOKEN = {"name": "TOKEN", "valueFrom": {"secret": "store", "key": "token"}}


def asking(*variables: dict[str, Any]) -> ModelDeployment:
    """A ModelDeployment with variables."""
    return model_deployment(runtime={"env": variables})


def written(**values: str) -> ModelDeployment:
    """A ModelDeployment with variables whose values are written out."""
    return asking(*({"name": name, "value": value} for name, value in values.items()))


def test_a_value_stands_there_as_if_it_had_been_written() -> None:
    filled, problem = with_values(asking(REGION), {"store": {"data": {"region": "eu"}}})
    assert problem == ""
    assert filled == written(AWS_REGION="eu")
    assert revision_hash(filled.spec) == revision_hash(written(AWS_REGION="eu").spec)


def test_what_names_no_config_map_is_left_as_it_is() -> None:
    for deployment in (model_deployment(), asking(TOKEN), written(A="b")):
        assert with_values(deployment, {}) == (deployment, "")
        assert config_maps_of(deployment.spec.runtime) == ()


PROBLEMS: dict[str, tuple[dict[str, Any] | str, str]] = {
    "none there": ("does not exist", "does not exist"),
    "none that may be read": ("cannot be read: 403", "cannot be read: 403"),
    "an empty one": ({}, "has no key region"),
    "another key": ({"data": {"Region": "eu"}}, "has no key region"),
    "bytes": ({"binaryData": {"region": "ZXU="}}, "has key region in binaryData, but a variable is text"),
    "a book": (
        {"data": {"region": "x" * 4097}},
        "has 4097 characters under region, but a variable may have at most 4096",
    ),
    "a NUL": ({"data": {"region": "a\0b"}}, "has a NUL character under region, which no variable can have"),
}


@pytest.mark.parametrize(("found", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_config_map_of_no_use_is(found: dict[str, Any] | str, said: str) -> None:
    filled, problem = with_values(asking(REGION, TOKEN), {"store": found})
    assert problem == f"ConfigMap store, which spec.runtime.env names for AWS_REGION, {said}"
    assert filled == asking(REGION, TOKEN), "so that the revision has no name"


def test_the_environment_of_a_container() -> None:
    runtime = asking(TOKEN, REGION, {"name": "COST", "value": "$(TOKEN) is $5"}).spec.runtime
    assert environment(runtime) == {
        "env": [
            {"name": "COST", "value": "$$(TOKEN) is $$5"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "store", "key": "token"}}},
        ]
    }, "no value takes another one along, and one that is not known is left out"
    assert environment(Runtime()) == {}


MAY_RUN: dict[str, tuple[Runtime, Runtime, bool]] = {
    "any value where it is not known": (asking(REGION).spec.runtime, written(AWS_REGION="eu").spec.runtime, True),
    "a value that is known": (written(A="b").spec.runtime, written(A="b").spec.runtime, True),
    "another value": (written(A="b").spec.runtime, written(A="c").spec.runtime, False),
    "a variable less": (asking(REGION).spec.runtime, Runtime(), False),
    "a variable more": (Runtime(), written(A="b").spec.runtime, False),
    "another variable": (asking(REGION).spec.runtime, written(REGION="eu").spec.runtime, False),
    "more threads": (
        asking(REGION).spec.runtime,
        written(AWS_REGION="eu").spec.runtime.model_copy(update={"threads": 2}),
        False,
    ),
}


@pytest.mark.parametrize(("asked", "recorded", "may"), MAY_RUN.values(), ids=MAY_RUN)
def test_a_revision_that_may_be_what_is_asked_for(asked: Runtime, recorded: Runtime, may: bool) -> None:
    assert may_run_as(asked, recorded) is may


names = st.from_regex(r"[A-Z][A-Z_]{0,5}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
contents = st.dictionaries(names, texts, max_size=31)


@given(contents, st.randoms())
def test_the_order_of_variables_and_where_their_values_stand_make_no_other_revision(
    values: dict[str, str], random: Any
) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    asked = asking(*({"name": name, "valueFrom": {"configMap": "all", "key": name}} for name in shuffled))
    filled, problem = with_values(asked, {"all": {"data": values}})
    assert problem == ""
    assert filled == written(**values)
    assert revision_hash(filled.spec) == revision_hash(written(**values).spec)


@given(contents, names, texts)
def test_every_other_value_is_another_revision(values: dict[str, str], name: str, value: str) -> None:
    other = values | {name: value}
    assert (revision_hash(written(**other).spec) == revision_hash(written(**values).spec)) == (other == values)
