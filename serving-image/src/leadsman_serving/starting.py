"""Execution providers as they start: their libraries, and whether the model runs on them at all.

ONNX Runtime takes the CPU in silence when another provider cannot start. Who asked for a GPU has to hear of it.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from ctypes import CDLL, RTLD_GLOBAL
from io import StringIO
from pathlib import Path
from typing import Any

import onnxruntime as ort

from leadsman_serving.errors import ModelLoadError
from leadsman_serving.providers import CPU, full_name

log = logging.getLogger(__name__)

_DRIVER = "libcuda.so"


def prepare(providers: Sequence[str]) -> None:
    """Load NVIDIA's libraries when a provider needs them, where its Python packages have put them."""
    if "cuda" in providers or "tensorrt" in providers:
        with redirect_stdout(StringIO()):  # what is missing, check_libraries says
            ort.preload_dlls()


def check_started(session: Any, providers: Sequence[str]) -> None:
    """Log how many of the model's operators run on each provider.

    Raises ModelLoadError for a provider that the session does without.
    """
    started = session.get_providers()
    for provider in providers:
        if full_name(provider) not in started:
            check_libraries(providers)
            raise _cannot_start(provider, "ONNX Runtime does not say why")
    if len(providers) == 1:
        return
    counts = Counter[str]()
    for part in session.get_provider_graph_assignment_info():
        counts[part.ep_name] += len(part.get_nodes())
    log.info("operators on %s", ", ".join(f"{provider}: {counts[full_name(provider)]}" for provider in providers))
    if counts.keys() <= {full_name(CPU)}:
        log.warning("%s has none of this model's operators, so that the CPU runs all of them", providers[0])


def check_libraries(providers: Sequence[str]) -> None:
    """Raise ModelLoadError for a provider whose library cannot be loaded. For a session that could not be made."""
    directory = Path(ort.__file__).parent / "capi"
    for provider in providers:
        if provider == CPU:
            continue
        try:
            # Never before ONNX Runtime itself has tried: the second one asks the first one for it when it is loaded.
            CDLL(str(directory / "libonnxruntime_providers_shared.so"), mode=RTLD_GLOBAL)
            CDLL(str(directory / f"libonnxruntime_providers_{provider}.so"))
        except OSError as error:
            hint = " (NVIDIA's driver; does the container have a GPU?)" if _DRIVER in str(error) else ""
            raise _cannot_start(provider, f"{error}{hint}") from None


def _cannot_start(provider: str, reason: str) -> ModelLoadError:
    return ModelLoadError(f"execution provider {provider} cannot start, and the CPU does not stand in: {reason}")
