"""Joins the answers of both revisions to the same requests, each of the candidate's at most once.

Every look reads what the pods have recorded since the marks that the last look left. A candidate's answer counts in the
look that moves its pod's mark past it. It is left to the next look while it is so young that the stable half may still
be on its way; one that is old enough and has no other half is dropped.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import takewhile

from leadsman.core.answers import Answer, PodAnswers, agree
from leadsman.core.evidence import Pairs

_RIPE_SECONDS = 3.0
# Stable's half of an answer that is not ripe yet may be older than it by as much as the candidate is slower.
_KEPT_SECONDS = 15.0


def pair(
    candidate: Mapping[str, PodAnswers], stable: Mapping[str, PodAnswers], marks: Mapping[str, int], tolerance: float
) -> tuple[Pairs, dict[str, int]]:
    """Return the new pairs, and the marks of the pods that were read: the numbers after which to read the next time.

    All mappings are by the pod's UID. The first sight of a candidate's pod is its baseline, since what it recorded
    before belongs to an earlier try; so is the first after a restart, which shows as a last number below the mark.
    """
    new = {pod: _stable_mark(read, marks.get(pod, 0)) for pod, read in stable.items()}
    halves = _unambiguous(stable.values())
    once = _unambiguous(candidate.values())
    compared = disagreed = 0
    for pod, read in candidate.items():
        mark = marks.get(pod)
        if mark is None or mark > read.last:
            new[pod] = read.last
            continue
        ripe = [answer for answer in _older_than(_RIPE_SECONDS, read) if answer.seq > mark]
        new[pod] = max([mark, *(answer.seq for answer in ripe)])
        for answer in ripe:
            if answer.id in halves and answer.id in once:
                compared += 1
                disagreed += not agree(answer, halves[answer.id], tolerance)
    return Pairs(compared=compared, disagreed=disagreed), new


def _stable_mark(read: PodAnswers, mark: int) -> int:
    return max([mark if mark <= read.last else 0, *(answer.seq for answer in _older_than(_KEPT_SECONDS, read))])


def _older_than(seconds: float, read: PodAnswers) -> Iterable[Answer]:
    """The answers up to the first that is younger. One from the future was there before the clock was set back."""
    return takewhile(lambda answer: not 0 <= read.now - answer.at < seconds, read.answers)


def _unambiguous(pods: Iterable[PodAnswers]) -> dict[str, Answer]:
    """The answers by request. An id that a client uses again and again does not say what belongs together."""
    answers = [answer for read in pods for answer in read.answers]
    times = Counter(answer.id for answer in answers)
    return {answer.id: answer for answer in answers if times[answer.id] == 1}
