"""Whether the files are those that were meant: fetched, signed, and as the manifest says. Pure."""

from leadsman_package.manifest import Input, Output
from leadsman_serving.preflight.measured import BadSignature, Demands, Measured, Missing, Signed, Signer
from leadsman_serving.preflight.report import Check
from leadsman_serving.preflight.wording import failed, passed, skipped, spoken_bytes, warned
from leadsman_serving.signature import Signature, TensorSpec


def fetch(measured: Measured, _: Demands) -> Check:
    """Say whether the model could be fetched: with the digest that was asked for, and files as its manifest says."""
    files = measured.candidate.files
    expected = "a model that can be fetched, with the digest that was asked for"
    if isinstance(files, Missing):
        return failed("fetch", expected, "no model", f"{files.reason}; check the URI, the digest and the credentials")
    return passed("fetch", expected, files.digest, f"fetched {spoken_bytes(files.size)} with the digest {files.digest}")


def signed(measured: Measured, demands: Demands) -> Check:
    """Say who signed the model."""
    expected = "a signature over all files by the signer that was named"
    must = demands.require_signature
    match measured.signed:
        case Signed.NO_FILES:
            return skipped("signed", "not checked, as there is no model to check")
        case Signer(by):
            return passed("signed", expected, by, f"all files are signed by {by}")
        case BadSignature(reason):
            return failed("signed", expected, "a signature that proves nothing", reason)
        case Signed.NO_SIGNATURE if must:
            message = "a signature is required, and there is no model.sig; sign the package with `leadsman sign`"
            return failed("signed", expected, "no signature", message)
        case Signed.NO_SIGNATURE:
            message = "there is no model.sig, although a signer is named; sign the package, or require it to be signed"
            return warned("signed", expected, "no signature", message)
    if must:
        message = "a signature is required, but nobody is named who may sign; give a public key, or an identity"
        return failed("signed", expected, "nobody named", message)
    return skipped("signed", "nobody is named who may sign")


def manifest(measured: Measured, _: Demands) -> Check:
    """Say whether what the model takes and gives is as the manifest says; that the files are, `fetch` has seen to."""
    files = measured.candidate.files
    expected = "inputs and outputs as the model itself has them"
    if isinstance(files, Missing):
        return skipped("manifest", "not checked, as there is no model to check")
    if files.manifest is None:
        return skipped("manifest", "a bare model has none")
    has = measured.candidate.trial.signature
    if has is None:
        return skipped("manifest", "what the model takes and gives could not be read")
    lies = contradictions(files.manifest.signature.inputs, files.manifest.signature.outputs, has)
    if not lies and measured.candidate.trial.refused is not None:
        lies = [measured.candidate.trial.refused]
    if lies:
        more = f" (and {len(lies) - 1} more)" if len(lies) > 1 else ""
        return failed("manifest", expected, lies[0], f"{lies[0]}{more}; package the model again")
    return passed("manifest", expected, "the same", "inputs and outputs are as model.yaml says")


def contradictions(inputs: tuple[Input, ...], outputs: tuple[Output, ...], has: Signature) -> list[str]:
    """Return what a manifest says of inputs and outputs that is not so."""
    found: list[str] = []
    for role, said, specs in (("input", inputs, has.inputs), ("output", outputs, has.outputs)):
        by_name = {spec.name: spec for spec in specs}
        told = {one.name: one for one in said}
        found += [
            f"the model has no {role} {name!r}, which model.yaml describes" for name in told.keys() - by_name.keys()
        ]
        found += [f"model.yaml does not describe the model's {role} {name!r}" for name in by_name.keys() - told.keys()]
        for name in told.keys() & by_name.keys():
            found += _contradiction(f"{role} {name!r}", told[name], by_name[name])
    return sorted(found)


def _contradiction(where: str, said: Input | Output, spec: TensorSpec) -> list[str]:
    if said.datatype != spec.datatype:
        return [f"model.yaml says that {where} is {said.datatype}, but it is {spec.datatype}"]
    if not spec.shape:  # a scalar, or of unknown rank: ONNX Runtime does not tell them apart
        return []
    sizes = [one if isinstance(one, int) and one >= 0 else -1 for one in said.shape]
    # A model may leave open what its author knows, but not the other way round.
    if len(sizes) != len(spec.shape) or any(
        has not in (-1, one) for one, has in zip(sizes, spec.wire_shape, strict=True)
    ):
        return [f"model.yaml says that {where} has the shape {sizes}, but it has {spec.wire_shape}"]
    return []
