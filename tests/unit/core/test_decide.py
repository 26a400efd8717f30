"""From what was read to the evidence that is kept."""

from datetime import timedelta

from leadsman.api.checks import AgreementCheck, Check, CrashesCheck, ErrorRateCheck, PrometheusCheck
from leadsman.api.conditions import Reason
from leadsman.api.evidence import AnswerMark, Evidence
from leadsman.api.status import ModelDeploymentStatus, Phase, RolloutState
from leadsman.core.answers import Answer, Output, PodAnswers
from leadsman.core.decide import Plan, decide
from leadsman.core.evidence import Minute, Reading
from leadsman.core.pods import Pod
from leadsman.core.revision import revision_hash
from leadsman.core.soundings import Soundings
from support.machine import SHADOW_FIRST, shadow
from support.objects import GATEWAY, NOW, model_deployment, model_revision, observed, pod

B = revision_hash(model_deployment(traffic=GATEWAY).spec)
CHECKS = (
    Check(error_rate=ErrorRateCheck()),
    Check(agreement=AgreementCheck()),
    Check(crashes=CrashesCheck()),
    Check(prometheus=PrometheusCheck(name="revenue", query="up", min=1)),
)
POLICY = SHADOW_FIRST.model_copy(update={"checks": CHECKS})
BEGUN = Evidence(candidate=B, stable="a", began=NOW.timestamp() - 60)


def a_pass(
    soundings: Soundings, evidence: Evidence | None = BEGUN, *, pods: list[Pod] | None = None, seconds: float = 5
) -> Plan:
    """One pass while the new revision gets copies of what a answers."""
    state = shadow(revision=B, policy=POLICY, evidence=evidence)
    found = observed(
        model_deployment(traffic=GATEWAY, status=ModelDeploymentStatus(rollout=state)),
        pods=pods or [pod("a"), pod(B), pod(B, 2)],
        live={("ModelRevision", f"fraud-{revision}"): model_revision(revision) for revision in ("a", B)},
        policy=POLICY,
    )
    return decide(found, soundings, "serving:1", NOW + timedelta(seconds=seconds))


def kept(plan: Plan) -> Evidence:
    """The evidence that the pass commits, as the next one reads it."""
    state = RolloutState.model_validate_json(plan.status.rollout.model_dump_json(by_alias=True))
    assert state.candidate
    assert state.candidate.evidence
    return state.candidate.evidence


def answers(*labels: int, now: float = 100.0, first: int = 1) -> PodAnswers:
    """Answers to r1, r2 and so on, all of them old enough."""
    found = [
        Answer(seq, now - 10, f"r{seq}", (Output("label", (1,), (label,)),)) for seq, label in enumerate(labels, first)
    ]
    return PodAnswers(now, first + len(labels) - 1, tuple(found))


def marks(evidence: Evidence) -> dict[str, int]:
    return {mark.pod: mark.seq for mark in evidence.answers}


def test_answers_are_compared_and_their_marks_kept() -> None:
    before = BEGUN.model_copy(update={"answers": (AnswerMark(pod=f"{B}-1", seq=0),)})
    after = kept(a_pass(Soundings(answers={"a-1": answers(1, 1, 1), f"{B}-1": answers(1, 1, 2)}), before))
    assert after.agreement
    assert (after.agreement.totals.requests, after.agreement.totals.events) == (3, 1)
    assert marks(after) == {"a-1": 0, f"{B}-1": 3}


def test_the_same_answers_again_are_not_evidence_again() -> None:
    read = Soundings(answers={"a-1": answers(1, 1), f"{B}-1": answers(1, 1)})
    first = kept(a_pass(read, BEGUN.model_copy(update={"answers": (AnswerMark(pod=f"{B}-1", seq=0),)})))
    second = kept(a_pass(read, first))
    assert second.agreement == first.agreement
    assert second.answers == first.answers


def test_a_pod_that_does_not_answer_keeps_its_mark_and_one_that_is_gone_has_none() -> None:
    had = tuple(AnswerMark(pod=name, seq=5) for name in (f"{B}-1", f"{B}-2", "gone"))
    after = kept(a_pass(Soundings(answers={f"{B}-1": answers(1, first=6)}), BEGUN.model_copy(update={"answers": had})))
    assert marks(after) == {f"{B}-1": 6, f"{B}-2": 5}


def test_the_past_of_stable_is_where_evidence_begins() -> None:
    past = [[Minute(minute, 1000, 100 if minute % 2 else 0) for minute in range(60)]]
    with_past = kept(a_pass(Soundings(histories=past), None)).comparisons
    without = kept(a_pass(Soundings(), None)).comparisons
    assert with_past != without, "errors that come in clumps weigh less"
    assert kept(a_pass(Soundings(histories=past), BEGUN)).comparisons == BEGUN.comparisons, "only where it begins"


def test_restarts_of_the_candidate_s_server_are_evidence_of_crashes() -> None:
    def seen(restarts: int, before: Evidence, seconds: float) -> Plan:
        pods = [pod("a", restarts=9), pod(B, restarts=restarts)]
        return a_pass(Soundings(), before, pods=pods, seconds=seconds)

    had_crashed_before = seen(2, BEGUN, 5)
    assert had_crashed_before.status.rollout.phase is Phase.SHADOW
    crashes_on = seen(5, kept(had_crashed_before), 10)
    assert crashes_on.status.rollout.phase is Phase.ROLLED_BACK
    assert crashes_on.notices[0].reason is Reason.EVIDENCE_FAILED


def test_a_number_of_prometheus_is_kept_with_the_time_it_was_asked() -> None:
    after = kept(a_pass(Soundings(readings=(Reading("revenue", 0.5),))))
    assert [(one.name, one.value, one.failures) for one in after.thresholds] == [("revenue", 0.5, 1)]
    assert after.thresholds[0].asked_at == NOW.timestamp() + 5
