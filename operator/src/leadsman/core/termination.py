"""What a Job's container said when it ended. It may be anything: it is bounded, typed, or taken for nothing."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from leadsman.api.fields import Digest
from leadsman.api.preflight import MAX_PREFLIGHT_CHECKS, MAX_TEXT

# The kubelet keeps 4096 bytes of a message; what is longer was not written by it.
_MOST = 16_384
_LONGEST_IDENTITY = 1024


def printable(text: str) -> str:
    """The text on one line, without what would do something to a terminal, no longer than a message may be."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:MAX_TEXT]


def _said(value: object) -> object:
    return printable(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_said)]


class _Message(BaseModel):
    """The program that speaks is of another version now and then: what is not known is not read."""

    model_config = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore", strict=True)

    v: Literal[1]


class SaidCheck(_Message):
    """One check of a preflight."""

    v: Literal[1] = 1
    name: Text = Field(max_length=64)
    verdict: Literal["Pass", "Fail", "Warn", "Skip"]
    expected: Text = ""
    found: Text = ""
    message: Text = ""


class SaidReport(_Message):
    """What a preflight found."""

    passed: bool
    digest: Digest | None = None
    stable_digest: Digest | None = None
    sentence: Text = ""
    checks: tuple[SaidCheck, ...] = Field(default=(), max_length=MAX_PREFLIGHT_CHECKS)


class SaidResolved(_Message):
    """What a reference names."""

    identity: str = Field(min_length=1, max_length=_LONGEST_IDENTITY, pattern=r"^[!-~]([ -~]*[!-~])?$")
    digest: Digest


class _Transient(_Message):
    transient: Text


def parse_report(text: str) -> SaidReport | None:
    """The report of a preflight; None for anything else."""
    if len(text) > _MOST:
        return None
    try:
        return SaidReport.model_validate_json(text)
    except ValidationError:
        return None


def parse_resolved(text: str) -> SaidResolved | None:
    """What a reference was resolved to; None for anything else."""
    if len(text) > _MOST:
        return None
    try:
        return SaidResolved.model_validate_json(text)
    except ValidationError:
        return None


def last_words(text: str) -> str:
    """Why a container ended, for people: the sentence of a failure that may pass, or whatever it said."""
    text = text[:_MOST]
    try:
        return _Transient.model_validate_json(text).transient
    except ValidationError:
        return printable(text)
