"""What a step of the rollout machine looks at, and what it decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadsman.api.conditions import Reason
from leadsman.api.evidence import CheckReport, Judgement
from leadsman.api.rolloutaction import Verb
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Mode, RolloutState


@dataclass(frozen=True)
class Readiness:
    """What a revision's pods say."""

    ready: int = 0
    failure: str | None = None
    """Why its model can never serve, in one sentence; None while there is hope."""


@dataclass(frozen=True)
class Preflight:
    """How the preflight of the desired revision stands."""

    passed: bool | None = None
    """None while it is not decided."""
    message: str = ""
    """Why it failed, or what it waits for."""


@dataclass(frozen=True)
class Request:
    """A RolloutAction without an answer."""

    uid: str
    name: str
    verb: Verb
    user: str = ""
    """Who asks; empty where no admission policy says so."""
    groups: tuple[str, ...] = ()
    revision: str | None = None
    evidence: str | None = None
    step: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Situation:
    """All that a step of the machine looks at besides its own state."""

    desired: str
    replicas: int
    """Ready pods that a candidate owes before it gets its next weight."""
    mode: Mode
    policy: RolloutPolicySpec | None
    """None when the policy that the spec names does not exist."""
    revisions: Mapping[str, Readiness]
    judgement: Judgement | None
    now: datetime
    preflight: Preflight | None = None
    """None when the desired revision owes none: it was proved before."""
    unsettled: str = ""
    """Why requests may not go as the state wants it yet, in one sentence; empty when the gateway has accepted it."""
    lags: bool = False
    """Gateways may still send requests to a revision that is to get none."""
    author: str = ""
    """Who last changed the model or runtime; empty where that is not known."""
    requests: tuple[Request, ...] = ()
    proved: tuple[str, ...] = ()
    """Retained revisions that were promoted once and not taken back since, the latest first."""
    testers: bool = False
    """Some requests always get the candidate, whatever its weight."""

    def readiness(self, revision: str | None) -> Readiness:
        """A revision's readiness; one without pods has none."""
        return self.revisions.get(revision or "", Readiness())


@dataclass(frozen=True)
class Notice:
    """One decision about one revision: it becomes an Event, a log line and a receipt, all with the same words."""

    revision: str
    reason: Reason
    message: str
    warning: bool = False
    weight_before: int = 0
    weight_after: int = 0
    checks: tuple[CheckReport, ...] = ()
    by: str = ""
    """Who asked for it."""
    action: str = ""
    """The RolloutAction by which it was asked for."""


@dataclass(frozen=True)
class Mirror:
    """A revision that gets copies of so many percent of requests; nobody sees its answers."""

    revision: str
    percent: int


@dataclass(frozen=True)
class Decision:
    """What is to be so next."""

    state: RolloutState
    weights: dict[str, int]
    mirror: Mirror | None
    notices: tuple[Notice, ...]
    requeue_after: timedelta
