"""The base of every API type: camelCase on the wire, snake_case in Python, frozen."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

GROUP = "leadsman.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class ApiModel(BaseModel):
    """A part of a custom resource.

    Unknown fields are ignored when parsing: the API server has already pruned what the CRD does not know, and an older
    operator must be able to read what a newer one wrote.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")
