"""The manifest of a model package, MODEL_DIR/model.yaml: what the model is, expects, answers, and was made from.

The file is canonical (`to_yaml`), and names every other file of the package with its digest. So the digest of the
manifest's bytes is the digest of the package, and the same content has the same digest everywhere.
"""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

FILE = "model.yaml"
MODEL_FILE = "model.onnx"

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
"""As the Open Inference Protocol names them."""
Dimension = Annotated[int, Field(ge=-1)] | str
"""A size, -1 for any, or a name for any size that is the same wherever the name occurs."""
Scalar = bool | int | float | str
Text = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Version = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
]
Path = Annotated[
    str, StringConstraints(max_length=512, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$")
]
"""Of a file, relative to the package's directory; no part of it begins with a dot."""


class Part(BaseModel):
    """A part of the manifest: camelCase in the file, snake_case in Python, frozen; no field that it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", allow_inf_nan=False
    )


class File(Part):
    """One file of the package other than the manifest."""

    path: Path = Field(description="Relative to the package.")
    digest: Digest = Field(description="sha256 of its bytes.")
    size: int = Field(description="In bytes.", ge=0)


class Range(Part):
    """What values are known to lie between, both ends included."""

    min: float | int | None = Field(default=None, description="The least; none: no bound.")
    max: float | int | None = Field(default=None, description="The most; none: no bound.")


class Rules(Part):
    """What is known of the values of an input, or of one feature of it."""

    description: Text | None = Field(default=None, description="What it is, for people.")
    unit: Word | None = Field(default=None, description="What numbers are measured in, for people.")
    range: Range | None = Field(default=None, description="Of numbers.")
    categories: tuple[Scalar, ...] | None = Field(
        default=None, description="The only values there are, of strings, whole numbers or truth values.", min_length=1
    )
    missing: Literal["refused", "allowed"] | None = Field(
        default=None, description="Whether NaN or the empty string may stand for a value that is not there."
    )


class Named(Part):
    """Something that is spoken of by its name."""

    name: Word = Field(description="As the model or the training data has it.")


class Tensor(Named):
    """What inputs and outputs have in common."""

    datatype: Datatype = Field(description="As the Open Inference Protocol names it.")
    shape: tuple[Dimension, ...] = Field(description="-1 or a name: any size.")


class Feature(Rules, Named):
    """One column of an input's last axis."""


class Input(Rules, Tensor):
    """One input of the model."""

    features: tuple[Feature, ...] | None = Field(
        default=None, description="The columns of the last axis in order, when they have names."
    )


class Output(Tensor):
    """One output of the model."""

    description: Text | None = Field(default=None, description="What it is, for people.")
    unit: Word | None = Field(default=None, description="What numbers are measured in, for people.")
    labels: tuple[Scalar, ...] | None = Field(
        default=None, description="What the places of the last axis stand for, as the classes of probabilities."
    )


class Signature(Part):
    """What the model takes and gives."""

    inputs: tuple[Input, ...] = Field(description="All of them.", min_length=1)
    outputs: tuple[Output, ...] = Field(description="All of them.", min_length=1)


class Tolerance(Part):
    """How far numbers may be apart: `absolute` + `relative` x the expected one, as numpy.isclose has it."""

    absolute: float = Field(default=1e-5, description="Whatever the size of the numbers.", ge=0)
    relative: float = Field(default=1e-4, description="Of the expected number.", ge=0)


class GoldenRequest(Part):
    """A request whose answer is known: files with the bodies of an infer request and its response, as JSON."""

    name: Word = Field(description="What it shows, for people.")
    request: Path = Field(description="samples/NAME.json; the server is also warmed up on it.")
    response: Path = Field(description="golden/NAME.json.")


class Golden(Part):
    """Requests that the model has to answer as it did when it was packaged."""

    tolerance: Tolerance = Field(default=Tolerance(), description="Of numbers; anything else has to be equal.")
    requests: tuple[GoldenRequest, ...] = Field(description="In order.", min_length=1)


class Dataset(Part):
    """Data that the model was made or judged by."""

    name: Text | None = Field(default=None, description="For people.")
    uri: Text | None = Field(default=None, description="Where it is.")
    digest: Digest | None = Field(default=None, description="sha256 of its file.")
    rows: int | None = Field(default=None, description="How many.", ge=0)


class Training(Part):
    """How the model was made."""

    run: Text | None = Field(default=None, description="The training run, as its tracking server names it.")
    source_commit: Text | None = Field(default=None, description="Of the code that trained it.")
    dataset: Dataset | None = Field(default=None, description="What it was trained on.")
    framework: Word | None = Field(default=None, description="What it was trained with, as scikit-learn.")
    estimator: Text | None = Field(default=None, description="What kind of model it was, as Pipeline(LGBMClassifier).")
    parameters: dict[Word, Text] | None = Field(
        default=None, description="What it was trained with, as the tracking server has it."
    )
    packages: dict[Word, Word] | None = Field(
        default=None, description="Versions of what trained and converted it, by package."
    )
    trained_at: datetime | None = Field(default=None, description="When.")


class Evaluation(Part):
    """How good the model was on data that it was not trained on."""

    dataset: Dataset | None = Field(default=None, description="The data.")
    metrics: dict[Word, float] = Field(description="By name, as roc_auc.", min_length=1)


class Parity(Part):
    """How the model in ONNX compared with what it was converted from."""

    rows: int = Field(description="Of the sample, which all were compared.", ge=1)
    differing: int = Field(description="Rows whose answers differ by more than the tolerance.", ge=0)
    tolerance: Tolerance = Field(description="Of numbers; anything else had to be equal.")
    largest_difference: float | None = Field(default=None, description="Between two numbers, anywhere.", ge=0)
    probe_rows: int | None = Field(
        default=None, description="Compared besides: the sample's with missing values and zeros put in.", ge=0
    )
    probes_differing: int | None = Field(default=None, description="Of the probe rows, those that differ.", ge=0)


class Manifest(Part):
    """A model package."""

    api_version: Literal["leadsman.dev/package/v1"] = Field(
        default="leadsman.dev/package/v1", description="Of this format."
    )
    name: Annotated[str, StringConstraints(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] = Field(
        description="The model's name."
    )
    version: Version = Field(description="For people; answers carry it.")
    task: Word | None = Field(default=None, description="As classification or regression.")
    description: Text | None = Field(default=None, description="What it does.")
    owner: Text | None = Field(default=None, description="Who answers for it.")
    licence: Word | None = Field(default=None, description="An SPDX identifier, as Apache-2.0.")
    intended_use: Text | None = Field(default=None, description="What it is for, and what it is not for.")
    signature: Signature = Field(description="What it takes and gives.")
    training: Training | None = Field(default=None, description="How it was made.")
    evaluation: Evaluation | None = Field(default=None, description="How good it was.")
    parity: Parity | None = Field(default=None, description="How its conversion was checked.")
    golden: Golden | None = Field(default=None, description="How it has to answer.")
    baseline: Path | None = Field(
        default=None, description="The file that says what its data looked like, as baseline.json."
    )
    files: tuple[File, ...] = Field(description="All others of the package, by path.", min_length=1)

    @model_validator(mode="after")
    def _files_fit(self) -> Self:
        paths = [file.path for file in self.files]
        if twice := _repeated(paths):
            raise ValueError(f"files has {twice} twice, or once in other case; expected each once")
        if any(path.casefold() == FILE for path in paths):
            raise ValueError(f"files has {FILE}, the manifest itself; expected the others")
        folders = {str(folder).casefold() for path in paths for folder in PurePosixPath(path).parents}
        if inside := [path for path in paths if path.casefold() in folders]:
            raise ValueError(f"files has {inside[0]}, which is also a directory of another")
        for path in self._needed():
            if path not in paths:
                raise ValueError(f"files lacks {path}; expected every file of the package but {FILE}")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        golden = self.golden.requests if self.golden else ()
        for place, names in {
            "signature.inputs": [each.name for each in self.signature.inputs],
            "signature.outputs": [each.name for each in self.signature.outputs],
            "golden.requests": [each.name for each in golden],
        }.items():
            if len(set(names)) < len(names):
                raise ValueError(f"{place}: two have the same name; expected different ones")
        return self

    def _needed(self) -> tuple[str, ...]:
        golden = self.golden.requests if self.golden else ()
        asked = [path for each in golden for path in (each.request, each.response)]
        return (MODEL_FILE, *asked, *([self.baseline] if self.baseline else []))


def _repeated(paths: list[str]) -> str | None:
    """Return a path that comes again, whatever the case: not every file system tells that apart."""
    seen: set[str] = set()
    for path in paths:
        if path.casefold() in seen:
            return path
        seen.add(path.casefold())
    return None
