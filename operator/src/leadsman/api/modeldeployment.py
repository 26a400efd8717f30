"""ModelDeployment: the model that should serve. What serves now is in its status (api/status.py)."""

from typing import Literal

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.fields import MODEL_URI_PATTERN, Digest, Duration, Hostname, ObjectName
from leadsman.api.metadata import ObjectMeta
from leadsman.api.runtime import Runtime
from leadsman.api.status import ModelDeploymentStatus

# "<name>-<8 characters of hash>" must be a DNS label of at most 63 characters.
NAME_MAX_LENGTH = 52


class Follow(ApiModel):
    """A reference that moves, such as a tag: what it names next is rolled out like any other revision."""

    interval: Duration = Field(
        description="How often to look what the reference names, 10s at least.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "duration(self) >= duration('10s')", "message": "the interval must be 10s at least"}
            ]
        },
    )


class ModelSource(ApiModel):
    """Where the model's bytes are."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.digest) || !has(self.follow)",
                    "message": "digest and follow exclude each other: a digest never moves",
                }
            ]
        }
    )

    uri: str = Field(
        description="A model package (a directory, an OCI artifact or an archive with a model.yaml) or a bare ONNX "
        "file: oci://registry/repository:tag, s3://bucket/key, gs://bucket/key, az://container/key, "
        "https://host/path, hf://owner/model@revision, mlflow://model@alias, mlflow://model/version or "
        "pvc://claim/path; http:// is for stores inside the cluster.",
        max_length=2048,
        pattern=MODEL_URI_PATTERN,
    )
    digest: Digest | None = Field(
        default=None,
        description="sha256:<64 hex digits>: of a package's model.yaml, or of a bare model. When set, other bytes are "
        "refused.",
    )
    follow: Follow | None = Field(
        default=None,
        description="Follow the reference where it moves. Without it a revision keeps the bytes that its preflight "
        "found, whatever the URI names later.",
    )
    version: str | None = Field(
        default=None,
        description="The version for people; answers and metadata carry it.",
        min_length=1,
        max_length=63,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$",
    )
    secret_name: ObjectName | None = Field(
        default=None,
        description="A Secret of this namespace whose keys become environment variables of the containers that fetch "
        "the model, for example AWS_ACCESS_KEY_ID; for oci:// also one of type kubernetes.io/dockerconfigjson. "
        "Leadsman itself never reads it.",
    )


class TriggerAuthenticationRef(ApiModel):
    """Where KEDA finds what a trigger needs to log in."""

    name: ObjectName = Field(description="The object's name.")
    kind: Literal["TriggerAuthentication", "ClusterTriggerAuthentication"] = Field(
        default="TriggerAuthentication", description="The object's kind; the first is of the same namespace."
    )


class KedaTrigger(ApiModel):
    """One trigger of a ScaledObject, in KEDA's own words."""

    type: str = Field(description="KEDA's name of the scaler, such as `prometheus`.", min_length=1, max_length=63)
    metadata: dict[str, str] = Field(
        description="The scaler's settings, which only KEDA knows and checks.", max_length=64
    )
    authentication_ref: TriggerAuthenticationRef | None = Field(
        default=None, description="Where KEDA finds what the trigger needs to log in."
    )
    metric_type: Literal["AverageValue", "Value", "Utilization"] | None = Field(
        default=None, description="What the target is compared with; KEDA's own default when left out."
    )


class Keda(ApiModel):
    """KEDA scales each revision, by a ScaledObject of its own."""

    triggers: tuple[KedaTrigger, ...] = Field(
        description="What is scaled by. In `metadata`, {{model}}, {{namespace}} and {{revision}} stand for the model's "
        "name, its namespace and the hash of the revision that is scaled. A trigger that does not name the revision "
        "scales each as if it had all of the requests.",
        min_length=1,
        max_length=16,
    )


class Scaling(ApiModel):
    """How many pods. Not part of a revision: a change scales what runs."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.maxReplicas) || self.maxReplicas >= self.minReplicas",
                    "message": "maxReplicas must be minReplicas at least",
                },
                {
                    "rule": "has(self.maxReplicas) || (!has(self.targetCPU) && !has(self.keda))",
                    "message": "targetCPU and keda need maxReplicas: without it the number of pods is fixed",
                },
                {
                    "rule": "!has(self.targetCPU) || !has(self.keda)",
                    "message": "targetCPU and keda exclude each other: one autoscaler only may set the number of pods",
                },
            ]
        }
    )

    min_replicas: int = Field(
        default=1,
        description="Pods of every revision that has, or may get back, traffic: that many, or with `maxReplicas` at "
        "least that many.",
        ge=1,
        le=1000,
    )
    max_replicas: int | None = Field(
        default=None,
        description="An autoscaler sets the number of pods of each revision, up to this many of each. Without it the "
        "number is `minReplicas`.",
        ge=1,
        le=1000,
    )
    target_cpu: int | None = Field(
        default=None,
        alias="targetCPU",
        description="The HorizontalPodAutoscalers' target: CPU used, in percent of what the pods request. 70 when "
        "left out and there is no `keda`.",
        ge=1,
        le=1000,
    )
    keda: Keda | None = Field(
        default=None, description="Scale by KEDA, which must be in the cluster, instead of by CPU."
    )


class GatewayRef(ApiModel):
    """A Gateway of the cluster's Gateway API implementation."""

    name: ObjectName = Field(description="The Gateway's name.")
    namespace: ObjectName | None = Field(
        default=None, description="Its namespace; the ModelDeployment's own when left out."
    )


class RouteRef(ApiModel):
    """An HTTPRoute of the same namespace that somebody else owns."""

    name: ObjectName = Field(description="The HTTPRoute's name.")


class Grpc(ApiModel):
    """Inference over gRPC."""

    hostnames: tuple[Hostname, ...] = Field(
        default=(),
        description="Host names of the GRPCRoute; none of the HTTPRoute's may be among them. Needed with a gateway.",
        max_length=16,
    )


class HeaderValue(ApiModel):
    """A header that a request carries, with exactly this value."""

    name: str = Field(
        description="The header's name, in any case.", min_length=1, max_length=256, pattern=r"^[A-Za-z0-9-]+$"
    )
    value: str = Field(description="The header's value.", min_length=1, max_length=4096)


class Testers(ApiModel):
    """Requests that see the candidate before anybody else does."""

    header: HeaderValue = Field(description="What tells them from other requests.")


class Affinity(ApiModel):
    """Requests of one session stay with one pod while it lasts (`sessionPersistence` of the Gateway API)."""

    type: Literal["Cookie", "Header"] = Field(
        default="Cookie",
        description="What carries the session, a cookie or a header. Either is called leadsman- and the model's name.",
    )


class Traffic(ApiModel):
    """How requests reach the model."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.route) || (!has(self.gateway) && self.hostnames.size() == 0)",
                    "message": "route excludes gateway and hostnames: the HTTPRoute that it names has its own",
                },
                {
                    "rule": "!has(self.grpc) || has(self.gateway) == (self.grpc.hostnames.size() > 0)",
                    "message": "grpc.hostnames are needed with a gateway, and need one",
                },
                {
                    "rule": "!has(self.grpc) || self.grpc.hostnames.all(name, !(name in self.hostnames))",
                    "message": "grpc.hostnames must differ from hostnames: a gateway refuses one of two routes for one",
                },
                {
                    "rule": "!has(self.testers) || has(self.gateway) || has(self.route)",
                    "message": "testers need a gateway or a route: without one requests cannot be told apart",
                },
                {
                    "rule": "!has(self.affinity) || has(self.gateway)",
                    "message": "affinity needs a gateway; with route, set sessionPersistence in the HTTPRoute itself",
                },
            ]
        }
    )

    gateway: GatewayRef | None = Field(
        default=None,
        description="The Gateway that splits traffic, by an HTTPRoute that is made for it. Without gateway and route "
        "no split is possible: a new revision is switched to when it is ready, and the old one is kept warm.",
    )
    hostnames: tuple[Hostname, ...] = Field(default=(), description="Host names of the HTTPRoute.", max_length=16)
    route: RouteRef | None = Field(
        default=None,
        description="An HTTPRoute of your own that splits traffic. In each rule whose only backend is the Service of "
        "the model's name, the backend is replaced by the revisions while a rollout goes on, and put back after it.",
    )
    grpc: Grpc | None = Field(
        default=None,
        description="Inference over gRPC: a port of that name on the Services, and with a gateway a GRPCRoute with the "
        "weights of the HTTPRoute.",
    )
    testers: Testers | None = Field(
        default=None, description="Who is always answered by the candidate while it has ready pods, at any weight."
    )
    affinity: Affinity | None = Field(
        default=None,
        description="Keep sessions with one pod. The Gateway API has it in its experimental channel. A weight then "
        "says where new sessions begin, not where requests go.",
    )


class PolicyRef(ApiModel):
    """A RolloutPolicy of the same namespace."""

    name: ObjectName = Field(description="The RolloutPolicy's name.")


class ModelDeploymentSpec(ApiModel):
    """The desired model."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.scaling.maxReplicas) || has(self.scaling.keda)"
                    " || 'cpu' in self.runtime.resources.requests || 'cpu' in self.runtime.resources.limits",
                    "message": "scaling by CPU goes by percent of the CPU that pods request: "
                    "runtime.resources.requests must name cpu",
                }
            ]
        }
    )

    model: ModelSource = Field(description="Where the model's bytes are.")
    runtime: Runtime = Field(default=Runtime(), description="How the model is run.")
    scaling: Scaling = Field(default=Scaling(), description="How many pods.")
    traffic: Traffic = Field(default=Traffic(), description="How requests reach the model.")
    rollout_policy: PolicyRef | None = Field(
        default=None, description="The proof a new revision owes; the defaults of RolloutPolicy when left out."
    )


class ModelDeployment(ApiModel):
    """A model that should serve: where its bytes are, how it is run, which proof a new version owes."""

    metadata: ObjectMeta
    spec: ModelDeploymentSpec = Field(description="The desired model.")
    status: ModelDeploymentStatus = Field(
        default=ModelDeploymentStatus(), description="What serves now and how the rollout goes."
    )
