"""What makes two models the same revision, and the record that pins it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from leadsman.api.base import API_VERSION
from leadsman.api.modeldeployment import ModelDeployment, ModelDeploymentSpec, ModelSource
from leadsman.api.modelrevision import ModelRevision, ModelRevisionSpec
from leadsman.api.status import RolloutState
from leadsman.core.hashing import short_hash
from leadsman.core.immutable import immutable_uri
from leadsman.core.names import RECORDING_ANNOTATION, ROLE_LABEL, child_name, revision_labels
from leadsman.core.owner import owner_references
from leadsman.core.podtemplate import pod_template
from leadsman.core.variables import may_run_as


class Role(StrEnum):
    """What a ModelRevision is to its ModelDeployment now."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    REJECTED = "rejected"
    RETIRED = "retired"


def revision_hash(spec: ModelDeploymentSpec) -> str:
    """Name the revision that a spec describes: 8 characters over its model and runtime.

    Fields at their default are left out, so a new field, or the same default written out, is the same revision; and no
    default of the operator (such as the serving image) takes part, so an upgrade is no new revision.
    """
    parts = {
        # How a reference is followed is no part of what it names.
        part: getattr(spec, part).model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"follow"})
        for part in ("model", "runtime")
    }
    return short_hash({"v": 1, **parts})


def may_be(deployment: ModelDeployment, record: ModelRevision) -> bool:
    """Whether a spec may name a recorded revision, where not all values of its variables are known."""
    asked, recorded = _source(deployment), record.spec.model
    # The same bytes may have moved on from one address to another.
    same_bytes = asked.uri == recorded.uri or asked.digest is not None
    same_model = same_bytes and asked.model_copy(update={"uri": recorded.uri}) == recorded
    return same_model and may_run_as(deployment.spec.runtime, record.spec.runtime)


def new_revision(
    deployment: ModelDeployment, revision: str, serving_image: str, digest: str | None = None
) -> ModelRevisionSpec:
    """Pin everything that the revision runs with, as of now; `digest` is that of its pods, if it has some already."""
    spec, source = deployment.spec, _source(deployment)
    name = deployment.metadata.name
    return ModelRevisionSpec(
        model_deployment=name,
        revision=revision,
        model=source,
        runtime=spec.runtime,
        pod_template=pod_template(name, revision, source, spec.runtime, serving_image),
        digest=digest,
    )


def _source(deployment: ModelDeployment) -> ModelSource:
    """Where the bytes are that a followed reference names now; its pods fetch them when it has long moved on."""
    source, following = deployment.spec.model, deployment.status.following
    if not following or not following.identity or (following.uri, following.digest) != (source.uri, source.digest):
        return source
    return source.model_copy(update={"uri": immutable_uri(source.uri, following.identity)})


def desired_revision(
    deployment: ModelDeployment, revision: str, spec: dict[str, Any], role: str, recording: str | None = None
) -> dict[str, Any]:
    """The ModelRevision object. `spec` is the raw one where it exists already: it is immutable."""
    name = deployment.metadata.name
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelRevision",
        "metadata": {
            "name": child_name(name, revision),
            "namespace": deployment.metadata.namespace,
            "labels": {**revision_labels(name, revision), ROLE_LABEL: str(role)},
            **({"annotations": {RECORDING_ANNOTATION: recording}} if recording else {}),
            "ownerReferences": owner_references(deployment),
        },
        "spec": spec,
    }


def role_of(revision: str, state: RolloutState) -> Role:
    """What the revision is, by the machine's state."""
    if revision == state.stable:
        return Role.STABLE
    if state.candidate and revision == state.candidate.revision:
        return Role.CANDIDATE
    if state.rejected and revision == state.rejected.revision:
        return Role.REJECTED
    return Role.RETIRED


def revisions_with_role(revisions: Iterable[ModelRevision], role: Role) -> list[ModelRevision]:
    """The revisions that carry a role's label, newest first."""
    found = [revision for revision in revisions if revision.metadata.labels.get(ROLE_LABEL) == role.value]
    return sorted(found, key=lambda revision: str(revision.metadata.creation_timestamp), reverse=True)
