"""The report as JUnit's XML, which pipelines show. Pure."""

import re
from xml.etree import ElementTree

from leadsman_serving.preflight.report import Check, Report, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, even escaped."""


def to_junit(report: Report, subject: str, seconds: float) -> bytes:
    """Return the report on the model `subject`, which took so many seconds, as a file of JUnit."""
    counts = {verdict: sum(check.verdict is verdict for check in report.checks) for verdict in Verdict}
    totals = {
        "tests": str(len(report.checks)),
        "failures": str(counts[Verdict.FAIL]),
        "errors": "0",
        "skipped": str(counts[Verdict.SKIP]),
        "time": f"{seconds:.3f}",
    }
    suites = ElementTree.Element("testsuites", {"name": "leadsman preflight", **totals})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _printable(subject), **totals})
    for check in report.checks:
        _case(suite, check)
    ElementTree.SubElement(suite, "system-out").text = _printable(report.sentence)
    return bytes(ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True))


def _case(suite: ElementTree.Element, check: Check) -> None:
    case = ElementTree.SubElement(suite, "testcase", {"classname": "preflight", "name": check.name})
    message = _printable(check.message)
    match check.verdict:
        case Verdict.FAIL:
            failure = ElementTree.SubElement(case, "failure", {"message": message})
            failure.text = _printable(f"expected {check.expected}; found {check.found}")
        case Verdict.SKIP:
            ElementTree.SubElement(case, "skipped", {"message": message})
        case Verdict.PASS | Verdict.WARN:
            told = f"{check.verdict}: {message} (expected {check.expected}; found {check.found})"
            ElementTree.SubElement(case, "system-out").text = _printable(told)


def _printable(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
