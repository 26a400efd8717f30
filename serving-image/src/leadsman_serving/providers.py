"""ONNX Runtime's execution providers by the names that people use, and whether a build of it has them. Pure."""

from collections.abc import Sequence

CPU = "cpu"
_OF_ONNX_RUNTIME = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    CPU: "CPUExecutionProvider",
}
_IMAGES = {"tensorrt": "gpu", "cuda": "gpu", "openvino": "openvino"}  # what the image has to be built for


def parse_providers(text: str) -> tuple[str, ...]:
    """Return the providers in a list such as "tensorrt,cuda", the most wanted first, with "cpu" added as the last.

    As in ONNX Runtime an operator runs on the first provider that has it, and the CPU has nearly all: so it always
    comes last. Raises ValueError, saying what is wrong, for an unknown name, one given twice, and "cpu" before others.
    """
    names = tuple(word.strip() for word in text.split(","))
    for name in names:
        if name not in _OF_ONNX_RUNTIME:
            raise ValueError(f"{name!r} is no provider; there are {', '.join(_OF_ONNX_RUNTIME)}")
        if names.count(name) > 1:
            raise ValueError(f"{name} is there twice")
    if CPU in names[:-1]:
        raise ValueError(f"{CPU} has to be the last, since it would leave nothing to what comes after it")
    return names if names[-1] == CPU else (*names, CPU)


def full_name(provider: str) -> str:
    """Return what ONNX Runtime calls a provider."""
    return _OF_ONNX_RUNTIME[provider]


def options(provider: str, threads: int) -> dict[str, str]:
    """Return a provider's own settings. The CPU's threads are the session's, OpenVINO has its own."""
    return {"num_of_threads": str(threads)} if provider == "openvino" else {}


def missing_in_build(wanted: Sequence[str], built: Sequence[str], version: str) -> str | None:
    """Return a sentence when an ONNX Runtime with the providers `built`, by their full names, lacks one; else None."""
    lacking = [name for name in wanted if full_name(name) not in built]
    if not lacking:
        return None
    has = ", ".join(name for name, full in _OF_ONNX_RUNTIME.items() if full in built)
    return (
        f"this build of ONNX Runtime ({version}) has the providers {has} and not {lacking[0]}:"
        f" use the image that is built with RUNTIME={_IMAGES[lacking[0]]}"
    )
