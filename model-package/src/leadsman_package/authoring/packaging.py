"""A package from an estimator, or a model in ONNX, and a sample: everything is checked before the directory appears."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from leadsman_package import baseline
from leadsman_package.authoring import baselining, describing, details, existing, golden, provenance, serving, staging
from leadsman_package.authoring.columns import Column, columns
from leadsman_package.authoring.conversion import check_fitted, to_onnx
from leadsman_package.authoring.estimators import Estimator, find
from leadsman_package.authoring.inputs import Plan, plan
from leadsman_package.authoring.narration import Narrator
from leadsman_package.authoring.originals import answers, by_output
from leadsman_package.authoring.parity import Comparison, compare, with_probes
from leadsman_package.authoring.probing import Probed, probe
from leadsman_package.authoring.sample import Array, Sample, read
from leadsman_package.authoring.steps import final
from leadsman_package.canonical import package_digest, to_yaml, validated
from leadsman_package.errors import PackageError
from leadsman_package.manifest import MODEL_FILE, Datatype, Manifest, Tolerance
from leadsman_serving.model import OnnxModel


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be packaged. `says` is what the author says, as the manifest has it: name and version at least."""

    reference: str
    sample: Path
    directory: Path
    says: Mapping[str, Any]
    target: str | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)
    numbers: Datatype = "FP32"
    golden: int = 20
    allow_differences: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A package, or what kept it from being made: `manifest` and `digest` are None when too much differed.

    `comparison` and `probed` are None for a model that was in ONNX already; `unproven` are the outputs that were left
    out.
    """

    digest: str | None
    manifest: Manifest | None
    comparison: Comparison | None
    unproven: tuple[str, ...]
    probed: Probed | None


@dataclass(frozen=True, slots=True)
class _Model:
    """A model in ONNX in the staging directory, the sample as it takes it, and what it answers."""

    onnx: OnnxModel
    feed: dict[str, Array]
    features: dict[str, list[str]]
    found: dict[str, Array]
    labels: dict[str, list[Any]]
    known: dict[str, Any]
    comparison: Comparison | None
    unproven: tuple[str, ...]
    probed: Probed | None


def package(order: Order, narrator: Narrator) -> Made:
    """Make the package and return what it is. Raises PackageError; the directory is then not there, or still empty."""
    staging.check_free(order.directory)
    # Whoever misspelt a name is told before the long work.
    details.check_says(order.says)
    source = find(order.reference, narrator)
    sample = read(order.sample, order.target)
    narrator.say(f"The sample has {sample.rows} rows.")
    with staging.beside(order.directory) as directory:
        if isinstance(source, Path):
            model = _existing(source, sample, directory, narrator)
        else:
            model = _converted(source, sample, directory, order, narrator)
        if model.comparison and model.comparison.differences and not order.allow_differences:
            return Made(None, None, model.comparison, model.unproven, model.probed)
        if model.probed and model.probed.sentences and not order.allow_differences:
            raise PackageError(". ".join(model.probed.sentences))
        manifest = _written(directory, model, order, narrator)
        staging.check(directory, manifest)
        staging.publish(directory, order.directory)
    return Made(package_digest(to_yaml(manifest)), manifest, model.comparison, model.unproven, model.probed)


def _converted(source: Estimator, sample: Sample, directory: Path, order: Order, narrator: Narrator) -> _Model:
    check_fitted(source)
    planned = plan(source.model, sample, order.numbers)
    with narrator.progress("asking the original", 1) as advance:
        given = answers(source.model, planned.original())
        advance(1)
    with narrator.progress("converting", 1) as advance:
        converted = to_onnx(source, planned.inputs, str(order.says["name"]))
        advance(1)
    _save(converted, directory)
    try:
        loaded = serving.load_model(directory)
    except PackageError as error:
        hint = "; ONNX Runtime computes it in FP32 only: leave out --numbers FP64" if order.numbers == "FP64" else ""
        raise PackageError(f"{error}{hint}") from None
    feed = planned.feed()
    found = _run(loaded, feed, "comparing", narrator)
    kept = by_output(given, found)
    unproven = tuple(name for name in found if name not in kept)
    if not kept:
        raise PackageError(f"{source.where} gives nothing that {', '.join(found)} of its conversion compare with")
    probed = _probed(source, planned, loaded, [*kept], order, narrator)
    if unproven:
        outputs = [output for output in converted.graph.output if output.name in kept]
        del converted.graph.output[:]
        converted.graph.output.extend(outputs)
        _save(converted, directory)
        loaded = serving.load_model(directory)
    return _Model(
        loaded,
        feed,
        {each.name: [*each.columns] for each in planned.inputs},
        {name: found[name] for name in kept},
        _labels(source.model, kept),
        provenance.of_estimator(source.model),
        with_probes(compare(feed, kept, found, order.tolerance), probed.rows, probed.differing),
        unproven,
        probed,
    )


def _probed(
    source: Estimator, planned: Plan, onnx: OnnxModel, outputs: list[str], order: Order, narrator: Narrator
) -> Probed:
    with narrator.progress("asking with missing values", 1) as advance:
        run = partial(serving.run, onnx, advance=lambda _: None, of="the probe rows")
        probed = probe(source.model, planned, run, outputs, order.tolerance)
        advance(1)
    return probed


def _existing(path: Path, sample: Sample, directory: Path, narrator: Narrator) -> _Model:
    import onnx  # noqa: PLC0415 - takes a while

    with narrator.progress("copying", 1) as advance:
        existing.copy(path, directory)
        advance(1)
    loaded = serving.load_model(directory)
    serving.rows_at_once(loaded)
    feed, features = existing.feed(loaded.signature, sample)
    found = _run(loaded, feed, "running", narrator)
    known = provenance.of_onnx(onnx.load(directory / MODEL_FILE, load_external_data=False))
    return _Model(loaded, feed, features, found, {}, known, None, (), None)


def _save(model: Any, directory: Path) -> None:
    (directory / MODEL_FILE).write_bytes(model.SerializeToString(deterministic=True))


def _run(model: OnnxModel, feed: Mapping[str, Array], what: str, narrator: Narrator) -> dict[str, Array]:
    with narrator.progress(what, len(next(iter(feed.values())))) as advance:
        return serving.run(model, feed, advance)


def _labels(model: Any, outputs: Mapping[str, Array]) -> dict[str, list[Any]]:
    """Return the classes that the places of probabilities and scores stand for, by output."""
    classes = getattr(final(model), "classes_", None)
    if classes is None or not hasattr(classes, "tolist"):
        return {}
    labels = classes.tolist()
    return {
        name: labels
        for name, array in outputs.items()
        if array.ndim == 2 and array.shape[1] == len(labels) > 1 and array.dtype.kind == "f"
    }


def _written(directory: Path, model: _Model, order: Order, narrator: Narrator) -> Manifest:
    """Write all files of the package; return the manifest."""
    datatypes: dict[str, Any] = {
        spec.name: spec.datatype for spec in (*model.onnx.signature.inputs, *model.onnx.signature.outputs)
    }
    inputs = _columns(model.feed, datatypes, model.features)
    rows = len(next(iter(model.feed.values())))
    texts = {name: [*map(str, labels)] for name, labels in model.labels.items()}
    described = baselining.describe(rows, inputs, _columns(model.found, datatypes, texts))
    (directory / baseline.FILE).write_bytes(baseline.to_json(described))
    chosen = golden.choose(inputs, rows, order.golden)
    name, version = str(order.says["name"]), str(order.says["version"])
    requests = []
    with narrator.progress("golden requests", len(chosen)) as advance:
        for each in golden.exchanges(model.onnx, model.feed, chosen, name, version):
            staging.write(directory, each.request, each.asked)
            staging.write(directory, each.response, each.answered)
            requests.append({"name": each.name, "request": each.request, "response": each.response})
            advance(1)
    found = {
        "signature": describing.signature(model.onnx.signature, model.feed, model.features, model.labels),
        "golden": {"tolerance": order.tolerance.model_dump(by_alias=True), "requests": requests},
        "baseline": baseline.FILE,
        "files": staging.listing(directory),
        **(
            {"parity": model.comparison.parity.model_dump(by_alias=True, exclude_none=True)} if model.comparison else {}
        ),
    }
    manifest = validated(details.merged(model.known, found, order.says), str(order.directory))
    staging.write_manifest(directory, manifest)
    return manifest


def _columns(arrays: Mapping[str, Array], datatypes: Mapping[str, Any], names: Mapping[str, list[str]]) -> list[Column]:
    return [
        column
        for name, array in arrays.items()
        for column in columns(name, datatypes[name], array, _several(names, name))
    ]


def _several(names: Mapping[str, list[str]], name: str) -> list[str] | None:
    """Return the names of the columns of a tensor, None for one that is a column itself."""
    return names[name] if len(names.get(name, ())) > 1 else None
