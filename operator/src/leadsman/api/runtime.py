"""How a model is run: resources, how requests are taken, environment. A change of it is a new revision."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.fields import BinarySize, Delay, Duration, ObjectName, Quantity

MAX_VARIABLES = 32
MAX_VALUE = 4096

# What the serving image or the pod template sets, what has a field of its own, and what makes a program load code: a
# model is data, and its files must not become libraries by a variable that points to them.
_RESERVED = (
    "^(LEADSMAN_.*|PATH|HOME|DOCKER_CONFIG|ORT_DISABLE_TELEMETRY"
    "|PYTHON.*|LD_.*|GLIBC_TUNABLES|GCONV_PATH|OPENSSL_(CONF|ENGINES|MODULES))$"
)
# Which registries have no TLS (docs/packages.md) is no option of a command.
_NOT_RESERVED = "LEADSMAN_OCI_INSECURE"


class Resources(ApiModel):
    """What one serving pod asks for and may use."""

    requests: dict[str, Quantity] = Field(
        default={"cpu": "100m", "memory": "128Mi"}, description="Requested resources by name.", max_length=16
    )
    limits: dict[str, Quantity] = Field(default={"memory": "1Gi"}, description="Limits by name.", max_length=16)


class Batching(ApiModel):
    """How requests that have to wait for the model share its next run, where that was found to help."""

    max_size: int = Field(
        default=64, description="Most rows of several requests to compute together; 1: never.", ge=1, le=1024
    )
    max_delay: Delay = Field(
        default=timedelta(0),
        description="How long a run waits for requests that are still being received: 0s, 1ms to 999ms, or 1s.",
    )


class SchemaViolations(StrEnum):
    """What becomes of a request with a value that breaks a rule of the package's schema."""

    COUNT = "Count"
    REJECT = "Reject"


class ValueSource(ApiModel):
    """A key of a ConfigMap or a Secret of the ModelDeployment's namespace."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "has(self.configMap) != has(self.secret)",
                    "message": "a value is from a configMap or from a secret",
                }
            ]
        }
    )

    config_map: ObjectName | None = Field(
        default=None, description="The ConfigMap's name. What it says is part of the revision: a change is rolled out."
    )
    secret: ObjectName | None = Field(
        default=None,
        description="The Secret's name. Only its name is part of the revision: pods read it when they start.",
    )
    key: str = Field(
        description="The key in it.",
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
    )


class Variable(ApiModel):
    """An environment variable."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "has(self.value) != has(self.valueFrom)",
                    "message": "a variable has either a value or a valueFrom",
                },
                {
                    "rule": f"self.name == '{_NOT_RESERVED}' || !self.name.matches('{_RESERVED}')",
                    "message": "the variable is reserved: Leadsman sets it, it has a field of its own in spec.runtime, "
                    "or it makes programs load code",
                },
            ]
        }
    )

    name: str = Field(description="Its name.", min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    value: str | None = Field(
        default=None,
        description="Its value, exactly as it stands here: $(NAME) is not replaced.",
        max_length=MAX_VALUE,
        pattern=r"^[^\x00]*$",
    )
    value_from: ValueSource | None = Field(default=None, description="Where its value stands instead.")


def _by_name(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Their order says nothing, so it makes no other revision."""
    return tuple(sorted(variables, key=lambda variable: variable.name))


class Runtime(ApiModel):
    """How the model is run. A change here is a new revision, like a change of the model."""

    execution_provider: Literal["CPU"] = Field(default="CPU", description="ONNX Runtime's execution provider.")
    threads: int | None = Field(
        default=None,
        description="Threads that one inference may use; when left out, as many as the pod's CPU limit allows, and "
        "without such a limit one for each of the node's CPUs.",
        ge=1,
        le=256,
    )
    resources: Resources = Field(default=Resources(), description="Requests and limits of a serving pod.")
    service_account_name: ObjectName | None = Field(
        default=None, description="The pods' ServiceAccount; the namespace's default when left out."
    )
    batching: Batching = Field(default=Batching(), description="How requests share runs of the model.")
    timeout: Duration = Field(
        default=timedelta(minutes=1),
        description="A request that is not computed within this is answered 504, 1s to 1h. Clients and gateways may "
        "have shorter ones.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "duration(self) >= duration('1s') && duration(self) <= duration('1h')",
                    "message": "the timeout must be 1s to 1h",
                }
            ]
        },
    )
    max_in_flight: int = Field(
        default=1000, description="Requests that a pod answers at once; beyond, 429.", ge=1, le=100_000
    )
    max_body_size: BinarySize = Field(
        default="64Mi", description="The largest request, and the largest tensors of an answer: 512Ki, 64Mi, 1Gi."
    )
    schema_violations: SchemaViolations = Field(
        default=SchemaViolations.COUNT,
        description="Values that break a rule of the package's schema are counted, or (Reject) also refused with 400.",
    )
    access_log: bool = Field(default=False, description="Log a line of JSON for each infer request.")
    env: Annotated[tuple[Variable, ...], AfterValidator(_by_name)] = Field(
        default=(),
        description="Environment of the containers that fetch, prove and serve the model, such as OTEL_* for tracing "
        "or AWS_REGION.",
        max_length=MAX_VARIABLES,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
