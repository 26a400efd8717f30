"""The simulated world at every moment that a status can speak of: what GitOps tools are shown, and what upgrades find.

To add a moment, add a function to `SITUATIONS`, and to the table of `unit/test_gitops.py` what it is to be taken for.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from leadsman.api.checks import AgreementCheck, Check, ErrorRateCheck
from leadsman.api.conditions import Reason
from leadsman.api.rolloutpolicy import ApprovalRules, RolloutPolicySpec, Shadow, Step
from leadsman.api.status import ModelDeploymentStatus
from leadsman.core.status import refused_status
from support.simulated import BAD, GOOD, careful, world
from support.world import NAME, NAMESPACE, UID, Model, World

TAG = "oci://registry.example.com/fraud:stable"
CONFIGURED = {"env": [{"name": "MODE", "valueFrom": {"configMap": "settings", "key": "mode"}}]}
MODELS = {
    "1": GOOD,
    "2": GOOD,
    "3": GOOD,
    "bad": BAD,
    "slow-to-prove": replace(GOOD, preflight_seconds=1000.0),
    "slow-to-start": replace(GOOD, start_seconds=1000.0),
    "errs": replace(GOOD, preflight=(65, "golden: 3 of 10 answers differ")),
    "fails": Model(failure="the model has no outputs"),
}


def model_deployment_in(at: World) -> dict[str, Any]:
    """The ModelDeployment as the API server has it."""
    return {
        "apiVersion": "leadsman.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": at.generation},
        "spec": at.spec,
        "status": at.status,
    }


def policy() -> RolloutPolicySpec:
    """Copies first, then weights; answers are compared."""
    copies = Step(shadow=Shadow(), min_duration=timedelta(seconds=10), max_duration=timedelta(minutes=5))
    checks = (Check(error_rate=ErrorRateCheck()), Check(agreement=AgreementCheck()))
    return careful(steps=(copies, *careful().steps), checks=checks)


def approved() -> RolloutPolicySpec:
    """Weights, and between them somebody has to agree."""
    first, second = careful().steps
    return careful(steps=(first, Step(approval=ApprovalRules()), second))


def _serving(**changes: Any) -> World:
    return world(policy=policy(), models=MODELS, **changes)


def _new(version: str = "1") -> World:
    at = World(policy(), MODELS)
    at.apply(version)
    return at


def _after(version: str, *reasons: str, seconds: float = 10) -> World:
    """Some time after a decision about a version that follows version 1."""
    at = _serving()
    at.apply(version)
    for reason in reasons:
        at.until(reason)
    at.rest(seconds)
    return at


def _not_looked_at() -> World:
    return _new()


def _first_in_preflight() -> World:
    at = _new("slow-to-prove")
    at.rest(10)
    return at


def _first_prepared() -> World:
    at = _new("slow-to-start")
    at.rest(30)
    return at


def _first_rejected() -> World:
    at = _new("errs")
    at.until("PreflightFailed")
    at.rest(10)
    return at


def _stale() -> World:
    at = _serving()
    at.apply("2")
    return at


def _held() -> World:
    at = _serving()
    at.apply("2")
    at.until("StepStarted")
    at.until("StepStarted")
    at.rps = 0.0
    at.until("Held")
    at.rest(10)
    return at


def _superseded() -> World:
    at = _after("2", "StepStarted", "StepStarted")
    at.apply("3")
    at.rest(1)
    return at


def _returned() -> World:
    at = _after("2", "Promoted")
    at.apply("1")
    at.until("Returned")
    at.rest(10)
    return at


def _switched() -> World:
    at = _serving(gateway=False)
    at.apply("2")
    at.until("Switched")
    at.rest(10)
    return at


def _without_policy() -> World:
    at = _serving()
    at.policy = None
    at.apply("2")
    at.rest(10)
    return at


def _without_its_config_map() -> World:
    at = _serving()
    at.apply("1", runtime=CONFIGURED)
    at.rest(10)
    return at


def _config_map_gone() -> World:
    at = _serving()
    at.config_maps["settings"] = {"mode": "calm"}
    at.apply("1", runtime=CONFIGURED)
    at.until("Promoted")
    at.rest(15)
    at.config_maps.clear()
    at.rest(60)
    return at


def _awaiting_first_approval() -> World:
    at = World(approved(), MODELS)
    at.apply("1")
    at.until("ApprovalAwaited")
    at.rest(200)
    return at


def _awaiting_approval() -> World:
    at = _serving()
    at.policy = approved()
    at.apply("2")
    at.until("ApprovalAwaited")
    at.rest(10)
    return at


def _asked(verb: str, *reasons: str, version: str = "2", before: str = "StepStarted", seconds: float = 10) -> World:
    """Some time after somebody has asked for something while a version follows version 1."""
    at = _serving()
    revision = at.apply(version)
    at.until(before)
    at.ask(verb, revision=revision if verb in ("Abort", "Promote", "Retry") else None)
    for reason in reasons:
        at.until(reason)
    at.rest(seconds)
    return at


def _tried_again() -> World:
    return _asked("Retry", "StepStarted", version="bad", before="EvidenceFailed", seconds=1)


def _paused_at_rest() -> World:
    at = _serving()
    at.ask("Pause")
    at.rest(10)
    return at


def _turned_bad() -> World:
    at = _after("2", "Promoted")
    for pod in at.pods.values():
        if pod.revision == at.state.stable:
            pod.model = BAD
    at.until("EvidenceFailed")
    at.rest(10)
    return at


def _skewed() -> World:
    at = _serving()
    at.apply("2")
    at.until("StepStarted")
    at.until("StepStarted")
    at.sticky = 0.9
    at.rest(120)
    return at


def _following(named: str) -> World:
    at = World(careful(), MODELS, gateway=False)
    at.tags[TAG] = named
    at.apply("1", model={"uri": TAG, "follow": {"interval": "30s"}})
    at.look()
    return at


def _resolving() -> World:
    return _following("1")


def _followed() -> World:
    at = _following("1")
    at.until("FirstRevision", seconds=60)
    at.rest(60)
    return at


def _scaled_up() -> World:
    at = _serving()
    at.replicas = 4
    at.apply("1")
    at.look()
    at.live(1)
    at.look()
    return at


def _without_pods() -> World:
    at = _serving()
    at.models = MODELS | {"1": replace(GOOD, start_seconds=1000.0)}
    at.pods.clear()
    at.rest(10)
    return at


def _route_refused() -> World:
    at = _serving()
    for condition in at.objects["HTTPRoute", NAME]["status"]["parents"][0]["conditions"]:
        condition["status"] = "False"
    at.look()
    return at


def _refused(reason: Reason, message: str) -> World:
    at = _serving()
    at.apply("2")
    before = ModelDeploymentStatus.model_validate(at.status)
    after = refused_status(before, at.generation, reason, message, at.clock)
    at.status = json.loads(json.dumps(after.model_dump(mode="json", by_alias=True, exclude_none=True)))
    return at


SITUATIONS: dict[str, Callable[[], World]] = {
    "nobody has looked at it yet": _not_looked_at,
    "the first revision is in preflight": _first_in_preflight,
    "the first revision's pods are prepared": _first_prepared,
    "the first revision was rejected by its preflight": _first_rejected,
    "the desired revision is fully out": _serving,
    "a new spec has not been looked at": _stale,
    "a candidate is in preflight": lambda: _after("slow-to-prove"),
    "a candidate's pods are prepared": lambda: _after("slow-to-start", seconds=30),
    "a candidate gets copies": lambda: _after("2", "StepStarted"),
    "a candidate gets its first weight": lambda: _after("2", "StepStarted", "StepStarted", seconds=5),
    "a candidate gets its last weight": lambda: _after("2", *3 * ["StepStarted"], seconds=5),
    "a candidate is held after its maxDuration": _held,
    "a candidate was superseded": _superseded,
    "a candidate was just promoted": lambda: _after("2", "Promoted", seconds=15),
    "the previous revision is gone": lambda: _after("2", "Promoted", seconds=200),
    "it went back to the warm revision": _returned,
    "it was switched without a gateway": _switched,
    "the first revision waits for an approval": _awaiting_first_approval,
    "a candidate waits for an approval": _awaiting_approval,
    "a candidate is paused": lambda: _asked("Pause", "Paused"),
    "it is paused with nothing under way": _paused_at_rest,
    "requests are not split as configured": _skewed,
    "a candidate was aborted": lambda: _asked("Abort", "Aborted"),
    "it was undone after its promotion": lambda: _asked("Undo", "Undone", before="Promoted"),
    "it was rolled back after its promotion": _turned_bad,
    "a candidate is tried again": _tried_again,
    "a candidate was rejected by its preflight": lambda: _after("errs", "PreflightFailed"),
    "a candidate could not be loaded": lambda: _after("fails", "ModelFailed"),
    "a candidate was rolled back a moment ago": lambda: _after("bad", "EvidenceFailed", seconds=5),
    "a candidate was rolled back long ago": lambda: _after("bad", "EvidenceFailed", seconds=600),
    "the policy is missing": _without_policy,
    "a ConfigMap that it names is missing": _without_its_config_map,
    "a ConfigMap that it names is gone while it serves": _config_map_gone,
    "a followed reference is resolved for the first time": _resolving,
    "a followed reference is fully out": _followed,
    "it was scaled up": _scaled_up,
    "no pod of the stable revision is ready": _without_pods,
    "the gateway does not take the route": _route_refused,
    "the API server refuses a write": lambda: _refused(Reason.REFUSED, "exceeded quota: pods"),
    "an object cannot be understood": lambda: _refused(Reason.INVALID_SPEC, "spec.steps: at least one is needed"),
}
