"""Train the versions, judge each offline as a data scientist would, and keep the packages in the cache."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import onnxruntime as ort

from demo import onnx_models
from demo.data import Data, Part, coarse, load_data
from demo.packages import Facts, make_package

Bad = Literal["errors", "slow"]
_DESCRIPTIONS = {
    "first": "logistic regression on 2 of the 30 measurements",
    "better": "logistic regression on all 30 measurements",
    "broken": "as version 2, with a threshold per band of texture, looked up in a table",
    "slow": "deep network, averaged over 4096 jittered copies of the row",
    "narrow": "logistic regression on 10 of the 30 measurements, and takes no others",
}


@dataclass(frozen=True)
class Model:
    """One version of the classifier."""

    version: str
    description: str
    accuracy: float
    """Share of right answers on the offline sample, which is what its author saw."""
    digest: str
    """Of the package."""
    path: str
    """The package."""

    @property
    def file(self) -> Path:
        """The ONNX file."""
        return Path(self.path) / "model.onnx"


def train_versions(cache: Path, bad: Bad) -> list[Model]:
    """Return versions 1 to 4, packaged. Makes what the cache lacks for these sources and Python packages."""
    folder = cache / _key()
    data = load_data()
    recipes = ["first", "better", "broken" if bad == "errors" else "slow", "narrow"]
    return [_trained(folder, recipe, str(number), data) for number, recipe in enumerate(recipes, start=1)]


def accuracy(model: bytes, part: Part) -> float:
    """Return the share of rows that the model labels rightly. Raises what ONNX Runtime raises."""
    session = ort.InferenceSession(model, _quiet(), providers=["CPUExecutionProvider"])
    features = session.get_inputs()[0].shape[1]
    predicted = session.run(["label"], {"X": part.rows[:, :features]})[0].reshape(-1)
    return float((predicted == part.labels).mean())


def user_requests(data: Data) -> Iterator[tuple[list[float], int, bool]]:
    """Yield each held-out row with its label and whether it is coarse."""
    for row, label, is_coarse in zip(data.users.rows, data.users.labels, coarse(data.users.rows), strict=True):
        yield [round(float(value), 6) for value in row], int(label), bool(is_coarse)


def _trained(folder: Path, recipe: str, version: str, data: Data) -> Model:
    package, about = folder / recipe, folder / f"{recipe}.json"
    if not about.exists():
        build: Callable[[Data], bytes] = getattr(onnx_models, recipe)
        content = build(data)
        share = accuracy(content, data.offline)
        with TemporaryDirectory() as scratch:
            facts = Facts(version, _DESCRIPTIONS[recipe], share)
            digest = make_package(content, data.offline, facts, package, Path(scratch))
        model = Model(version, _DESCRIPTIONS[recipe], share, digest, str(package))
        _write(about, json.dumps(asdict(model)).encode())
    return Model(**json.loads(about.read_text()))


def _key() -> str:
    """Return a name that changes with everything that the models are made from."""
    here = Path(__file__).parent
    sources = b"".join((here / name).read_bytes() for name in ("data.py", "onnx_models.py", "packages.py", "train.py"))
    made_with = ("leadsman", "scikit-learn", "skl2onnx", "onnx", "onnxruntime")
    packages = " ".join(f"{name}-{package_version(name)}" for name in made_with)
    return hashlib.sha256(sources + packages.encode()).hexdigest()[:16]


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _quiet() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return options
