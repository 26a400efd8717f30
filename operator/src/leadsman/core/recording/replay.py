"""Let a recorded rollout happen again, by its own policy or by another one.

By its own policy it comes to the same decisions, byte for byte. By another one it comes to what that policy would have
decided by itself on the traffic as it was: the weights were those of the recorded policy, people's approvals are taken
as given and what else they did as not done, and after the recording's end nothing is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from leadsman.api.evidence import Evidence, Judgement
from leadsman.api.modelrevision import DecisionRecord
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.status import Retiring, RolloutState
from leadsman.core import evidence
from leadsman.core.compared import Compared, compared
from leadsman.core.receipts import Basis, receipt
from leadsman.core.recording.types import Entry, Header, Recording
from leadsman.core.rollout import step
from leadsman.core.situation import Readiness, Situation
from leadsman.core.unattended import unattended
from leadsman.core.weighing import spec_of, weigh

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_LONGEST_WAIT = 10.0
_MOST_WAITS = 500


@dataclass(frozen=True)
class Replay:
    """What came of it: the decisions about the candidate, and the last judgement before the end."""

    decisions: tuple[DecisionRecord, ...]
    judgement: Judgement | None
    ended: bool
    """Whether the rollout came to its end; if not, the recording did before."""


def replay(recording: Recording, policy: RolloutPolicySpec | None = None) -> Replay:
    """Replay a recording by its own policy, or by another one.

    Raises ValueError, ArithmeticError or LookupError for a recording that no engine can have made.
    """
    header = recording.header
    # Passes in which nothing happened are not recorded. Another policy may have had something to do in them.
    entries = recording.entries if policy is None else _with_waits(recording.entries, policy)
    # What is compared after the first entry is the policy that the candidate began with.
    wanted: RolloutPolicySpec | None = unattended(policy) if policy else header.policy
    state = _beginning(header, own=policy is None)
    decisions: list[DecisionRecord] = []
    judgement: Judgement | None = None
    for entry in entries:
        state, judged = _weighed(header, state, entry, own=policy is None)
        judgement = judged or judgement
        decision = step(_situation(header, entry, wanted, judged, own=policy is None), state)
        basis = Basis(header.stable, policy or header.policy, entry.digest, entry.stable_digest)
        decisions += [
            receipt(number, notice, basis, entry.moment)
            for number, notice in enumerate(decision.notices, start=state.decisions + 1)
            if notice.revision == header.candidate
        ]
        state, wanted = decision.state, None
        if state.candidate is None:
            return Replay(tuple(decisions), judgement, ended=True)
    return Replay(tuple(decisions), judgement, ended=False)


def _beginning(header: Header, *, own: bool) -> RolloutState:
    warm = (Retiring(revision=header.candidate, until=_FAR, warm=True),) if header.returning else ()
    paused = header.paused if own else None
    return RolloutState(stable=header.stable, retiring=warm, decisions=header.decisions, paused=paused)


def _situation(
    header: Header, entry: Entry, policy: RolloutPolicySpec | None, judgement: Judgement | None, *, own: bool
) -> Situation:
    return Situation(
        desired=entry.desired or header.candidate,
        replicas=entry.replicas,
        mode=entry.mode,
        policy=policy,
        revisions={
            header.candidate: Readiness(entry.ready, entry.failure),
            header.stable: Readiness(1 if entry.stable_ready is None else entry.stable_ready),
        },
        judgement=judgement,
        now=entry.moment,
        preflight=entry.preflight,
        # When a gateway took a step's route says nothing of the steps of another policy.
        unsettled=entry.unsettled if own else "",
        author=header.author,
        requests=entry.requests,
        proved=entry.proved,
    )


def _weighed(header: Header, state: RolloutState, entry: Entry, *, own: bool) -> tuple[RolloutState, Judgement | None]:
    pair = compared(state)
    if pair is None or entry.look is None:
        return state, None
    before = pair.evidence or (entry.begun if own else None) or _begun(header, pair, entry)
    # Requests were split by the recorded policy's weights: that they differ from another one's says nothing.
    settled = own and not entry.unsettled
    return weigh(state, pair, before, entry.look, entry.moment, settled=settled, testers=entry.testers)


def _begun(header: Header, pair: Compared, entry: Entry) -> Evidence:
    """The evidence that a rollout by another policy begins with. How clumped stable's errors were is known."""
    fresh = evidence.begin(spec_of(pair.policy), header.candidate, header.stable, entry.at)
    past = {one.name: one.stable_dispersion for one in entry.begun.comparisons} if entry.begun else {}
    known = [
        one.model_copy(update={"stable_dispersion": past.get(one.name, one.stable_dispersion)})
        for one in fresh.comparisons
    ]
    return fresh.model_copy(update={"comparisons": tuple(known)})


def _with_waits(entries: tuple[Entry, ...], policy: RolloutPolicySpec) -> Iterator[Entry]:
    """The entries, and between them passes in which nothing was seen but that time goes by."""
    often = max(policy.interval, timedelta(seconds=_LONGEST_WAIT)).total_seconds()
    alone = [entry.model_copy(update={"requests": ()}) for entry in entries]
    for entry, following in zip(alone, (*entries[1:], None), strict=True):
        yield entry
        if following is None or entry.look is None:
            continue
        gap = following.at - entry.at
        waits = min(int(gap / often), _MOST_WAITS) if gap > often else 0
        for wait in range(1, waits + 1):
            at = entry.at + gap * wait / (waits + 1)
            silence = evidence.Look(at=at, seen=entry.look.seen)
            yield entry.model_copy(update={"at": at, "begun": None, "look": silence, "desired": None})
