"""Names that Leadsman gives: labels, ports, child objects. Deterministic: every pass finds what the last one made."""

FIELD_MANAGER = "leadsman"
MANAGED_BY = "app.kubernetes.io/managed-by"

MODEL_LABEL = "leadsman.dev/model"
REVISION_LABEL = "leadsman.dev/revision"
# What a ModelRevision is to its ModelDeployment. A label, so that it outlives a restore that drops every status.
ROLE_LABEL = "leadsman.dev/role"
# What a ModelRevision's rollout has seen, so that it can be replayed (core/recording). Nothing is decided by it.
RECORDING_ANNOTATION = "leadsman.dev/recording"

HTTP_PORT = 8080
METRICS_PORT = 8082
MODEL_DIR = "/var/lib/model"
PVC_ROOT = "/mnt/pvc"
SERVER_CONTAINER = "server"
FETCH_CONTAINER = "fetch"


def child_name(model: str, revision: str) -> str:
    """The name of a revision's ModelRevision, Deployment and Service."""
    return f"{model}-{revision}"


def model_labels(model: str) -> dict[str, str]:
    """The labels of everything that belongs to a model."""
    return {MANAGED_BY: FIELD_MANAGER, MODEL_LABEL: model}


def revision_labels(model: str, revision: str) -> dict[str, str]:
    """The labels of everything that belongs to one revision of a model; also the selector of its pods."""
    return {**model_labels(model), REVISION_LABEL: revision}
