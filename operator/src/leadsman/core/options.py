"""The serving image's options that a runtime sets. What is at its default is left out: no template changes for it."""

from collections.abc import Callable
from datetime import timedelta

from leadsman.api.runtime import Runtime
from leadsman.core.drift import quantity


def serving_options(runtime: Runtime) -> dict[str, str]:
    """Options of `serve`, with their values."""
    return proving_options(runtime) | _changed(_only_serving, runtime)


def proving_options(runtime: Runtime) -> dict[str, str]:
    """Those of them that `preflight` has as well: it proves a model as it will serve."""
    return _changed(_proving, runtime)


def _changed(options: Callable[[Runtime], dict[str, str]], runtime: Runtime) -> dict[str, str]:
    usual = options(Runtime())
    return {name: value for name, value in options(runtime).items() if value != usual[name]}


def _proving(runtime: Runtime) -> dict[str, str]:
    return {
        "--max-batch-size": str(runtime.batching.max_size),
        "--timeout": _seconds(runtime.timeout),
        "--max-body-bytes": str(quantity(runtime.max_body_size)),
        "--schema": runtime.schema_violations.lower(),
    }


def _only_serving(runtime: Runtime) -> dict[str, str]:
    return {
        "--max-batch-delay": _seconds(runtime.batching.max_delay),
        "--max-in-flight": str(runtime.max_in_flight),
    }


def _seconds(value: timedelta) -> str:
    return f"{value.total_seconds():g}"
