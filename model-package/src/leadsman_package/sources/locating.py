"""From a URI to what it names: each scheme has a module, imported when it is asked for."""

from importlib import import_module

from leadsman_package.errors import PackageError
from leadsman_package.sources.store import Location, Settings, redact

SCHEMES = {
    "https": "leadsman_package.sources.web",
    "http": "leadsman_package.sources.web",
    "s3": "leadsman_package.sources.objects",
    "gs": "leadsman_package.sources.objects",
    "az": "leadsman_package.sources.objects",
    "hf": "leadsman_package.sources.huggingface",
    "mlflow": "leadsman_package.sources.mlflow",
    "oci": "leadsman_package.oci.store",
    "pvc": "leadsman_package.sources.files",
    "file": "leadsman_package.sources.files",
}
"""The module of each scheme; its function `locate` takes the URI and the settings."""


def locate(uri: str, settings: Settings) -> Location:
    """Return what a URI names, or a plain path. Close its store in the end.

    Raises PackageError: for a URI that names nothing that there could be, and where the store has to be asked.
    """
    scheme, separator, _ = uri.partition("://")
    expected = f"expected {', '.join(f'{each}://' for each in SCHEMES)} or a path"
    if not uri:
        raise PackageError(f"an empty URI names no model; {expected}")
    if not uri.isprintable():
        raise PackageError(f"{redact(uri)!r} names no model: it has characters that cannot be printed")
    if not separator:
        scheme, uri = "file", f"file://{uri}"
    if scheme not in SCHEMES:
        raise PackageError(f"{redact(uri)!r} has the unknown scheme {scheme!r}; {expected}")
    location: Location = import_module(SCHEMES[scheme]).locate(uri, settings)
    return location
