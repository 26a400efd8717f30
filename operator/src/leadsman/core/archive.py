"""Put what a pass has recorded onto the ModelRevisions, where it outlives the rollout."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from leadsman.core.desired import Action, recording_of
from leadsman.core.names import RECORDING_ANNOTATION, ROLE_LABEL, child_name
from leadsman.core.observed import Key, Observed
from leadsman.core.recording import Flush, extended
from leadsman.core.revision import Role, desired_revision


def archive(observed: Observed, flushes: Mapping[str, Flush]) -> tuple[list[Action], Observed]:
    """Return what to write, and what will have been observed once it is: what is applied later must say the same.

    A revision whose ModelRevision is missing is not recorded: it is born again without a past.
    """
    actions = []
    live = dict(observed.live)
    for revision, flush in flushes.items():
        key: Key = ("ModelRevision", child_name(observed.deployment.metadata.name, revision))
        if key not in live:
            continue
        recording = extended(recording_of(live[key]), flush)
        actions.append(Action(*key, _body(observed, revision, live[key], recording)))
        live[key] = _with_recording(live[key], recording)
    return actions, replace(observed, live=live)


def without_recordings(actions: Sequence[Action], lost: Collection[str]) -> list[Action]:
    """Return the actions, with no recording in those on the ModelRevisions `lost`: it was refused already."""
    return [
        replace(action, body=_unrecorded(action.body)) if action.body and action.name in lost else action
        for action in actions
    ]


def _unrecorded(body: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key != "annotations"}
    return {**body, "metadata": metadata} if body["kind"] == "ModelRevision" else dict(body)


def _body(observed: Observed, revision: str, record: Mapping[str, Any], recording: str | None) -> dict[str, Any]:
    # The role stays as it is: what the pass has decided is not committed yet.
    role = record["metadata"].get("labels", {}).get(ROLE_LABEL, Role.RETIRED)
    return desired_revision(observed.deployment, revision, dict(record["spec"]), role, recording)


def _with_recording(record: Mapping[str, Any], recording: str | None) -> dict[str, Any]:
    annotations = {k: v for k, v in record["metadata"].get("annotations", {}).items() if k != RECORDING_ANNOTATION}
    if recording is not None:
        annotations[RECORDING_ANNOTATION] = recording
    return {**record, "metadata": {**record["metadata"], "annotations": annotations}}
