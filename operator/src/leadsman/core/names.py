"""Names that Leadsman gives: labels, ports, child objects. Deterministic: every pass finds what the last one made."""

from leadsman.core.hashing import short_hash

FIELD_MANAGER = "leadsman"
MANAGED_BY = "app.kubernetes.io/managed-by"

MODEL_LABEL = "leadsman.dev/model"
REVISION_LABEL = "leadsman.dev/revision"
# Pods of Jobs carry one of these instead of the revision's label: no Service and no Deployment selects them.
PREFLIGHT_LABEL = "leadsman.dev/preflight"
RESOLVE_LABEL = "leadsman.dev/resolve"
# What a Job was made to find out. One that was made to find out something else is no answer.
INPUTS_LABEL = "leadsman.dev/inputs"
# What a ModelRevision is to its ModelDeployment. A label, so that it outlives a restore that drops every status.
ROLE_LABEL = "leadsman.dev/role"
# What a ModelRevision's rollout has seen, so that it can be replayed (core/recording). Nothing is decided by it.
RECORDING_ANNOTATION = "leadsman.dev/recording"
# On a ModelDeployment: who last changed spec.model or spec.runtime. Only admission writes it (charts/leadsman).
CHANGED_BY_ANNOTATION = "leadsman.dev/changed-by"

HTTP_PORT = 8080
GRPC_PORT = 8081
METRICS_PORT = 8082
# Of the Services.
HTTP_SERVICE_PORT = 80
GRPC_SERVICE_PORT = 8081
MODEL_DIR = "/var/lib/model"
PVC_ROOT = "/mnt/pvc"
SERVER_CONTAINER = "server"
FETCH_CONTAINER = "fetch"
PREFLIGHT_CONTAINER = "preflight"
RESOLVE_CONTAINER = "resolve"
# A Job's name becomes a label of its pods.
_JOB_NAME_LENGTH = 63


def child_name(model: str, revision: str) -> str:
    """The name of a revision's ModelRevision, Deployment and Service."""
    return f"{model}-{revision}"


def preflight_name(model: str, revision: str) -> str:
    """The name of a revision's preflight Job. A model's name that is too long for it is cut and made its own again."""
    name = f"{model}-{revision}-preflight"
    if len(name) <= _JOB_NAME_LENGTH:
        return name
    suffix = f"-{short_hash(model)}-{revision}-preflight"
    return f"{model[: _JOB_NAME_LENGTH - len(suffix)].rstrip('-')}{suffix}"


def resolve_name(model: str) -> str:
    """The name of the Job that resolves a followed reference."""
    return f"{model}-resolve"


def model_labels(model: str) -> dict[str, str]:
    """The labels of everything that belongs to a model."""
    return {MANAGED_BY: FIELD_MANAGER, MODEL_LABEL: model}


def revision_labels(model: str, revision: str) -> dict[str, str]:
    """The labels of everything that belongs to one revision of a model; also the selector of its pods."""
    return {**model_labels(model), REVISION_LABEL: revision}
