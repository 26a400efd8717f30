"""What follows a promotion: while the previous revision is still loaded, it takes over again when harm is shown."""

from datetime import timedelta

from leadsman.api.conditions import Reason
from leadsman.api.evidence import Verdict
from leadsman.api.status import Phase, Rejection, RolloutState, Watch
from leadsman.core.rollout.ends import DRAIN, MESSAGE_LENGTH, retired
from leadsman.core.rollout.move import Move, changed, failed_checks
from leadsman.core.situation import Notice, Situation

# How long harm is borne while the previous revision has some of its pods, but not all.
_PATIENCE = timedelta(minutes=1)


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
    if situation.judgement is None or situation.judgement.verdict is not Verdict.FAIL:
        return state, ()
    if previous.ready >= situation.replicas or (previous.ready > 0 and _out_of_patience(situation, watch)):
        return _take_back(situation, state, watch, Reason.EVIDENCE_FAILED, failed_checks(watch.checks))
    return _wait_for_pods(situation, state, watch, previous.ready)


def _out_of_patience(situation: Situation, watch: Watch) -> bool:
    return watch.failing_since is not None and situation.now - watch.failing_since >= _PATIENCE


def _wait_for_pods(situation: Situation, state: RolloutState, watch: Watch, ready: int) -> Move:
    """Too few pods would fail as well. What is loaded stays so, and the watch goes on, until there is a way back."""
    later = max(watch.until, situation.now + 2 * _PATIENCE)
    waiting = watch.model_copy(update={"failing_since": watch.failing_since or situation.now, "until": later})
    state = changed(state, watch=waiting, retiring=retired(state, watch.previous, later, warm=True))
    if watch.failing_since:
        return state, ()
    said = (
        f"revision {state.stable} does harm after its promotion, but {ready} of {situation.replicas} pods of revision "
        f"{watch.previous} are ready to take over: {failed_checks(watch.checks)}"
    )[:MESSAGE_LENGTH]
    return state, (Notice(state.stable or "", Reason.HELD, said, True, 100, 100, watch.checks),)


def _take_back(situation: Situation, state: RolloutState, watch: Watch, reason: Reason, why: str) -> Move:
    gone, why = state.stable or "", why[:MESSAGE_LENGTH]
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
