"""What is asked of Prometheus, and when."""

from datetime import timedelta

import pytest

from leadsman.api.checks import Check, ErrorRateCheck, PrometheusCheck
from leadsman.api.evidence import Threshold
from leadsman.core.queries import Query, due_queries, unknown_placeholder

NAMES = {"candidate": "b", "stable": "a", "model": "fraud", "namespace": "payments"}


def check(query: str = "up", name: str = "revenue") -> PrometheusCheck:
    return PrometheusCheck(name=name, query=query, min=1, interval=timedelta(seconds=30))


RENDERED = {
    "nothing to put in": ("sum(rate(up[1m]))", "sum(rate(up[1m]))"),
    "every name": (
        'x{m="{{model}}",n="{{namespace}}"} / y{c="{{candidate}}",s="{{stable}}"}',
        'x{m="fraud",n="payments"} / y{c="b",s="a"}',
    ),
    "blanks inside": ('x{r="{{ candidate }}"}', 'x{r="b"}'),
    "a name inside of another": ('x{svc=~"{{model}}-{{candidate}}.*"}', 'x{svc=~"fraud-b.*"}'),
    "twice": ("{{stable}}+{{stable}}", "a+a"),
    "one that is not known stays, for Prometheus to refuse": ("x{{pod}}", "x{{pod}}"),
}


@pytest.mark.parametrize(("query", "asked"), RENDERED.values(), ids=RENDERED.keys())
def test_names_are_put_in(query: str, asked: str) -> None:
    assert due_queries([check(query)], [], NAMES, 0.0) == (Query("revenue", asked, "payments/fraud"),)


def test_only_what_is_due_is_asked() -> None:
    checks = [check(name="new"), check(name="asked"), check(name="long-ago")]
    known = [Threshold(name="asked", asked_at=100.0), Threshold(name="long-ago", asked_at=80.0)]
    assert [query.name for query in due_queries(checks, known, NAMES, 110.0)] == ["new", "long-ago"]


def test_an_unknown_placeholder_is_named_with_its_place() -> None:
    checks = [Check(error_rate=ErrorRateCheck()), Check(prometheus=check('x{pod="{{ pod }}"}'))]
    assert unknown_placeholder(checks) == (
        "spec.checks.1.prometheus.query: {{ pod }} stands for nothing; expected one of {{candidate}}, {{stable}}, "
        "{{model}}, {{namespace}}"
    )


def test_known_placeholders_are_no_mistake() -> None:
    query = "{{candidate}} {{stable}} {{model}} {{ namespace }} {a='1'}"
    assert unknown_placeholder([Check(error_rate=ErrorRateCheck()), Check(prometheus=check(query))]) is None
