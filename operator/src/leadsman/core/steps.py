"""What a step of the policy asks of the candidate that is in it."""

from leadsman.api.evidence import Judgement, Verdict
from leadsman.api.rolloutpolicy import Step, Until
from leadsman.api.status import Candidate
from leadsman.core.evidence.spec import AGREEMENT


def step_of(candidate: Candidate) -> Step:
    """The step that the candidate is in."""
    return candidate.policy.steps[candidate.step]


def was_asked(candidate: Candidate) -> bool:
    """Whether the candidate was seen to answer in this very step: a check may pass, and time goes by, in silence."""
    return candidate.evidence is not None and candidate.evidence.step_requests > 0


def is_proved(candidate: Candidate, judgement: Judgement | None) -> bool:
    """Whether every check passes that can be judged in this step: agreement can be on copies of requests alone."""
    if judgement is None or not was_asked(candidate):
        return False
    in_shadow = step_of(candidate).shadow is not None
    owed = {report.verdict for report in judgement.checks if in_shadow or report.name != AGREEMENT}
    return judgement.verdict is Verdict.PASS or owed == {Verdict.PASS}


def has_served_its_time(candidate: Candidate, judgement: Judgement | None) -> bool:
    """Whether the step asks for no more than that nothing is found, and somebody has looked."""
    seen = judgement is not None and judgement.verdict in (Verdict.PASS, Verdict.COLLECTING)
    return step_of(candidate).until is Until.TIME and seen and was_asked(candidate)
