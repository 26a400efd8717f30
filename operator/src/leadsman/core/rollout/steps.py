"""What a step of the policy asks of the candidate that is in it."""

from leadsman.api.evidence import Judgement, Verdict
from leadsman.api.rolloutpolicy import Step, Until
from leadsman.api.status import Candidate
from leadsman.core.evidence.spec import AGREEMENT, QUALITY


def step_of(candidate: Candidate) -> Step:
    """The step that the candidate is in."""
    return candidate.policy.steps[candidate.step]


def was_asked(candidate: Candidate) -> bool:
    """Whether the candidate was seen to answer in this very step: a check may pass, and time goes by, in silence."""
    return candidate.evidence is not None and candidate.evidence.step_requests > 0


def is_proved(candidate: Candidate, judgement: Judgement | None) -> bool:
    """Whether every check passes that can be judged in this step."""
    if judgement is None or not was_asked(candidate):
        return False
    # Only copies are answered by both, and only what users see is judged by them.
    not_owed = QUALITY if step_of(candidate).shadow else AGREEMENT
    owed = {report.verdict for report in judgement.checks if report.name != not_owed}
    return judgement.verdict is Verdict.PASS or owed == {Verdict.PASS}


def has_served_its_time(candidate: Candidate, judgement: Judgement | None) -> bool:
    """Whether the step asks for no more than that nothing is found, and somebody has looked."""
    seen = judgement is not None and judgement.verdict in (Verdict.PASS, Verdict.COLLECTING)
    return step_of(candidate).until is Until.TIME and seen and was_asked(candidate)
