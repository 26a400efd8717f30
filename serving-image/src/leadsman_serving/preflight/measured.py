"""What preflight measures, and what it is asked to hold that to: frozen values between the shell and the judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from leadsman_package.manifest import Manifest
from leadsman_serving.preflight.outputs import Outputs
from leadsman_serving.signature import Signature


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of a model beyond what always is. None asks for nothing.

    `agreement_at_least` and `latency_ratio` are shares, `max_latency` is in milliseconds, `memory_limit` in bytes.
    """

    allow_signature_change: bool = False
    agreement_at_least: float | None = None
    latency_ratio: float | None = None
    max_latency: float | None = None
    memory_limit: int | None = None
    require_signature: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """A model in a directory, all of whose files are as they should be: `manifest` is None for a bare one."""

    digest: str
    size: int
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there are no files, for good."""

    reason: str


class Signed(Enum):
    """What is known of who signed a model, where nobody was found to have done it."""

    NOT_ASKED = "nobody asked"
    NO_SIGNATURE = "there is no signature"
    NO_FILES = "there are no files"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed all of the model's files, in words."""

    by: str


@dataclass(frozen=True, slots=True)
class BadSignature:
    """Why the signature proves nothing."""

    reason: str


class Stage(Enum):
    """What the process that runs a model is doing, in the order in which it does it."""

    LOAD = "loading"
    ASK = "answering"
    BATCH = "running the largest batch"
    TIME = "being timed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a process that ran a model can do no more. `memory`: it was for want of it."""

    stage: Stage
    reason: str
    memory: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The outputs for a request, or why there are none; `refused`: the request does not fit the model's signature."""

    outputs: Outputs | None = None
    error: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """The largest batch: so many rows, made of samples or not; `error`: why the model does not take it."""

    rows: int
    made_up: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What running a model showed: as far as it came before it failed. `seconds` are to load, `peak` is in bytes.

    `refused` is what the server would say against the manifest.
    """

    seconds: float | None = None
    refused: str | None = None
    signature: Signature | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict)
    batch: Batch | None = None
    peak: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Golden:
    """A golden request: its name, the name of its file, by which answers are found, and the outputs it has to give.

    `wrong` says why its files are no request with an answer.
    """

    name: str
    request: str
    expected: Outputs = field(default_factory=dict)
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of runs of so many rows, in rounds that candidate and stable took by turns; none of stable alone."""

    rows: int
    candidate: tuple[tuple[float, ...], ...]
    stable: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """All that is known of one model. Requests of both models have names that tell them apart."""

    files: Files | Missing
    trial: Trial = Trial()
    golden: tuple[Golden, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything. `stable` is None where there is none to compare with.

    `requests` are those that both models were asked, by name. `not_timed` says why runs were not timed, or not all.
    """

    candidate: Model
    signed: Signed | Signer | BadSignature
    stable: Model | None = None
    requests: tuple[str, ...] = ()
    times: tuple[Times, ...] = ()
    not_timed: str | None = None

    @property
    def same(self) -> bool:
        """Whether stable is the very same model, by its digest."""
        mine, other = self.candidate.files, self.stable and self.stable.files
        return isinstance(mine, Files) and isinstance(other, Files) and mine.digest == other.digest
