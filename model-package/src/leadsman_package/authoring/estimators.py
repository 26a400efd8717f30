"""What a package is made from: an estimator in a pickle or a module, or a model in ONNX that exists already."""

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadsman_package.authoring.narration import Narrator
from leadsman_package.errors import PackageError

ONNX = ".onnx"
_PICKLES = (".joblib", ".pkl", ".pickle")
EXPECTED = f"a file {', '.join(_PICKLES)} or {ONNX}, or module:object"


@dataclass(frozen=True, slots=True)
class Estimator:
    """A fitted estimator of Python; `where` names it in messages."""

    where: str
    model: Any


def find(reference: str, narrator: Narrator) -> Estimator | Path:
    """Return the estimator that a reference names, or the path of a model in ONNX.

    A file that exists is a file; anything else with a colon is module:object, found from the working directory, too.
    Raises PackageError saying what was expected.
    """
    path = Path(reference)
    module, colon, name = reference.partition(":")
    if not path.is_file() and colon and module and name and "/" not in module:
        return _imported(module, name, narrator)
    if path.suffix == ONNX:
        if not path.is_file():
            raise PackageError(f"there is no file {reference}; expected {EXPECTED}")
        return path
    return _unpickled(path, narrator)


def _unpickled(path: Path, narrator: Narrator) -> Estimator:
    if path.suffix not in _PICKLES:
        raise PackageError(f"{path} is no estimator that is known; expected {EXPECTED}")
    if not path.is_file():
        raise PackageError(f"there is no file {path}; expected {EXPECTED}")
    narrator.say(f"Loading {path} executes code in it: do this only with a file whose author you trust.")
    import joblib  # noqa: PLC0415 - takes a while

    with _warnings_told(str(path), narrator):
        return Estimator(str(path), _run(lambda: joblib.load(path), f"{path} cannot be loaded"))


def _imported(module: str, name: str, narrator: Narrator) -> Estimator:
    where = f"{module}:{name}"
    narrator.say(f"Importing {module} executes code in it.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        with _warnings_told(where, narrator):
            found = _run(lambda: importlib.import_module(module), f"{where} cannot be imported")
    finally:
        sys.path.remove(str(Path.cwd()))
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise PackageError(f"{where}: there is no {part!r} in it; expected a fitted estimator") from None
    return Estimator(where, found)


def _run(load: Callable[[], Any], failed: str) -> Any:
    """Return what somebody else's code gives, which may fail in any way, and must not end this program as it likes."""
    try:
        return load()
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        raise PackageError(f"{failed}: it needs the package {error.name!r}, which is not installed here") from None
    except BaseException as error:
        said = " ".join(str(error).split())[:500]
        raise PackageError(f"{failed}: {type(error).__name__}{f': {said}' if said else ''}") from None


@contextmanager
def _warnings_told(where: str, narrator: Narrator) -> Iterator[None]:
    """Pass warnings on to the author, each once, as that the estimator is of another version of scikit-learn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(" ".join(str(each.message).split()) for each in caught):
        narrator.say(f"{where}: {text}")
