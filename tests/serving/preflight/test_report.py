"""The report in its forms: whatever is in it, the last word fits and can be read, and XML stays XML."""

import json
from xml.etree import ElementTree

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from leadsman_serving.preflight.junit import to_junit
from leadsman_serving.preflight.report import MOST_BYTES, Check, Report, Verdict, clean, document, last_word, transient
from serving.preflight.proving import NAMES, SCHEMA

_ANY = st.text(alphabet=st.characters(exclude_categories=[]), max_size=40)
_LONG = st.builds(lambda text, times: text * times, _ANY, st.integers(0, 3000))
_TEXT = _ANY | _LONG
_DIGEST = st.none() | st.just("sha256:" + "a" * 64)
_CHECKS = st.tuples(
    *(
        st.builds(Check, st.just(name), st.sampled_from(Verdict), _TEXT, _TEXT, _TEXT.map("m{}".format))
        for name in NAMES
    )
)
REPORTS = st.builds(Report, _DIGEST, _DIGEST, _CHECKS.map(lambda checks: tuple(map(clean, checks))))


@given(REPORTS)
def test_the_last_word_fits_and_is_whole(report: Report) -> None:
    word = last_word(report)
    assert len(word.encode()) <= MOST_BYTES
    assert "\n" not in word
    told = json.loads(word)
    jsonschema.validate(told, SCHEMA)
    assert [(each["name"], each["verdict"]) for each in told["checks"]] == [
        (check.name, check.verdict) for check in report.checks
    ]
    assert (told["digest"], told["stableDigest"], told["passed"]) == (
        report.digest,
        report.stable_digest,
        report.passed,
    )


@given(REPORTS)
def test_nothing_is_cut_that_would_fit(report: Report) -> None:
    whole = document(report)
    if len(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()) <= MOST_BYTES:
        assert json.loads(last_word(report)) == whole


@given(REPORTS, _TEXT)
def test_junit_is_xml_whatever_is_in_it(report: Report, subject: str) -> None:
    (suite,) = ElementTree.fromstring(to_junit(report, subject, 1.5))
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == NAMES
    for verdict, element in ((Verdict.FAIL, "failure"), (Verdict.SKIP, "skipped")):
        expected = {check.name for check in report.checks if check.verdict is verdict}
        assert {case.get("name") for case in cases if case.find(element) is not None} == expected


@given(_TEXT)
def test_what_may_pass_fits_too(sentence: str) -> None:
    word = transient(sentence)
    assert len(word.encode()) <= MOST_BYTES
    assert list(json.loads(word)) == ["v", "transient"]


def _report(*verdicts: Verdict) -> Report:
    checks = (Check(name, verdict, "", "", f"of {name}") for name, verdict in zip(NAMES, verdicts, strict=False))
    return Report(None, None, tuple(checks))


def test_the_sentence_is_of_what_failed_first() -> None:
    told = _report(Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.FAIL, Verdict.FAIL)
    assert told.sentence == "manifest: of manifest (2 more checks failed)"
    assert not told.passed


def test_the_sentence_without_a_failure_is_of_all_warnings() -> None:
    told = _report(Verdict.PASS, Verdict.SKIP, Verdict.WARN, Verdict.WARN)
    assert told.sentence == (
        "ready to serve; manifest: of manifest; load: of load; checks: 1 passed, 2 with a warning, 1 skipped"
    )
    assert told.passed


def test_a_warning_of_several_checks_is_told_once() -> None:
    checks = (Check(name, Verdict.WARN, "", "", "not compared") for name in ("schema", "latency"))
    assert Report(None, None, tuple(checks)).sentence == (
        "ready to serve; schema, latency: not compared; checks: 2 with a warning"
    )
