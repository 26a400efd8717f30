"""What containers say when they end: believed only as far as it can be understood."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.core.termination import last_words, parse_report, parse_resolved, printable

DIGEST = f"sha256:{'ab' * 32}"
CHECK = {"name": "golden", "verdict": "Pass", "expected": "10", "found": "10", "message": "all agree"}
REPORT: dict[str, Any] = {
    "v": 1,
    "passed": True,
    "digest": DIGEST,
    "stableDigest": None,
    "sentence": "ready to serve",
    "checks": [CHECK],
}


def test_a_report_is_read() -> None:
    said = parse_report(json.dumps(REPORT))
    assert said is not None
    assert (said.passed, said.digest, said.stable_digest, said.sentence) == (True, DIGEST, None, "ready to serve")
    assert [(check.name, check.verdict) for check in said.checks] == [("golden", "Pass")]


NO_REPORTS: dict[str, str] = {
    "nothing": "",
    "a sentence": "cannot fetch the model: 404",
    "cut in the middle": json.dumps(REPORT)[:90],
    "a list": json.dumps([REPORT]),
    "of another version": json.dumps(REPORT | {"v": 2}),
    "without a verdict": json.dumps({"v": 1, "digest": DIGEST}),
    "with a verdict in words": json.dumps(REPORT | {"passed": "yes"}),
    "with a number for a verdict": json.dumps(REPORT | {"passed": 1}),
    "with another digest than one": json.dumps(REPORT | {"digest": "sha256:abc"}),
    "with a check of no known verdict": json.dumps(REPORT | {"checks": [CHECK | {"verdict": "Maybe"}]}),
    "with too many checks": json.dumps(REPORT | {"checks": [CHECK] * 33}),
    "nested beyond any depth": "[" * 10_000,
    "longer than a kubelet keeps": json.dumps(REPORT | {"sentence": "x" * 20_000}),
    "with half a character": '{"v":1,"passed":true,"digest":"' + DIGEST + '","sentence":"\\ud800"}',
    "failing for a time": json.dumps({"v": 1, "transient": "503"}),
}


@pytest.mark.parametrize("text", NO_REPORTS.values(), ids=NO_REPORTS)
def test_no_report(text: str) -> None:
    assert parse_report(text) is None


def test_a_report_of_a_newer_image_is_read_as_far_as_it_is_known() -> None:
    assert parse_report(json.dumps(REPORT | {"mood": "good", "checks": [CHECK | {"seconds": 3}]})) is not None


def test_texts_do_nothing_to_a_terminal() -> None:
    said = parse_report(json.dumps(REPORT | {"sentence": "\x1b[2Jgone\nsecond\x00 line\u202e"}))
    assert said is not None
    assert said.sentence == "[2Jgone second line"


@given(st.text() | st.binary().map(lambda some: some.decode(errors="replace")))
def test_whatever_is_said_is_bounded(text: str) -> None:
    for found in (last_words(text), printable(text)):
        assert len(found) <= 4096
        assert found.isprintable()
    parse_report(text)
    parse_resolved(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*REPORT, *CHECK, "identity", "transient"]), inner)
        ),
    )
)
def test_json_of_any_shape_is_a_report_or_none(value: Any) -> None:
    text = json.dumps(value)
    said = parse_report(text)
    assert said is None or isinstance(said.passed, bool)
    parse_resolved(text)
    assert len(last_words(text)) <= 4096


def test_what_passes_by_itself_is_told_by_its_sentence() -> None:
    assert last_words(json.dumps({"v": 1, "transient": "the store answers 503"})) == "the store answers 503"
    assert last_words("killed\n") == "killed"


def test_what_a_reference_names_is_read() -> None:
    said = parse_resolved(json.dumps({"v": 1, "identity": "etag-1", "digest": DIGEST}))
    assert said is not None
    assert (said.identity, said.digest) == ("etag-1", DIGEST)


@pytest.mark.parametrize("identity", ["", " x", "a\nb", "é", "x" * 1025])
def test_an_identity_is_one_line_of_ascii(identity: str) -> None:
    assert parse_resolved(json.dumps({"v": 1, "identity": identity, "digest": DIGEST})) is None
