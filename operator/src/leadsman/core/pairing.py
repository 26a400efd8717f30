"""Joins the answers of both revisions to the same requests, each of the candidate's at most once.

Every look reads what the pods have recorded since the marks that the last look left. A candidate's answer counts in the
look that moves its pod's mark past it. One whose stable half is not there holds the mark, and with it all that follow,
while it is so young that the half may still be on its way; then it is dropped.

Pods remember a limited number of answers. Where they were asked so much that some are gone already, waiting would lose
more than it gains: what has both halves now is counted, and the rest is dropped at once.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile

from leadsman.core.answers import Answer, PodAnswers, agree
from leadsman.core.evidence import Pairs

_WAIT_SECONDS = 3.0
# Stable's half of an answer that holds a mark may be older than it by as much as the candidate is slower.
_KEPT_SECONDS = 15.0


def pair(
    candidate: Mapping[str, PodAnswers], stable: Mapping[str, PodAnswers], marks: Mapping[str, int], tolerance: float
) -> tuple[Pairs, dict[str, int]]:
    """Return the new pairs, and the marks of the pods that were read: the numbers after which to read the next time.

    All mappings are by the pod's UID. The first sight of a candidate's pod is its baseline, since what it recorded
    before belongs to an earlier try; so is the first after a restart, which shows as a last number below the mark.
    """
    hurry = any(_forgot(read, marks.get(pod)) for pod, read in (*candidate.items(), *stable.items()))
    new = {pod: _stable_mark(read, marks.get(pod, 0)) for pod, read in stable.items()}
    halves = _unambiguous(stable.values())
    own = _unambiguous(candidate.values())
    compared = disagreed = 0
    for pod, read in candidate.items():
        mark = marks.get(pod)
        if mark is None or mark > read.last:
            new[pod] = read.last
            continue
        new[pod] = mark
        for answer in read.answers:
            if answer.seq <= mark:
                continue
            half = halves.get(answer.id)
            if half is None and _is_young(answer, read, _WAIT_SECONDS) and not hurry:
                break
            new[pod] = answer.seq
            if half is not None and answer.id in own:
                compared += 1
                disagreed += not agree(answer, half, tolerance)
    return Pairs(compared=compared, disagreed=disagreed), new


def _forgot(read: PodAnswers, mark: int | None) -> bool:
    """Whether answers after the mark were gone before they were read."""
    return mark is not None and bool(read.answers) and read.answers[0].seq > mark + 1


def _stable_mark(read: PodAnswers, mark: int) -> int:
    old = takewhile(lambda answer: not _is_young(answer, read, _KEPT_SECONDS), read.answers)
    return max([mark if mark <= read.last else 0, *(answer.seq for answer in old)])


def _is_young(answer: Answer, read: PodAnswers, seconds: float) -> bool:
    # One from the future was there before the clock was set back.
    return 0 <= read.now - answer.at < seconds


def _unambiguous(pods: Iterable[PodAnswers]) -> dict[str, Answer]:
    """The answers by request. An id that a client uses again and again does not say what belongs together."""
    answers = [answer for read in pods for answer in read.answers]
    times = Counter(answer.id for answer in answers)
    return {answer.id: answer for answer in answers if times[answer.id] == 1}
