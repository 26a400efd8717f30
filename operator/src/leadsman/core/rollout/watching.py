"""What follows a promotion: while the previous revision is still loaded, it takes over again when harm is shown."""

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.status import Phase, Rejection, RolloutState, Watch
from leadsman.core.rollout.ends import DRAIN, retired
from leadsman.core.rollout.move import Move, changed, failed_checks
from leadsman.core.situation import Notice, Situation


def watch_on(situation: Situation, state: RolloutState) -> Move:
    """One look at the stable revision after its promotion."""
    watch = state.watch
    if watch is None or state.stable is None:
        return state, ()
    if situation.now >= watch.until or situation.desired != state.stable:
        # Another revision is wanted now: it is compared with this one, not with its predecessor.
        return changed(state, watch=None, phase=Phase.IDLE), ()
    stable, previous = situation.readiness(state.stable), situation.readiness(watch.previous)
    if stable.ready == 0 and previous.ready > 0:
        why = stable.failure or "none of its pods is ready any more"
        return _take_back(situation, state, watch, Reason.CANDIDATE_UNREADY, why)
    failed = situation.judgement is not None and situation.judgement.verdict is Verdict.FAIL
    if failed and previous.ready >= situation.replicas:
        return _take_back(situation, state, watch, Reason.EVIDENCE_FAILED, failed_checks(watch.checks))
    return state, ()


def _take_back(situation: Situation, state: RolloutState, watch: Watch, reason: Reason, why: str) -> Move:
    gone = state.stable or ""
    said = f"revision {gone} is rolled back after its promotion, revision {watch.previous} serves again: {why}"
    notices = (
        Notice(gone, reason, said, warning=True, weight_before=100, checks=watch.checks),
        Notice(
            revision=watch.previous,
            reason=Reason.RETURNED,
            message=f"revision {watch.previous} is stable: its successor {gone} was rolled back",
            weight_after=100,
        ),
    )
    kept = tuple(entry for entry in state.retiring if entry.revision != watch.previous)
    after = changed(
        state,
        phase=Phase.ROLLED_BACK,
        stable=watch.previous,
        watch=None,
        rejected=Rejection(revision=gone, at=situation.now, reason=reason, message=why),
        retiring=retired(changed(state, retiring=kept), gone, situation.now + DRAIN),
    )
    return after, notices
