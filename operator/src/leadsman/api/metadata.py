"""The parts of Kubernetes object metadata that Leadsman reads."""

from datetime import datetime

from pydantic import Field

from leadsman.api.base import ApiModel


class ObjectMeta(ApiModel):
    """Object metadata, reduced."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
