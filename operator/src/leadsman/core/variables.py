"""Environment variables whose values stand in ConfigMaps: what a ConfigMap says becomes part of the revision.

Its values take the place of its name in the spec, as if somebody had written them there. So they are in the revision's
hash, in its ModelRevision and in its pod template, and go back with it; whatever becomes of the ConfigMap later.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from leadsman.api.modeldeployment import ModelDeployment
from leadsman.api.runtime import MAX_VALUE, Runtime, Variable
from leadsman.core.verbatim import verbatim

# Nothing tells when a ConfigMap changes: to watch all of them would need the right to read all of them.
LOOK_AGAIN = timedelta(seconds=30)


def config_maps_of(runtime: Runtime) -> tuple[str, ...]:
    """The ConfigMaps that have to be read before the revision has a name."""
    named = {one.value_from.config_map for one in runtime.env if one.value_from}
    return tuple(sorted(name for name in named if name))


def with_values(
    deployment: ModelDeployment, config_maps: Mapping[str, Mapping[str, Any] | str]
) -> tuple[ModelDeployment, str]:
    """Put the values of ConfigMaps into the spec; `config_maps` has the object of each, or why there is none.

    Returns also what is wrong with the first that cannot be put in, in one sentence; such a variable stays as it is.
    """
    runtime = deployment.spec.runtime
    if not config_maps_of(runtime):
        return deployment, ""
    filled = [_filled(variable, config_maps) for variable in runtime.env]
    problems = [problem for _, problem in filled if problem]
    spec = deployment.spec.model_copy(
        update={"runtime": runtime.model_copy(update={"env": tuple(variable for variable, _ in filled)})}
    )
    return deployment.model_copy(update={"spec": spec}), problems[0] if problems else ""


def may_run_as(asked: Runtime, recorded: Runtime) -> bool:
    """Whether a revision may be run as is asked, where not all values of ConfigMaps are known."""
    unknown = {variable.name for variable in asked.env if _is_unknown(variable)}
    return _without(asked, unknown) == _without(recorded, unknown) and unknown <= {one.name for one in recorded.env}


def environment(runtime: Runtime) -> dict[str, Any]:
    """The part of a container's spec that says its environment; nothing for none."""
    entries = [_entry(variable) for variable in runtime.env if not _is_unknown(variable)]
    return {"env": entries} if entries else {}


def _filled(variable: Variable, config_maps: Mapping[str, Mapping[str, Any] | str]) -> tuple[Variable, str]:
    source = variable.value_from
    if source is None or source.config_map is None:
        return variable, ""
    found = config_maps.get(source.config_map, "has not been read")
    value = found if isinstance(found, str) else found.get("data", {}).get(source.key)
    problem = found if isinstance(found, str) else _problem(found, source.key, value)
    if problem:
        return variable, f"ConfigMap {source.config_map}, which spec.runtime.env names for {variable.name}, {problem}"
    return Variable(name=variable.name, value=value), ""


def _problem(config_map: Mapping[str, Any], key: str, value: str | None) -> str:
    if value is None:
        if key in config_map.get("binaryData", {}):
            return f"has key {key} in binaryData, but a variable is text"
        return f"has no key {key}"
    if len(value) > MAX_VALUE:
        return f"has {len(value)} characters under {key}, but a variable may have at most {MAX_VALUE}"
    return f"has a NUL character under {key}, which no variable can have" if "\0" in value else ""


def _is_unknown(variable: Variable) -> bool:
    return variable.value_from is not None and variable.value_from.config_map is not None


def _without(runtime: Runtime, names: set[str]) -> Runtime:
    return runtime.model_copy(update={"env": tuple(one for one in runtime.env if one.name not in names)})


def _entry(variable: Variable) -> dict[str, Any]:
    source = variable.value_from
    if source is None:
        return {"name": variable.name, "value": verbatim(variable.value or "")}
    return {"name": variable.name, "valueFrom": {"secretKeyRef": {"name": source.secret, "key": source.key}}}
