"""The rules of a route: other people's as they are, with the model's backends and the rules that are put in by us.

`spec.rules` is one list that has one owner, so what we write is built from what is there. Only three things are ours:
the model's backends in a rule, rules whose filters copy requests to one of its revisions, and rules for testers, which
carry a name. They are known again by just that, so every pass finds what the last one put in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from leadsman.core.affinity import with_sessions_apart
from leadsman.core.backends import Backends
from leadsman.core.drift import drifted
from leadsman.core.narrowing import CannotNarrowError, Match, Precedence, Requests
from leadsman.core.situation import Mirror

Rule = Mapping[str, Any]

_MIRROR = "RequestMirror"
_TESTERS = "leadsman-testers"
_MOST_RULES = 16
_MOST_MATCHES = 128


@dataclass(frozen=True)
class Pinned:
    """Requests with this header go to this revision."""

    revision: str
    header: str
    value: str


@dataclass(frozen=True)
class Split:
    """How requests are to be spread."""

    weights: Mapping[str, int]
    """Percent by revision; none at all gives a route of somebody else back."""
    mirror: Mirror | None = None
    pinned: Pinned | None = None

    @property
    def revisions(self) -> set[str]:
        """All that it names."""
        return {*self.weights, *(one.revision for one in (self.mirror, self.pinned) if one)}


@dataclass(frozen=True)
class Rules:
    """A route's rules as they are to be."""

    rules: list[dict[str, Any]]
    problem: str = ""
    """What could not be had, in one sentence that says what to do; the rules do without it."""


def desired_rules(live: Sequence[Rule], backends: Backends, split: Split, requests: Requests, *, own: bool) -> Rules:
    """The rules of a route whose live ones are given; `own` when the route was made for the model.

    In a route of somebody else nothing stays of ours while stable has all requests.
    """
    users = users_rules(live, backends)
    if not any(backends.shares(rule) for rule in users):
        return Rules([dict(rule) for rule in users], f"no rule of it names Service {backends.model} in its backendRefs")
    problem = "" if own else _mixed(users, backends)
    served = [_served(rule, backends, split.weights, own=own) for rule in users]
    try:
        copies = _copies(served, backends, split.mirror, requests) if split.mirror else []
    except CannotNarrowError as error:
        copies, problem = [], problem or f"requests cannot be copied: {error}"
    rules = [*copies, *served]
    full = [*rules, *(_for_testers(rules, backends, split.pinned) if split.pinned else [])]
    if _fits(full):
        return Rules(full, problem)
    many = f"it would have more than the {_MOST_RULES} rules or {_MOST_MATCHES} matches that the Gateway API allows"
    return Rules(served, problem or f"{many}: have fewer that name the model")


def rules_of(route: Mapping[str, Any]) -> Sequence[Rule]:
    """A live route's rules."""
    rules: Sequence[Rule] = route.get("spec", {}).get("rules", [])
    return rules


def users_rules(live: Sequence[Rule], backends: Backends) -> list[Rule]:
    """The rules that we did not put in."""
    return [rule for rule in live if mirror_of(rule, backends) is None and not _is_for_testers(rule)]


def shares_of(live: Sequence[Rule], backends: Backends) -> list[dict[str, int]]:
    """Percent of requests by revision in each rule that names the model, but for those of testers."""
    found = (backends.shares(rule) for rule in live if not _is_for_testers(rule))
    return [shares for shares in found if shares]


def mirrors_of(live: Sequence[Rule], backends: Backends) -> list[Mirror]:
    """Who gets copies of which share of requests."""
    return [mirror for rule in live if (mirror := mirror_of(rule, backends))]


def mirror_of(rule: Rule, backends: Backends) -> Mirror | None:
    """Which revision a rule sends copies to, and of which share of its requests."""
    for one in rule.get("filters", []):
        copy = one.get("requestMirror", {})
        if revision := backends.revision_of(copy.get("backendRef", {})):
            return Mirror(revision, copy.get("percent", 100))
    return None


def names_revision(rule: Rule, backends: Backends) -> bool:
    """Whether a rule names a revision's own Service, as only we write it."""
    named = any(backends.revision_of(backend) for backend in rule.get("backendRefs", []))
    return named or mirror_of(rule, backends) is not None


def is_route_drifted(body: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether a live route has to be written. In its rules also what they are to say no more is a difference."""
    if drifted(body, live):
        return True
    rules: Sequence[Rule] = body["spec"]["rules"]
    return any(map(_says_more, live["spec"]["rules"], rules))


def _says_more(live: Rule, rule: Rule) -> bool:
    # The API server fills in matches.
    percents = [
        [one.get("requestMirror", {}).get("percent") for one in each.get("filters", [])] for each in (live, rule)
    ]
    return bool(set(live) - set(rule) - {"matches"}) or percents[0] != percents[1]


def _is_for_testers(rule: Rule) -> bool:
    return str(rule.get("name", "")).startswith(_TESTERS)


def _mixed(users: Sequence[Rule], backends: Backends) -> str:
    mixed = [bool(backends.shares(rule)) and not backends.is_split(rule) for rule in users]
    if not any(mixed):
        return ""
    return (
        f"rule {mixed.index(True) + 1} of it names other backends beside Service {backends.model}, so it cannot be "
        "split, and its requests for the model all go to stable: give the model a rule of its own"
    )


def _served(rule: Rule, backends: Backends, weights: Mapping[str, int], *, own: bool) -> dict[str, Any]:
    if not backends.shares(rule):
        return dict(rule)
    # A Service that is not there yet will select the one that has it all.
    at_home = not weights or (len(weights) == 1 and backends.home in (None, *weights))
    if not own and (at_home or not backends.is_split(rule)):
        return {**rule, "backendRefs": backends.gathered(rule)}
    return {**rule, "backendRefs": backends.split(rule, weights)}


@dataclass(frozen=True)
class _Copied:
    """A match of a rule, and what of it is copied."""

    number: int
    precedence: Precedence
    match: Match


def _copies(served: Sequence[Rule], backends: Backends, mirror: Mirror, requests: Requests) -> list[dict[str, Any]]:
    """A rule for each match of the model's rules that lets inference through. They decide before all that is there."""
    ours = [backends.is_split(rule) for rule in served]
    matches = [
        (number, (*requests.precedence(match), -number), match)
        for number, rule in enumerate(served)
        for match in rule.get("matches") or [{}]
    ]
    found = [
        _Copied(number, precedence, narrowed)
        for number, precedence, match in matches
        if ours[number] and (narrowed := requests.narrow(served[number], match)) is not None
    ]
    if not found:
        raise CannotNarrowError("no rule that names the model lets inference through")
    for number, precedence, match in matches:
        if not ours[number] and any(precedence > one.precedence and requests.meets(match, one.match) for one in found):
            raise CannotNarrowError(_decides_before(number))
    found.sort(key=lambda one: one.precedence, reverse=True)
    for before, after in pairwise(found):
        # Their paths are the same now; what else they ask for must not turn round who decides.
        if before.number != after.number and requests.precedence(after.match) > requests.precedence(before.match):
            raise CannotNarrowError(_decides_before(before.number))
    return [_copying(served[one.number], one.match, backends, mirror, requests) for one in found]


def _decides_before(number: int) -> str:
    return (
        f"rule {number + 1} decides before another about some of them; give what asks for inference a rule of its own "
        "that names the model"
    )


def _copying(rule: Rule, match: Match, backends: Backends, mirror: Mirror, requests: Requests) -> dict[str, Any]:
    [backend] = backends.split(rule, {mirror.revision: 0})
    target = {key: value for key, value in backend.items() if key not in ("weight", "filters")}
    copy: dict[str, Any] = {"backendRef": target}
    # All is what the Gateway API means without a number, which gateways of before its version 1.3 do not know.
    if mirror.percent < 100:
        copy["percent"] = mirror.percent
    kept = with_sessions_apart({key: value for key, value in rule.items() if key != "name"})
    filters = [*requests.filters(rule), {"type": _MIRROR, "requestMirror": copy}]
    return {**kept, "matches": [dict(match)], "filters": filters}


def _for_testers(rules: Sequence[Rule], backends: Backends, pinned: Pinned) -> list[dict[str, Any]]:
    """The model's rules once more for requests with the header. They come last: where others decide, they still do."""
    header = {"type": "Exact", "name": pinned.header, "value": pinned.value}
    copied: list[dict[str, Any]] = []
    for rule in rules:
        matches = [
            {**match, "headers": [*match.get("headers", []), header]}
            for match in rule.get("matches") or [{}]
            if pinned.header.lower() not in {one["name"].lower() for one in match.get("headers", [])}
        ]
        if matches and backends.is_split(rule):
            own = {
                **rule,
                "name": f"{_TESTERS}-{len(copied) + 1}",
                "matches": matches,
                "backendRefs": backends.split(rule, {pinned.revision: 100}),
            }
            if mirror_of(rule, backends):
                own = {key: value for key, value in own.items() if key != "filters"}
                own |= {"filters": filters} if (filters := rule["filters"][:-1]) else {}
            copied.append(own)
    return copied


def _fits(rules: Sequence[Rule]) -> bool:
    return len(rules) <= _MOST_RULES and sum(len(rule.get("matches") or [{}]) for rule in rules) <= _MOST_MATCHES
