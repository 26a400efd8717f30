import pytest

from demo.figures import Facts, Rollback, broken_promises, percentile, phase_figures, rollback
from demo.records import Mark, Request, Span, spans


def request(
    at: float = 0.0, *, version: str = "2", code: int = 200, seconds: float = 0.01, right: bool = True
) -> Request:
    return Request(at=at, seconds=seconds, code=code, version=version, right=right, coarse=False)


def facts(**changes: object) -> Facts:
    kept = {
        "requests": [request(), request(version="3", code=500)],
        "bad_version": "3",
        "promoted": True,
        "rolled_back": True,
        "refused_version": "4",
        "refused": True,
        "pods_before": {"a": 0, "b": 1},
        "pods_after": [{"a": 0, "b": 1}, {"a": 0, "b": 1}],
    }
    return Facts(**(kept | changes))  # type: ignore[arg-type]


def test_a_demo_that_kept_its_promises_breaks_none() -> None:
    assert broken_promises(facts()) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"requests": []}, "no user sent a request"),
        ({"requests": [request(version="2", code=500)]}, "1 requests failed that version 3 did not answer"),
        ({"requests": [request(version="", code=503)]}, "status 503 from version nobody"),
        ({"requests": [request(version="", code=0)]}, "status 0 from version nobody"),
        ({"promoted": False}, "the good version was not promoted"),
        ({"rolled_back": False}, "version 3 was not rolled back"),
        ({"refused": False}, "version 4 was not refused before it had any pods"),
        ({"requests": [request(version="4")]}, "version 4 answered 1 requests of users"),
        ({"pods_before": {}}, "restarts cannot be ruled out"),
        ({"pods_after": [{"a": 1, "b": 1}]}, "restarted or replaced 1 of 2 pods"),
        ({"pods_after": [{"a": 0, "b": 1}, {"a": 0}]}, "restarted or replaced 1 of 2 pods"),
        ({"pods_after": [{"c": 0, "d": 0}]}, "restarted or replaced 2 of 2 pods"),
    ],
)
def test_each_broken_promise_has_its_sentence(changes: dict[str, object], sentence: str) -> None:
    (broken,) = broken_promises(facts(**changes))
    assert sentence in broken


def test_a_pod_more_than_before_is_no_restart() -> None:
    assert broken_promises(facts(pods_after=[{"a": 0, "b": 1, "c": 0}])) == []


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 50, 0.0), ([7.0], 99, 7.0), ([3.0, 1.0, 2.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentile_is_the_least_value_that_so_many_do_not_exceed(
    values: list[float], percent: float, expected: float
) -> None:
    assert percentile(values, percent) == expected


def test_a_request_belongs_to_the_phase_that_it_was_sent_in() -> None:
    early, edge, late = request(9.9), request(10.0), request(19.9, seconds=5)
    found = spans([Mark(10.0, "second"), Mark(0.0, "first")], [early, edge, late, request(20.0)], end=20.0)
    assert [(span.phase, span.requests) for span in found] == [("first", (early,)), ("second", (edge, late))]


def test_a_phase_adds_up() -> None:
    requests = (
        request(version="3", code=500, right=False),
        request(version="2"),
        request(version="", code=0, right=False),
    )
    found = phase_figures(Span("on trial", 5.0, 8.0, requests))
    assert (found.seconds, found.requests, found.errors, found.right) == (3.0, 3, 2, 1)
    assert found.served == {"": 1, "2": 1, "3": 1}
    assert found.p50_ms == pytest.approx(10)


def test_the_rollback_counts_from_the_first_request_that_the_bad_version_got() -> None:
    requests = [request(1.0), request(2.0, version="3", code=500), request(3.0, version="3", seconds=0.5)]
    assert rollback(requests, "3", zero_at=5.0) == Rollback(2, 1, 3.0, 1.5)


def test_a_bad_version_that_nobody_met_has_no_times() -> None:
    assert rollback([request()], "3", zero_at=None) == Rollback(0, 0, None, None)
