"""Requests that a model's author put beside it, in MODEL_DIR/samples/*.json: what it is warmed up on."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadsman_serving.errors import ModelLoadError, ServingError
from leadsman_serving.model import OnnxModel
from leadsman_serving.oip_json import parse_request
from leadsman_serving.rows import Feed
from leadsman_serving.signature import Signature

DIRECTORY = "samples"

log = logging.getLogger(__name__)

_RUNS = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: the file it came from, and the inputs in it, which the model's signature has accepted."""

    path: Path
    feed: Feed


def read_samples(model_dir: Path, signature: Signature, most_bytes: int) -> tuple[Sample, ...]:
    """Return the samples of a model by name of the file, none when there is no such directory.

    Raises ModelLoadError for a file that is no infer request in JSON, as one would POST it, that fits the signature and
    has at most `most_bytes`.
    """
    return tuple(_read(path, signature, most_bytes) for path in sorted((model_dir / DIRECTORY).glob("*.json")))


def rehearse(model: OnnxModel, samples: Sequence[Sample]) -> None:
    """Run the model on its samples a few times, so that no user pays for first-run work.

    Raises ModelLoadError when it fails on one: what its author shows as a request is not to fail on users first.
    """
    names = [spec.name for spec in model.signature.outputs]
    for sample in samples:
        try:
            for _ in range(_RUNS):
                model.run(sample.feed, names)
        except ServingError as error:
            raise _broken(sample.path, error.message) from None
    if samples:
        log.info("warmed up on samples: %d", len(samples))


def _read(path: Path, signature: Signature, most_bytes: int) -> Sample:
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise _broken(path, f"{size} bytes, but at most {most_bytes} are taken of a request")
        asked = parse_request(path.read_bytes()).request
        signature.select_outputs(asked.outputs)
        return Sample(path, signature.check_inputs(asked.inputs))
    except OSError as error:
        raise _broken(path, f"cannot be read: {error.strerror}") from None
    except ServingError as error:
        raise _broken(path, error.message) from None


def _broken(path: Path, what: str) -> ModelLoadError:
    return ModelLoadError(f"the model's sample {path}: {what}")
