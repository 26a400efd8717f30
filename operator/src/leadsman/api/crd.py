"""CustomResourceDefinitions out of the API types.

pydantic's JSON schema is not structural, so it is rewritten: references inlined, optional fields plain, `title` and
null defaults dropped, exclusive bounds in their boolean form (apiextensions-apiserver, validation.go).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from leadsman.api.base import GROUP, VERSION, ApiModel
from leadsman.api.fields import format_duration
from leadsman.api.modeldeployment import NAME_MAX_LENGTH, ModelDeployment
from leadsman.api.modelrevision import ModelRevision, ModelRevisionSpec
from leadsman.api.rolloutaction import RolloutAction
from leadsman.api.rolloutpolicy import RolloutPolicy

_DNS_LABEL = "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')"

_SAME_BUT_FOR_DIGEST = " && ".join(
    f"self.spec.{field.alias} == oldSelf.spec.{field.alias}"
    for name, field in ModelRevisionSpec.model_fields.items()
    if name != "digest"
)


@dataclass(frozen=True)
class _Column:
    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


@dataclass(frozen=True)
class _Kind:
    model: type[ApiModel]
    plural: str
    short_name: str
    columns: tuple[_Column, ...]
    rules: tuple[dict[str, str], ...] = ()
    as_written: tuple[str, ...] = ()
    status_default: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.__name__


_AGE = _Column("Age", ".metadata.creationTimestamp", "date")

_KINDS = (
    _Kind(
        model=ModelDeployment,
        plural="modeldeployments",
        short_name="mdep",
        columns=(
            _Column(
                "Ready",
                '.status.conditions[?(@.type=="Ready")].status',
                description="The desired revision is fully out.",
            ),
            _Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', description="Why it is, or is not."),
            _Column("Stable", ".status.stableVersion", description="The version that serves."),
            _Column("Desired", ".spec.model.version", description="The version that should serve."),
            _Column("Weight", ".status.weight", "integer", description="The candidate's percent of requests."),
            _Column("Message", '.status.conditions[?(@.type=="Ready")].message', priority=1),
            _AGE,
        ),
        rules=(
            {
                "rule": f"self.metadata.name.size() <= {NAME_MAX_LENGTH}",
                "message": f"the name may have at most {NAME_MAX_LENGTH} characters: its Services' names add 9 to it",
            },
            {
                "rule": _DNS_LABEL,
                "message": "the name must be a DNS label that begins with a letter: its Services are named after it",
            },
        ),
        as_written=("status",),
        status_default={"observedGeneration": -1},
    ),
    _Kind(
        model=RolloutPolicy,
        plural="rolloutpolicies",
        short_name="rop",
        columns=(
            _Column("FalseRollbackRate", ".spec.falseRollbackRate", "number"),
            _Column(
                "Shadow",
                ".spec.steps[?(@.shadow)].shadow.percent",
                "integer",
                description="Percent of requests copied to a candidate in its first shadow step.",
            ),
            _Column(
                "First",
                ".spec.steps[?(@.weight)].weight",
                "integer",
                description="Percent of requests in the first step with a weight.",
            ),
            _Column("Last", ".spec.steps[-1:].weight", "integer", description="Percent of requests in the last step."),
            _Column("OnInconclusive", ".spec.onInconclusive"),
            _AGE,
        ),
    ),
    _Kind(
        model=ModelRevision,
        plural="modelrevisions",
        short_name="mrev",
        columns=(
            _Column("Model", ".spec.modelDeployment"),
            _Column("Version", ".spec.model.version"),
            _Column("Role", ".metadata.labels.leadsman\\.dev/role", description="What it is to its model now."),
            _Column("Outcome", ".status.outcome", description="How its rollout ended, so far."),
            _Column("Decided", ".status.receipts[-1:].at", "date", description="When the last decision was."),
            _Column("Message", ".status.message", priority=1, description="The last decision in one sentence."),
            _AGE,
        ),
        rules=(
            {"rule": _SAME_BUT_FOR_DIGEST, "message": "a ModelRevision never changes"},
            {
                "rule": "!has(oldSelf.spec.digest) || (has(self.spec.digest)"
                " && self.spec.digest == oldSelf.spec.digest)",
                "message": "a ModelRevision never changes: its digest is set once",
            },
        ),
        as_written=("spec", "status"),
    ),
    _Kind(
        model=RolloutAction,
        plural="rolloutactions",
        short_name="roa",
        columns=(
            _Column("Model", ".spec.modelDeployment"),
            _Column("Verb", ".spec.verb"),
            _Column("Revision", ".spec.revision"),
            _Column("By", ".spec.requestedBy.user", description="Who asked."),
            _Column("Outcome", ".status.outcome", description="Whether it was done."),
            _Column("Reason", ".spec.reason", priority=1, description="Why it was asked for."),
            _Column("Message", ".status.message", priority=1, description="What was done, or why nothing was."),
            _AGE,
        ),
        rules=({"rule": "self.spec == oldSelf.spec", "message": "a RolloutAction never changes: make another one"},),
        as_written=("status",),
        status_default={"observedGeneration": -1},
    ),
)


def crds() -> list[dict[str, Any]]:
    """Every CustomResourceDefinition, as it stands in crds/."""
    return [_crd(kind) for kind in _KINDS]


def _crd(kind: _Kind) -> dict[str, Any]:
    schema = _root_schema(kind)
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
    }
    if "status" in schema["properties"]:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["leadsman"],
            },
            "versions": [version],
        },
    }


def _column(column: _Column) -> dict[str, Any]:
    written: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        written["description"] = column.description
    if column.priority:
        written["priority"] = column.priority
    return written


class _WireDefaults(GenerateJsonSchema):
    """Writes defaults as they stand in a manifest: durations as strings, nothing that is not set."""

    def encode_default(self, dft: Any) -> Any:
        match dft:
            case ApiModel():
                return dft.model_dump(mode="json", by_alias=True, exclude_none=True)
            case timedelta():
                return format_duration(dft)
            case tuple():
                return [self.encode_default(item) for item in dft]
            case _:
                return super().encode_default(dft)


def _root_schema(kind: _Kind) -> dict[str, Any]:
    raw = kind.model.model_json_schema(by_alias=True, schema_generator=_WireDefaults)
    schema = _structural(raw, raw.get("$defs", {}))
    properties = schema["properties"]
    schema["properties"] = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **{name: value for name, value in properties.items() if name != "metadata"},
    }
    schema["required"] = [name for name in schema.get("required", []) if name != "metadata"]
    if not schema["required"]:
        del schema["required"]
    for name in kind.as_written:
        # What was recorded is neither filled up nor refused by the rules of a later version.
        _drop(schema["properties"][name], "default", "x-kubernetes-validations")
    if kind.status_default:
        schema["properties"]["status"]["default"] = kind.status_default
    if kind.rules:
        schema["x-kubernetes-validations"] = list(kind.rules)
    return schema


def _structural(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Rewrite one schema, and all below it, to what the API server accepts."""
    node = _resolved(node, definitions)
    for dropped in ("title", "$defs"):
        node.pop(dropped, None)
    if node.get("default", ...) is None:
        del node["default"]
    for bound in ("Minimum", "Maximum"):
        if (limit := node.pop(f"exclusive{bound}", None)) is not None:
            node[bound.lower()] = limit
            node[f"exclusive{bound}"] = True
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "properties" in node:
        node["properties"] = {name: _structural(child, definitions) for name, child in node["properties"].items()}
    if "items" in node:
        node["items"] = _structural(node["items"], definitions)
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        node["additionalProperties"] = _structural(extra, definitions)
    elif extra is not None:
        del node["additionalProperties"]
    return node


def _drop(node: dict[str, Any], *keywords: str) -> None:
    for keyword in keywords:
        node.pop(keyword, None)
    for child in (*node.get("properties", {}).values(), node.get("items"), node.get("additionalProperties")):
        if isinstance(child, dict):
            _drop(child, *keywords)


def _resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Inline a reference, and make `X or null` a plain X; what stands beside it (a description) wins."""
    alternatives = [choice for choice in node.get("anyOf", []) if choice.get("type") != "null"]
    if len(alternatives) == 1:
        beside = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved({**alternatives[0], **beside}, definitions)
    if "$ref" in node:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**_resolved(definitions[node["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    return dict(node)
