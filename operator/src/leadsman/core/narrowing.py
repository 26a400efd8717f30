"""A route's rule narrowed to the requests that may be copied to a candidate: those that ask for inference.

Feedback would be counted twice, and a request that names a version can be answered by revisions of that version alone:
its copy would look like an error of the candidate.

Every match is a mapping as the Gateway API has it. What a narrowed match lets through, its rule let through before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Match = Mapping[str, Any]
Precedence = tuple[int, ...]

_SERVICE = "inference.GRPCInferenceService"
_METHOD = "ModelInfer"


class CannotNarrowError(Exception):
    """Which requests a match lets through cannot be told; the message says why."""


class Requests(Protocol):
    """What a kind of route says of requests."""

    def narrow(self, rule: Mapping[str, Any], match: Match) -> dict[str, Any] | None:
        """The match for those requests alone; None when it lets none through. Raises CannotNarrowError."""
        ...

    def filters(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rule's filters as they do the same behind a narrowed match."""
        ...

    def meets(self, match: Match, narrowed: Match) -> bool:
        """Whether a match may let a request through that a narrowed one does; headers are not looked at."""
        ...

    def precedence(self, match: Match) -> Precedence:
        """Where two matches let a request through, the greater one decides; between equals the rule that is first."""
        ...


@dataclass(frozen=True)
class HttpRequests:
    """`POST /v2/models/<model>/infer`, after what the rule rewrites."""

    model: str

    @property
    def _infer(self) -> str:
        return f"/v2/models/{self.model}/infer"

    def narrow(self, rule: Mapping[str, Any], match: Match) -> dict[str, Any] | None:
        """See Requests."""
        if match.get("method", "POST") != "POST":
            return None
        rewrite = _rewrite(rule)
        if rewrite.get("type") == "ReplaceFullPath":
            return dict(match) if rewrite["replaceFullPath"] == self._infer else None
        kind, path = _path(match)
        if kind == "RegularExpression":
            raise CannotNarrowError(f"which requests the pattern {path} lets through is known to the gateway alone")
        asked = self._infer
        if "replacePrefixMatch" in rewrite:
            replaced = rewrite["replacePrefixMatch"].rstrip("/")
            if not _begins(asked, replaced):
                return None
            asked = path.rstrip("/") + asked.removeprefix(replaced)
        if not (asked == path if kind == "Exact" else _begins(asked, path)):
            return None
        return {**match, "path": {"type": "Exact", "value": asked}}

    def filters(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See Requests. What replaces a prefix has none to replace behind an exact path."""
        return [self._exact(one) for one in rule.get("filters", [])]

    def _exact(self, one: dict[str, Any]) -> dict[str, Any]:
        rewrite = one.get("urlRewrite", {})
        if "replacePrefixMatch" not in rewrite.get("path", {}):
            return one
        path = {"type": "ReplaceFullPath", "replaceFullPath": self._infer}
        return {**one, "urlRewrite": {**rewrite, "path": path}}

    def meets(self, match: Match, narrowed: Match) -> bool:
        """See Requests."""
        kind, path = _path(match)
        _, asked = _path(narrowed)
        if match.get("method", "POST") != "POST":
            return False
        return kind == "RegularExpression" or (asked == path if kind == "Exact" else _begins(asked, path))

    def precedence(self, match: Match) -> Precedence:
        """See Requests. A pattern's is the gateway's own affair: it may decide before any other."""
        kind, path = _path(match)
        rank = {"PathPrefix": 0, "Exact": 1, "RegularExpression": 2}[kind]
        parts = len(match.get("headers", [])), len(match.get("queryParams", []))
        return (rank, len(path), int("method" in match), *parts)


@dataclass(frozen=True)
class GrpcRequests:
    """`inference.GRPCInferenceService/ModelInfer`. Model and version are in the message, where no route sees them."""

    def narrow(self, _: Mapping[str, Any], match: Match) -> dict[str, Any] | None:
        """See Requests."""
        method = match.get("method", {})
        if method.get("type", "Exact") != "Exact":
            raise CannotNarrowError("which methods a pattern lets through is known to the gateway alone")
        if method.get("service", _SERVICE) != _SERVICE or method.get("method", _METHOD) != _METHOD:
            return None
        return {**match, "method": {"type": "Exact", "service": _SERVICE, "method": _METHOD}}

    def filters(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See Requests."""
        return list(rule.get("filters", []))

    def meets(self, match: Match, _: Match) -> bool:
        """See Requests."""
        try:
            return self.narrow({}, match) is not None
        except CannotNarrowError:
            return True

    def precedence(self, match: Match) -> Precedence:
        """See Requests. A pattern's is the gateway's own affair: it may decide before any other."""
        method = match.get("method", {})
        pattern = int(method.get("type", "Exact") != "Exact")
        return (pattern, len(method.get("service", "")), len(method.get("method", "")), len(match.get("headers", [])))


def _path(match: Match) -> tuple[str, str]:
    path = match.get("path", {})
    return path.get("type", "PathPrefix"), path.get("value", "/")


def _begins(path: str, prefix: str) -> bool:
    """As the Gateway API has it: part by part."""
    bare = prefix.rstrip("/")
    return path == bare or path.startswith(f"{bare}/")


def _rewrite(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    found = [one["urlRewrite"].get("path", {}) for one in rule.get("filters", []) if "urlRewrite" in one]
    return found[0] if found else {}
