"""Which backends of a route are a model's own, and how its share of requests is written into them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadsman.core.hashing import HASH_PATTERN
from leadsman.core.names import child_name

_HASH = re.compile(HASH_PATTERN)


@dataclass(frozen=True)
class Backends:
    """The Services of a model: `<model>`, which selects stable, and one for each revision."""

    model: str
    namespace: str
    known: frozenset[str] = frozenset()
    """Revisions that are known by name; any other is told by the form of its hash."""
    home: str | None = None
    """The revision that Service `<model>` selects now; None when there is no such Service."""

    def revision_of(self, backend: Mapping[str, Any]) -> str | None:
        """The revision whose own Service a backend is; None for any other backend."""
        name, prefix = str(backend.get("name")), f"{self.model}-"
        revision = name.removeprefix(prefix)
        named = name.startswith(prefix) and (revision in self.known or _HASH.fullmatch(revision) is not None)
        return revision if named and self._is_service(backend) else None

    def is_ours(self, backend: Mapping[str, Any]) -> bool:
        """Whether a backend is one of the model's Services."""
        is_home = backend.get("name") == self.model and self._is_service(backend)
        return is_home or self.revision_of(backend) is not None

    def shares(self, rule: Mapping[str, Any]) -> dict[str, int]:
        """Percent of a rule's requests for the model by revision, as they are in effect; empty for a rule of others."""
        given: dict[str, int] = {}
        for backend in filter(self.is_ours, rule.get("backendRefs", [])):
            revision = self.revision_of(backend) or self.home or self.model
            given[revision] = given.get(revision, 0) + int(backend.get("weight", 1))
        total = sum(given.values())
        return {revision: round(weight * 100 / total) for revision, weight in given.items() if weight and total}

    def is_split(self, rule: Mapping[str, Any]) -> bool:
        """Whether all backends of a rule are the model's, so that its requests can be split."""
        return bool(self.shares(rule)) and all(map(self.is_ours, rule["backendRefs"]))

    def split(self, rule: Mapping[str, Any], weights: Mapping[str, int]) -> list[dict[str, Any]]:
        """A rule's backends with requests split by revision; what else the rule says of its backends is kept."""
        like = self._like(rule)
        return [{"name": child_name(self.model, one), **like, "weight": weight} for one, weight in weights.items()]

    def gathered(self, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A rule's backends with all that went to the model's going to stable, by the one Service that stays.

        Backends of others keep their weights. A rule that says so already is left as it is.
        """
        backends = list(rule.get("backendRefs", []))
        ours = [backend for backend in backends if self.is_ours(backend)]
        if [backend.get("name") for backend in ours] == [self.model]:
            return backends
        others = [backend for backend in backends if not self.is_ours(backend)]
        weight = sum(int(backend.get("weight", 1)) for backend in ours) if others else 1
        return [{"name": self.model, **self._like(rule), "weight": weight}, *others]

    def _like(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        ours = next(filter(self.is_ours, rule.get("backendRefs", [])))
        return {key: value for key, value in ours.items() if key not in ("name", "weight")}

    def _is_service(self, backend: Mapping[str, Any]) -> bool:
        found = (backend.get("group", ""), backend.get("kind", "Service"), backend.get("namespace", self.namespace))
        return found == ("", "Service", self.namespace)
