"""Sessions that stay with one pod: `sessionPersistence` in the rules of the model's own HTTPRoute."""

from collections.abc import Mapping
from typing import Any

from leadsman.api.modeldeployment import Affinity

FIELD = "sessionPersistence"
_COPIED = "-copied"
_LONGEST_NAME = 128
NOT_SUPPORTED = (
    f"spec.traffic.affinity cannot be had: rules of this cluster's HTTPRoute have no {FIELD}, which is in the "
    "experimental channel of the Gateway API; install that, or take affinity out"
)


def with_affinity(rule: Mapping[str, Any], model: str, affinity: Affinity | None) -> dict[str, Any]:
    """The rule with the sessions that the spec asks for, and without those it asks for no more; others' are kept."""
    name = f"leadsman-{model}"
    kept = {key: value for key, value in rule.items() if key != FIELD or value.get("sessionName") != name}
    if affinity is None or FIELD in kept:
        return kept
    return {**kept, FIELD: {"sessionName": name, "type": affinity.type}}


def with_sessions_apart(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that was made of another one with narrower matches, with sessions that are not those of the other.

    A cookie is of its rule's path. Of two of one name a client sends the one of the longer path first, and would do so
    when the narrower rule is long gone: whatever pod it names, its session would never stay with one again.
    """
    sessions = rule.get(FIELD, {})
    if "sessionName" not in sessions or sessions.get("type", "Cookie") != "Cookie":
        return dict(rule)
    name = sessions["sessionName"][: _LONGEST_NAME - len(_COPIED)] + _COPIED
    return {**rule, FIELD: {**sessions, "sessionName": name}}
