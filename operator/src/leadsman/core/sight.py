"""From what a look has read to the Sight that evidence is taken from."""

from leadsman.api.evidence import AnswerMark, Evidence
from leadsman.core.evidence import EvidenceSpec, LivePod, Pairs, Sight
from leadsman.core.observed import Observed
from leadsman.core.pairing import pair
from leadsman.core.soundings import Soundings


def take_sight(observed: Observed, soundings: Soundings, spec: EvidenceSpec, state: Evidence) -> tuple[Sight, Evidence]:
    """Return the sight, and the evidence with the marks up to which the pods' answers are in it."""
    pairs, answers = _pairs(observed, soundings, spec, state)
    sight = Sight(
        pods=[LivePod(pod.uid, pod.revision, pod.restarts) for pod in observed.pods],
        samples=soundings.samples,
        pairs=pairs,
        readings=soundings.readings,
    )
    return sight, state.model_copy(update={"answers": answers})


def _pairs(
    observed: Observed, soundings: Soundings, spec: EvidenceSpec, state: Evidence
) -> tuple[Pairs, tuple[AnswerMark, ...]]:
    if spec.agreement is None or not soundings.answers:
        return Pairs(), state.answers
    live = {pod.uid for pod in observed.pods}
    before = {mark.pod: mark.seq for mark in state.answers if mark.pod in live}
    candidate, stable = (
        {pod.uid: soundings.answers[pod.uid] for pod in observed.pods_of(revision) if pod.uid in soundings.answers}
        for revision in (state.candidate, state.stable)
    )
    pairs, after = pair(candidate, stable, before, spec.agreement.tolerance)
    return pairs, tuple(AnswerMark(pod=pod, seq=seq) for pod, seq in sorted((before | after).items()))
