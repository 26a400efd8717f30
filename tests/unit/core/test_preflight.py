"""How a preflight stands, by its Job's pods as the kubelet reports them."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from leadsman.api.modelrevision import ModelRevisionStatus
from leadsman.api.preflight import PreflightReport
from leadsman.api.status import RolloutState
from leadsman.core.jobpods import is_job_pod, parse_job_pod
from leadsman.core.observed import Key, Observed
from leadsman.core.preflight import Finding, find_preflight, preflight_progress, wanted_preflight
from leadsman.core.revision import Role, desired_revision, new_revision, revision_hash
from support.machine import START, candidate, in_preflight, preparing
from support.objects import model_deployment, model_revision, observed

FRAUD = model_deployment(runtime={"resources": {"limits": {"memory": "2Gi"}}})
B = revision_hash(FRAUD.spec)
STATE = in_preflight(stable=None).model_copy(update={"candidate": candidate(B)})
LATER = START + timedelta(minutes=1)
DIGEST, OTHER = f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}"


def record(digest: str | None = None, status: ModelRevisionStatus | None = None) -> dict[str, Any]:
    """The ModelRevision of b."""
    spec = new_revision(FRAUD, B, "serving:1", digest).model_dump(mode="json", by_alias=True, exclude_none=True)
    said = status.model_dump(mode="json", by_alias=True, exclude_none=True) if status else {}
    return desired_revision(FRAUD, B, spec, Role.CANDIDATE) | {"status": said}


def found(
    *pods: dict[str, Any], ended: str = "", own: dict[str, Any] | None = None, job: dict[str, Any] | None = None
) -> Observed:
    """The Job as it is wanted, with the uid `job`, and pods."""
    records: dict[Key, dict[str, Any]] = {("ModelRevision", f"fraud-{B}"): own or record()}
    without = observed(FRAUD, live=records)
    body = job or wanted_preflight(without, STATE)
    assert body is not None
    live = {**body, "metadata": {**body["metadata"], "uid": "job"}}
    if ended:
        live["status"] = {"conditions": [{"type": ended, "status": "True"}]}
    return Observed(
        deployment=FRAUD,
        policy=None,
        job_pods=[parse_job_pod(pod) for pod in pods],
        live={**records, ("Job", body["metadata"]["name"]): live},
    )


def pod(number: int = 1, owner: str = "job", **status: Any) -> dict[str, Any]:
    """A pod of the Job."""
    return {
        "metadata": {
            "name": f"fraud-{B}-preflight-{number}",
            "labels": {"leadsman.dev/preflight": B},
            "creationTimestamp": f"2026-11-21T12:00:0{number}Z",
            "ownerReferences": [{"kind": "Job", "uid": owner}],
        },
        "status": status,
    }


def done(
    code: int, message: object = "", *, reason: str = "Error", number: int = 1, owner: str = "job"
) -> dict[str, Any]:
    """A pod whose container has ended."""
    said = message if isinstance(message, str) else json.dumps(message)
    end = {"terminated": {"exitCode": code, "reason": reason, "message": said}}
    return pod(number, owner, phase="Failed", containerStatuses=[{"name": "preflight", "state": end}])


def report(passed: bool = True, **changes: Any) -> dict[str, Any]:
    """What the container says."""
    check = {"name": "golden", "verdict": "Pass" if passed else "Fail", "message": "3 of 10 answers differ"}
    return {"v": 1, "passed": passed, "digest": DIGEST, "sentence": "", "checks": [check], **changes}


RUNNING = pod(phase="Running", containerStatuses=[{"name": "preflight", "state": {"running": {}}}])
UNSCHEDULABLE = pod(
    phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes have 64Gi"}]
)
NO_IMAGE = pod(
    phase="Pending",
    containerStatuses=[
        {"name": "preflight", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    ],
)
NO_POD = (
    "its Job has no pod yet; if it stays so, a ResourceQuota, a LimitRange or an admission policy refuses the pod: "
    f"see kubectl describe job fraud-{B}-preflight"
)
EVICTED = pod(phase="Failed", reason="Evicted", message="the node was low on memory")

# (pods, what the Job says of itself) -> (passed, message)
VERDICTS: dict[str, tuple[Observed, bool | None, str]] = {
    "it passed": (found(done(0, report(sentence="ready"))), True, "ready"),
    "it passed, on the second try": (
        found(done(75, {"v": 1, "transient": "503"}), done(0, report(), number=2)),
        True,
        "it passed",
    ),
    "it failed, and says what": (found(done(65, report(passed=False))), False, "3 of 10 answers differ"),
    "it was ended for its memory": (
        found(done(137, reason="OOMKilled")),
        False,
        "the model needs more memory than its limit of 2Gi: its preflight was ended for it (OOMKilled)",
    ),
    "it ended well without a word": (found(done(0)), False, "it ended without a report that can be read"),
    "it ended well, and says that it failed": (
        found(done(0, report(passed=False))),
        False,
        "it ended without a report that can be read",
    ),
    "it failed, and says that it passed": (
        found(done(65, report())),
        False,
        "it ended without a report that can be read",
    ),
    "it passed without a digest": (
        found(done(0, report(digest=None))),
        False,
        "it ended without a report that can be read",
    ),
    "it failed with a sentence and no report": (
        found(done(65, "cannot fetch the model: 404\n")),
        False,
        "cannot fetch the model: 404",
    ),
    "it speaks of other bytes than those that are pinned": (
        found(done(0, report(digest=OTHER)), own=record(DIGEST)),
        False,
        f"it speaks of {OTHER}, not of {DIGEST}",
    ),
    "it runs": (found(RUNNING), None, "it runs"),
    "it cannot be scheduled": (found(UNSCHEDULABLE), None, "not scheduled: 0/3 nodes have 64Gi"),
    "its image cannot be had": (
        found(NO_IMAGE),
        None,
        "container preflight: ImagePullBackOff: no such image",
    ),
    "its store does not answer": (
        found(done(75, {"v": 1, "transient": "the store answers 503"})),
        None,
        "it is tried again after: the store answers 503",
    ),
    "it was killed by something else": (
        found(done(137)),
        None,
        "it is tried again after: container preflight: Error, exit code 137",
    ),
    "it was evicted": (found(EVICTED), None, "it is tried again after: the node was low on memory"),
    "its Job has no pod yet": (found(), None, NO_POD),
    "its Job has ended and its pods are gone": (found(ended="Failed"), None, "its Job is made"),
    "its Job has ended and its pod is yet to be seen so": (found(RUNNING, ended="Complete"), None, "it runs"),
    "the pods are those of an earlier Job": (found(done(0, report(), owner="old")), None, NO_POD),
}


def look(at: Observed, state: RolloutState = STATE) -> Finding:
    return find_preflight(at, state, B, LATER)


@pytest.mark.parametrize(("at", "passed", "message"), VERDICTS.values(), ids=VERDICTS)
def test_it_stands(at: Observed, passed: bool | None, message: str) -> None:
    finding = look(at)
    assert finding.preflight is not None
    assert (finding.preflight.passed, finding.is_new) == (passed, passed is not None)
    assert finding.preflight.message == message
    if passed is None:
        assert preflight_progress(at, STATE) == message


def test_a_report_is_kept_as_it_was_said() -> None:
    said = report(stableDigest=OTHER, sentence="ready to serve")
    kept = look(found(done(0, said))).report
    assert kept is not None
    assert (kept.passed, kept.at, kept.digest, kept.stable_digest) == (True, LATER, DIGEST, OTHER)
    assert [(check.name, check.verdict, check.message) for check in kept.checks] == [
        ("golden", "Pass", "3 of 10 answers differ")
    ]


def test_a_lack_of_memory_is_a_check_too() -> None:
    kept = look(found(done(137, reason="OOMKilled"))).report
    assert kept is not None
    assert [(check.name, check.verdict, check.expected) for check in kept.checks] == [("memory", "Fail", "at most 2Gi")]


KEPT = PreflightReport(passed=False, at=LATER, message="golden: it errs")


def test_a_report_that_is_kept_is_the_answer_whatever_became_of_the_job() -> None:
    """The operator died between the report and the decision."""
    finding = look(found(own=record(status=ModelRevisionStatus(preflight=KEPT))))
    assert finding.preflight is not None
    assert (finding.preflight.passed, finding.preflight.message, finding.is_new) == (False, "golden: it errs", False)


def test_a_report_of_an_earlier_try_is_none_of_this_one() -> None:
    old = KEPT.model_copy(update={"at": START})
    finding = look(found(own=record(status=ModelRevisionStatus(preflight=old))))
    assert finding.preflight is not None
    assert finding.preflight.passed is None


def proved(
    reason: str,
    *,
    digest: str | None = DIGEST,
    passed: bool = True,
    uri: str | None = None,
    pods: tuple[dict[str, Any], ...] = (),
) -> Observed:
    """b had a preflight before, and then came this decision about it."""
    receipt = {"sequence": 1, "at": START, "reason": reason, "message": "", "weight_before": 0, "weight_after": 0}
    before = KEPT.model_copy(update={"passed": passed, "at": START})
    status = ModelRevisionStatus.model_validate({"preflight": before, "receipts": [receipt]})
    own = record(digest, status)
    own["spec"]["model"]["uri"] = uri or own["spec"]["model"]["uri"]
    return found(*pods, own=own)


MANIFEST = f"oci://registry.example.com/fraud@{OTHER}"


def test_one_that_was_promoted_with_bytes_that_can_still_be_had_owes_none() -> None:
    for reason in ("Promoted", "FirstRevision"):
        assert look(proved(reason, uri=MANIFEST), RolloutState(stable="a")).preflight is None


def test_what_other_bytes_may_have_taken_the_place_of_is_looked_at_again() -> None:
    assert look(proved("Promoted"), RolloutState(stable="a")).preflight is not None


def test_one_whose_bytes_are_gone_says_what_can_be_done() -> None:
    """As when `follow` is taken out of a spec."""
    stable = model_revision("a") | {"spec": {**model_revision("a")["spec"], "digest": OTHER}}
    kept = proved("Promoted", pods=(done(65, report(passed=False, sentence=f"it is {OTHER}, not {DIGEST}")),))
    records = {key: raw for key, raw in kept.live.items() if key[0] != "Job"} | {("ModelRevision", "fraud-a"): stable}
    state = STATE.model_copy(update={"stable": "a"})
    body = wanted_preflight(replace(kept, live=records), state)
    assert body is not None
    made = {("Job", body["metadata"]["name"]): {**body, "metadata": {**body["metadata"], "uid": "job"}}}
    finding = look(replace(kept, live=records | made), state)
    assert finding.report is not None
    assert finding.report.message == (
        f"it is {OTHER}, not {DIGEST}; this revision takes only the bytes that it has served with: "
        f"name others in spec.model by digest, by another uri, or with follow; what serves has the digest {OTHER}"
    )


@pytest.mark.parametrize(
    "at",
    [
        proved("EvidenceFailed"),
        proved("Superseded"),
        proved("Promoted", digest=None, uri=MANIFEST),
        proved("Promoted", passed=False, uri=MANIFEST),
    ],
    ids=["rolled back", "superseded", "promoted by a Leadsman that pinned nothing", "promoted without one"],
)
def test_any_other_owes_one(at: Observed) -> None:
    assert look(at, RolloutState(stable="a")).preflight is not None


def test_the_job_is_wanted_while_the_preflight_is_open_and_made_again_when_it_is_lost() -> None:
    assert wanted_preflight(found(RUNNING), STATE) is not None
    assert wanted_preflight(found(ended="Failed"), STATE) is None, "it goes first"
    assert wanted_preflight(found(), preparing()) is None


def test_a_job_that_was_made_for_an_earlier_try_is_no_answer() -> None:
    earlier = STATE.model_copy(update={"candidate": candidate(B, started_at=START - timedelta(hours=1))})
    old = wanted_preflight(found(), earlier)
    finding = look(found(done(0, report()), job=old))
    assert finding.preflight is not None
    assert finding.preflight.passed is None


def test_pinning_the_digest_does_not_make_the_job_another_one() -> None:
    """The operator died between the pin and the report: the Job's answer still counts."""
    before = wanted_preflight(found(), STATE)
    finding = look(found(done(0, report()), own=record(DIGEST), job=before))
    assert finding.preflight is not None
    assert finding.preflight.passed


def test_pods_of_jobs_are_told_apart_by_their_labels() -> None:
    assert is_job_pod(pod())
    assert is_job_pod({"metadata": {"labels": {"leadsman.dev/resolve": "true"}}})
    assert not is_job_pod({"metadata": {"labels": {"leadsman.dev/revision": B}}})
