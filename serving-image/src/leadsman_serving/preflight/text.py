"""The report for people, as lines of plain text. Pure."""

from collections.abc import Iterator

from leadsman_serving.preflight.report import Report, Verdict


def lines(report: Report) -> Iterator[str]:
    """Yield a line for each check, and the sentence at last."""
    for check in report.checks:
        yield f"{check.verdict:<4}  {check.name:<9}  {check.message}"
    yield verdict(report)


def verdict(report: Report) -> str:
    """Return the sentence with the verdict before it."""
    return report.sentence if report.passed else f"{Verdict.FAIL}: rejected: {report.sentence}"
