"""Read a RolloutPolicy from a file as the API server would take it: what it refuses is refused, in the same words."""

import json
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import click
import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from leadsman.api.base import API_VERSION
from leadsman.api.checks import KINDS, Check
from leadsman.api.preflight import PreflightRules
from leadsman.api.rolloutpolicy import RolloutPolicySpec, Step

_KIND = "RolloutPolicy"
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_MOST_BYTES = 1 << 20


class InputError(click.ClickException):
    """What was given on the command line cannot be used; the message says what, where, and what was expected."""

    exit_code = 2


def read_policy(path: Path) -> RolloutPolicySpec:
    """Return the spec of the one policy in a YAML or JSON file. Raises InputError."""
    return parse_policy(_text(path), str(path))


def parse_policy(text: str, where: str) -> RolloutPolicySpec:
    """Return the spec of the one policy in a text; `where` names the text in messages. Raises InputError."""
    spec = _manifest(text, where).get("spec") or {}
    try:
        # By way of JSON: only there is a list a tuple and a word an enum, and nothing else anything else.
        policy = RolloutPolicySpec.model_validate_json(
            json.dumps(spec, default=str), strict=True, extra="forbid", by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise InputError(f"{where}: {'; '.join(map(_sentence, _innermost(error)))}") from error
    if broken := broken_rules(policy):
        raise InputError(f"{where}: {'; '.join(broken)}")
    return policy


def broken_rules(policy: RolloutPolicySpec) -> list[str]:
    """Return what the CRD's rules have against a policy, as `field: message`."""
    parts: list[tuple[str, dict[str, Callable[[Any], bool]], Any]] = [("spec", POLICY_RULES, policy)]
    parts += [(f"spec.steps[{at}]", STEP_RULES, step) for at, step in enumerate(policy.steps)]
    parts += [(f"spec.checks[{at}]", CHECK_RULES, check) for at, check in enumerate(policy.checks)]
    parts.append(("spec.preflight", PREFLIGHT_RULES, policy.preflight))
    return [
        f"{where}: {message}" for where, rules, part in parts for message, holds in rules.items() if not holds(part)
    ]


def _of_kind(policy: RolloutPolicySpec, kind: str) -> int:
    return sum(_set(check).count(kind) for check in policy.checks)


def _set(check: Check) -> list[str]:
    given = check.model_dump(by_alias=True, exclude_none=True)
    return [kind for kind in KINDS if kind in given]


def _rise(policy: RolloutPolicySpec) -> bool:
    weights = [step.weight for step in policy.steps if step.weight is not None]
    return weights == sorted(set(weights))


def _shadows_first(policy: RolloutPolicySpec) -> bool:
    weighted = [step.weight is not None for step in policy.steps if step.approval is None]
    return weighted == sorted(weighted)


def _names_differ(policy: RolloutPolicySpec) -> bool:
    names = [check.prometheus.name for check in policy.checks if check.prometheus]
    return len(names) == len(set(names))


def _needs_no_shadow(policy: RolloutPolicySpec) -> bool:
    return not _of_kind(policy, "agreement") or any(step.shadow for step in policy.steps)


def _bounded(check: Check) -> bool:
    return check.prometheus is None or not (check.prometheus.min is None and check.prometheus.max is None)


def _one_signer(rules: PreflightRules) -> bool:
    verify = rules.verify
    if verify is None:
        return True
    by_person = verify.identity is not None
    return (verify.public_key is not None) != by_person and by_person == (verify.issuer is not None)


def _one_place(rules: PreflightRules) -> bool:
    key = rules.verify.public_key if rules.verify else None
    return key is None or (key.config_map is None) != (key.secret is None)


# The rules of the CRD that no type expresses, by their messages; a test holds the two together.
POLICY_RULES: dict[str, Callable[[RolloutPolicySpec], bool]] = {
    "the agreement check compares answers to the same requests: it needs a shadow step": _needs_no_shadow,
    "falseRollbackRate must be 0.0001 at least": lambda policy: policy.false_rollback_rate >= 0.0001,
    "shadow steps must come before all steps with a weight": _shadows_first,
    "the weights of the steps must rise from each to the next": _rise,
    "each kind of check but prometheus may stand once": lambda policy: all(
        _of_kind(policy, kind) <= 1 for kind in KINDS if kind != "prometheus"
    ),
    "each prometheus check needs a name of its own": _names_differ,
    "the interval must be 1s at least": lambda policy: policy.interval.total_seconds() >= 1,
}
STEP_RULES: dict[str, Callable[[Step], bool]] = {
    "a step has either a weight or a shadow or an approval": lambda step: (
        [step.weight, step.shadow, step.approval].count(None) == 2
    ),
    "maxDuration must not be shorter than minDuration": lambda step: step.min_duration <= step.max_duration,
}
CHECK_RULES: dict[str, Callable[[Check], bool]] = {
    "exactly one check per entry": lambda check: len(_set(check)) == 1,
    "a prometheus check needs min, max or both": _bounded,
}


PREFLIGHT_RULES: dict[str, Callable[[PreflightRules], bool]] = {
    "the deadline must be 10s at least": lambda rules: rules.deadline.total_seconds() >= 10,
    "verify needs either a publicKey, or an identity and its issuer": _one_signer,
    "a key is in a configMap or in a secret": _one_place,
}


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > _MOST_BYTES:
            raise InputError(f"{path}: {len(content):,} bytes is no policy; expected a RolloutPolicy in YAML")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _manifest(text: str, where: str) -> dict[str, Any]:
    try:
        found = [document for document in yaml.safe_load_all(text) if document is not None]
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(f"{where}: no YAML: {' '.join(str(error).split())}") from error
    if len(found) == 1 and isinstance(found[0], dict) and not {"apiVersion", "kind"} & found[0].keys():
        return {"spec": found[0].get("spec", found[0])}
    policies = [each for each in found if isinstance(each, dict) and each.get("kind") == _KIND]
    if len(policies) != 1:
        kinds = ", ".join(str(each.get("kind")) if isinstance(each, dict) else repr(each)[:40] for each in found)
        raise InputError(f"{where}: expected one RolloutPolicy, found {len(policies)} among: {kinds or 'nothing'}")
    (policy,) = policies
    if policy.get("apiVersion") != API_VERSION:
        raise InputError(f"{where}: apiVersion: expected {API_VERSION}, found {policy.get('apiVersion')!r}")
    if unknown := sorted(str(field) for field in policy if field not in _FIELDS):
        raise InputError(f"{where}: unknown field {unknown[0]!r}; expected {', '.join(_FIELDS[:4])}")
    if not isinstance(policy.get("spec") or {}, dict):
        raise InputError(f"{where}: spec: expected fields, found {policy['spec']!r}")
    return policy


def _innermost(error: ValidationError) -> list[ErrorDetails]:
    """Return the errors without those that only follow from one further inside, such as a list too short without it."""
    errors = error.errors()
    return [
        one
        for one in errors
        if not any(one["loc"] == other["loc"][: len(one["loc"])] != other["loc"] for other in errors)
    ]


def _sentence(error: ErrorDetails) -> str:
    where = "spec" + _path(error["loc"])
    if error["type"] == "extra_forbidden":
        alike = get_close_matches(str(error["loc"][-1]), _all_fields(), n=1)
        return f"{where}: unknown field" + (f"; did you mean {alike[0]}?" if alike else "")
    said = error["msg"].removeprefix("Value error, ").replace(" after validation", "")
    return f"{where}: {said[:1].lower()}{said[1:]}" + (
        "" if "got" in said or error["type"] == "missing" else f", found {json.dumps(error['input'], default=str)[:80]}"
    )


@cache
def _all_fields() -> tuple[str, ...]:
    """The names of all fields of a policy, wherever they stand."""
    schema = RolloutPolicySpec.model_json_schema()
    parts = (schema, *schema["$defs"].values())
    return tuple(sorted({name for part in parts for name in part.get("properties", {})}))


def _path(parts: Sequence[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
