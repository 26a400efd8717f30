"""What a look reads: no more than the rollout needs at this moment."""

import pytest

from leadsman.api.checks import AgreementCheck, Check, ErrorRateCheck, PrometheusCheck
from leadsman.api.evidence import AnswerMark, Threshold
from leadsman.api.status import RolloutState
from leadsman.core.observed import Observed
from leadsman.core.soundings import ANSWERING_PODS, Wanted, soundings_wanted
from support.machine import ASKED, SHADOW_FIRST, canary, preparing, serving, shadow
from support.objects import NOW, model_deployment, observed, pods

REVENUE = PrometheusCheck(name="revenue", query="{{namespace}}/{{model}}: {{candidate}} to {{stable}}", min=1)
ERRORS = Check(error_rate=ErrorRateCheck())
POLICY = SHADOW_FIRST.model_copy(
    update={"checks": (ERRORS, Check(agreement=AgreementCheck()), Check(prometheus=REVENUE))}
)
WITHOUT = POLICY.model_copy(update={"checks": (ERRORS,)})
SEEN = ASKED.model_copy(
    update={
        "answers": (AnswerMark(pod="a-0", seq=3), AnswerMark(pod="b-1", seq=7)),
        "thresholds": (Threshold(name="revenue", asked_at=NOW.timestamp() - 10),),
    }
)


def wants(state: RolloutState, at: Observed | None = None) -> Wanted:
    """What is wanted of a model with two pods of a, two of b, and one of c, which is retiring."""
    return soundings_wanted(at or observed(model_deployment(), pods=pods(a=2, b=2, c=1)), state, NOW.timestamp())


def counted(wanted: Wanted) -> list[str]:
    return [pod.name for pod in wanted.counters]


def remembered(wanted: Wanted) -> list[str]:
    return [pod.name for pod in wanted.histories]


def answering(wanted: Wanted) -> dict[str, int]:
    return {pod.name: after for pod, after in wanted.answers}


NOTHING = {
    "nothing is rolled out": serving(),
    "nothing serves yet": RolloutState(),
    "the first revision has nothing to be compared with": preparing(stable=None),
}


@pytest.mark.parametrize("state", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_is_wanted_when(state: RolloutState) -> None:
    assert wants(state) == Wanted()


def test_both_revisions_are_counted_from_the_beginning() -> None:
    assert counted(wants(preparing())) == ["b-0", "b-1", "a-0", "a-1"]
    assert counted(wants(canary())) == ["b-0", "b-1", "a-0", "a-1"]


def test_the_past_of_stable_is_read_once() -> None:
    assert remembered(wants(preparing())) == ["a-0", "a-1"]
    assert remembered(wants(canary(evidence=None))) == ["a-0", "a-1"]
    assert remembered(wants(preparing(evidence=ASKED))) == []


def test_answers_are_read_in_shadow_steps_after_the_marks() -> None:
    assert answering(wants(shadow(policy=POLICY, evidence=SEEN))) == {"b-0": 0, "b-1": 7, "a-0": 3, "a-1": 0}
    assert answering(wants(shadow(policy=POLICY, evidence=None))) == {"b-0": 0, "b-1": 0, "a-0": 0, "a-1": 0}


def test_answers_are_read_only_in_shadow_steps_and_only_to_be_compared() -> None:
    assert answering(wants(canary(1, policy=POLICY, evidence=SEEN))) == {}
    assert answering(wants(preparing(policy=POLICY, evidence=SEEN))) == {}
    assert answering(wants(shadow(policy=WITHOUT, evidence=SEEN))) == {}


def test_the_answers_of_a_few_pods_must_do() -> None:
    many = observed(model_deployment(), pods=pods(a=30, b=20))
    names = answering(wants(shadow(policy=POLICY), many))
    assert len([name for name in names if name.startswith("a")]) == ANSWERING_PODS
    assert len([name for name in names if name.startswith("b")]) == ANSWERING_PODS


def test_prometheus_is_asked_while_the_candidate_is_and_when_it_is_time() -> None:
    asked = "payments/fraud: b to a"
    assert [query.text for query in wants(canary(1, policy=POLICY, evidence=ASKED)).queries] == [asked]
    assert [query.text for query in wants(shadow(policy=POLICY, evidence=None)).queries] == [asked]
    assert wants(canary(1, policy=POLICY, evidence=SEEN)).queries == ()
    assert wants(preparing(policy=POLICY)).queries == ()
