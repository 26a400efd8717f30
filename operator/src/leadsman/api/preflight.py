"""Preflight: what a policy asks of a revision before it has a serving pod, and the report of what was found."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from leadsman.api.base import ApiModel
from leadsman.api.fields import Digest, Duration, ObjectName

MAX_PREFLIGHT_CHECKS = 32
MAX_TEXT = 4096


class SignatureChange(StrEnum):
    """What becomes of a model that takes or gives other tensors than the stable one."""

    REFUSE = "Refuse"
    ALLOW = "Allow"


class PreflightAgreement(ApiModel):
    """Compares the answers of both models to the golden and sample requests."""

    at_least: Annotated[float, Field(gt=0, le=1, description="The share of rows in which both must agree.")]


class PreflightLatency(ApiModel):
    """Compares how long an inference takes, where nothing else runs."""

    max_milliseconds: Annotated[
        float | None, Field(gt=0, le=3_600_000, description="The longest that one request may take.")
    ] = None
    tolerate_ratio: Annotated[
        float | None, Field(ge=1, le=100, description="How many times as slow as the stable model it may be.")
    ] = None


class KeySource(ApiModel):
    """A public key in a ConfigMap or a Secret of the ModelDeployment's namespace."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "has(self.configMap) != has(self.secret)", "message": "a key is in a configMap or in a secret"}
            ]
        }
    )

    config_map: ObjectName | None = Field(default=None, description="The ConfigMap's name.")
    secret: ObjectName | None = Field(default=None, description="The Secret's name.")
    key: str = Field(
        description="The key in it, whose value is the public key as PEM.",
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
    )


class Verify(ApiModel):
    """Who must have signed a model: the holder of a key, or an identity."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "has(self.publicKey) != has(self.identity) && has(self.identity) == has(self.issuer)",
                    "message": "verify needs either a publicKey, or an identity and its issuer",
                }
            ]
        }
    )

    public_key: KeySource | None = Field(default=None, description="The key that signatures are checked with.")
    identity: str | None = Field(
        default=None, description="Who signed, as the certificate names it.", min_length=1, max_length=512
    )
    issuer: str | None = Field(
        default=None,
        description="Who vouches for the identity: an OpenID Connect issuer.",
        min_length=1,
        max_length=512,
    )
    required: bool = Field(
        default=False, description="Refuse a model that is not signed. One with a wrong signature is always refused."
    )


class PreflightRules(ApiModel):
    """What a revision is held to before it has a single serving pod."""

    deadline: Duration = Field(
        default=timedelta(minutes=10),
        description="A preflight that has not ended this long after the rollout began, retries and waiting included, "
        "rejects the revision; 10s at least.",
        json_schema_extra={
            "x-kubernetes-validations": [
                {"rule": "duration(self) >= duration('10s')", "message": "the deadline must be 10s at least"}
            ]
        },
    )
    signature_change: SignatureChange = Field(
        default=SignatureChange.REFUSE,
        description="Refuse: a model that lacks an input or output of the stable one, or has it with another type, is "
        "rejected. Allow: it is reported.",
    )
    agreement: PreflightAgreement | None = Field(
        default=None, description="How far the answers must agree with the stable model's; only reported without it."
    )
    latency: PreflightLatency | None = Field(default=None, description="How fast it must be; only reported without it.")
    verify: Verify | None = Field(default=None, description="Who must have signed it.")


class PreflightCheck(ApiModel):
    """One check of a preflight."""

    name: str = Field(description="What was checked.", max_length=64)
    verdict: Literal["Pass", "Fail", "Warn", "Skip"] = Field(description="How it ended.")
    expected: str = Field(default="", description="What was expected.", max_length=MAX_TEXT)
    found: str = Field(default="", description="What was found.", max_length=MAX_TEXT)
    message: str = Field(default="", description="One sentence for people.", max_length=MAX_TEXT)


class PreflightReport(ApiModel):
    """What a preflight found."""

    passed: bool = Field(description="Whether the revision may have serving pods.")
    at: datetime = Field(description="When the report was read.")
    digest: Digest | None = Field(default=None, description="The digest of what was fetched.")
    stable_digest: Digest | None = Field(
        default=None, description="The digest of the stable revision's model, which it was compared with."
    )
    message: str = Field(default="", description="The report in one sentence.", max_length=MAX_TEXT)
    checks: tuple[PreflightCheck, ...] = Field(
        default=(), description="Every check, with what was expected and found.", max_length=MAX_PREFLIGHT_CHECKS
    )
