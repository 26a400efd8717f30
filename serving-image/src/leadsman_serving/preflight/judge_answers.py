"""Whether stable's clients are understood, and whether the model answers as it should. Pure."""

from collections.abc import Mapping, Sequence

from leadsman_package.compatibility import changes
from leadsman_package.manifest import Input, Output, Signature, Tolerance
from leadsman_serving.preflight.judge_stable import not_compared, without_stable
from leadsman_serving.preflight.measured import Answer, Demands, Files, Golden, Measured, Model, Stage
from leadsman_serving.preflight.outputs import agreeing_rows, differences
from leadsman_serving.preflight.report import Check
from leadsman_serving.preflight.wording import failed, not_reached, passed, skipped, warned
from leadsman_serving.signature import TensorSpec

STABLES = "stable's "
"""How the names of requests begin that are of the stable model's package."""
_MOST_TOLD = 5


def schema(measured: Measured, demands: Demands) -> Check:
    """Say whether whoever calls stable can call the candidate."""
    unreached = not_reached("schema", measured) or without_stable("schema", measured, None)
    if unreached is not None:
        return unreached
    assert measured.stable is not None
    new, old = signature_of(measured.candidate), signature_of(measured.stable)
    expected = "inputs and outputs that the callers of stable can go on with"
    if new is None:
        return skipped("schema", "not checked, as the model did not load")
    if old is None:
        return not_compared("schema", "stable did not load", None)
    found = changes(old, new)
    told = _listed([str(change) for change in found])
    breaking = [change for change in found if change.breaking]
    if not found:
        return passed("schema", expected, "the same", "inputs and outputs are the same as stable's")
    if not breaking:
        return passed("schema", expected, told, f"compatible with stable: {told}")
    if demands.allow_signature_change:
        return warned("schema", expected, told, f"callers of stable have to change, which is allowed: {told}")
    message = f"{breaking[0]}, so that callers of stable break; keep it, or allow the change of signature"
    return failed("schema", expected, told, message)


def golden(measured: Measured, _: Demands) -> Check:
    """Say whether every golden request is answered as it was when the model was packaged, and every sample at all."""
    unreached = not_reached("golden", measured)
    if unreached is not None:
        return unreached
    candidate = measured.candidate
    trial, files = candidate.trial, candidate.files
    expected = "the answers that the package holds"
    failure = trial.failure
    if failure is not None and failure.stage is Stage.LOAD:
        return skipped("golden", "not asked, as the model did not load")
    wrong = [sentence for one in candidate.golden for sentence in _wrong(one, trial.answers, _tolerance(files))]
    wrong += _failing_samples(candidate)
    if failure is not None and failure.stage is Stage.ASK and not failure.memory:
        wrong.insert(0, failure.reason)
    if wrong:
        return failed("golden", expected, _listed(wrong), f"{wrong[0]}; repair the model, or package it again")
    if failure is not None and failure.stage is Stage.ASK:
        return skipped("golden", "not all were asked, as the model was stopped for its memory")
    if not candidate.golden:
        return skipped("golden", "the package has no golden requests")
    count = len(candidate.golden)
    told = f"{count} of {count} golden requests are answered as expected"
    return passed("golden", expected, told, told)


def agreement(measured: Measured, demands: Demands) -> Check:
    """Say in which share of rows candidate and stable say the same."""
    least = demands.agreement_at_least
    demand = None if least is None else "--agreement-at-least"
    unreached = not_reached("agreement", measured) or without_stable("agreement", measured, demand)
    if unreached is not None:
        return unreached
    assert measured.stable is not None
    mine, others = measured.candidate.trial.answers, measured.stable.trial.answers
    agreed = rows = apart = 0
    first = ""
    for request in measured.requests:
        alike = _agreeing(mine.get(request), others.get(request))
        if alike is None:
            apart += 1
            continue
        agreed, rows = agreed + alike[0], rows + alike[1]
        if not first and alike[0] < alike[1]:
            first = request
    if not rows:
        failure = measured.stable.trial.failure
        reason = f"stable: {failure.reason}" if failure else "no request was answered by both; add samples"
        return not_compared("agreement", reason, demand)
    share = agreed / rows
    expected = "any share of rows, as there is no limit" if least is None else f"at least {least:.4g} of all rows"
    told = f"{share:.4g} of {rows} rows" + (f" ({apart} requests are not for both)" if apart else "")
    if least is not None and share < least:
        message = f"candidate and stable agree in {told}, and {least:.4g} is asked for; the first that differs: {first}"
        return failed("agreement", expected, told, message)
    return passed("agreement", expected, told, f"candidate and stable agree in {told}")


def signature_of(model: Model) -> Signature | None:
    """Return what a model takes and gives: as its manifest says, or, of a bare one, the model itself."""
    if isinstance(model.files, Files) and model.files.manifest is not None:
        return model.files.manifest.signature
    has = model.trial.signature
    if has is None:
        return None
    return Signature.model_construct(
        inputs=tuple(
            Input.model_construct(name=spec.name, datatype=spec.datatype, shape=_sizes(spec)) for spec in has.inputs
        ),
        outputs=tuple(
            Output.model_construct(name=spec.name, datatype=spec.datatype, shape=_sizes(spec)) for spec in has.outputs
        ),
    )


def _sizes(spec: TensorSpec) -> tuple[int | str, ...]:
    return tuple(-1 if size is None else size for size in spec.shape)


def _listed(told: Sequence[str]) -> str:
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return "; ".join(told[:_MOST_TOLD]) + more


def _tolerance(files: object) -> Tolerance:
    manifest = files.manifest if isinstance(files, Files) else None
    return manifest.golden.tolerance if manifest and manifest.golden else Tolerance()


def _wrong(one: Golden, answers: Mapping[str, Answer], tolerance: Tolerance) -> list[str]:
    if one.wrong is not None:
        return [f"golden request {one.name!r}: {one.wrong}"]
    answer = answers.get(one.request)
    if answer is None:
        return []
    if answer.outputs is None:
        return [f"golden request {one.name!r}: {answer.error}"]
    return [f"golden request {one.name!r}, {each}" for each in differences(one.expected, answer.outputs, tolerance)]


def _failing_samples(candidate: Model) -> list[str]:
    """Samples that the model fails on, as the server would before it was ready."""
    told = {one.request for one in candidate.golden}
    return [
        f"request {name}: {answer.error}"
        for name, answer in candidate.trial.answers.items()
        if answer.outputs is None and name not in told and not name.startswith(STABLES)
    ]


def _agreeing(mine: Answer | None, other: Answer | None) -> tuple[int, int] | None:
    """Return in how many of how many rows two answers agree; None when one of the models was not meant to answer."""
    if mine is None or other is None or other.outputs is None or mine.refused:
        return None
    if mine.outputs is None:
        return 0, max(1, agreeing_rows(other.outputs, other.outputs)[1])
    if not other.outputs.keys() & mine.outputs.keys():
        return None
    return agreeing_rows(other.outputs, mine.outputs)
