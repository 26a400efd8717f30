"""Is the feedback about both revisions a like sample? Labels that come for one of them more often are no fair judge."""

from leadsman.api.evidence import Difference, Evidence

_MOST_APART = 2.0
_FEW = 20


def bias(state: Evidence, judged: Difference) -> str:
    """Return why the revisions' feedback cannot be compared at present; empty when it can.

    The shares of judged answers may differ by a factor of two. They differ by more as long as labels are late and the
    candidate is new, and where only the users of one revision report.
    """
    if judged.candidate.requests + judged.stable.requests < _FEW:
        return ""
    candidate = judged.candidate.requests / max(state.judged_candidate, 1)
    stable = judged.stable.requests / max(state.judged_stable, 1)
    if candidate <= _MOST_APART * stable and stable <= _MOST_APART * candidate:
        return ""
    return (
        f"users have judged {candidate:.1%} of the candidate's answers and {stable:.1%} of the stable revision's: "
        "not comparable yet"
    )
