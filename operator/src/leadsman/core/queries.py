"""The questions that a policy's prometheus checks put to a Prometheus server, and when."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from leadsman.api.checks import Check, PrometheusCheck
from leadsman.api.evidence import Threshold
from leadsman.core.evidence import due

PLACEHOLDERS = ("candidate", "stable", "model", "namespace")
_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Query:
    """One question, ready to be asked: the check's name, the PromQL, and for whom (namespace/name) it is asked."""

    name: str
    text: str
    model: str


def unknown_placeholder(checks: Iterable[Check]) -> str | None:
    """Return a sentence about the first placeholder that nothing can be put in for, with its place in the policy."""
    for index, check in enumerate(checks):
        for found in _PLACEHOLDER.finditer(check.prometheus.query if check.prometheus else ""):
            if found[1] not in PLACEHOLDERS:
                known = ", ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)
                where = f"spec.checks.{index}.prometheus.query"
                return f"{where}: {found[0]} stands for nothing; expected one of {known}"
    return None


def due_queries(
    checks: Sequence[PrometheusCheck], known: Sequence[Threshold], names: Mapping[str, str], now: float
) -> tuple[Query, ...]:
    """Return what to ask at `now` (Unix seconds), with `names` put in for the placeholders."""
    return tuple(
        Query(
            name=check.name,
            text=_PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), check.query),
            model=f"{names['namespace']}/{names['model']}",
        )
        for check in due(checks, known, now)
    )
