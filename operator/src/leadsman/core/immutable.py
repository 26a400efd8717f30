"""References that never move, out of those that do: what a tag named can be fetched when the tag has moved."""

import re

_MANIFEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB = re.compile(r"(hf://[^/@]+/[^/@]+)(?:@[^/]+)?(/.*)?")
_ALIAS = re.compile(r"(mlflow://[^/@]+)@[^/@]+")
_VERSION = re.compile(r".+/([0-9]{1,18})(?: [0-9]*)?")
_NEVER_MOVES = re.compile(
    r"oci://[^@]+@sha256:[0-9a-f]{64}|hf://[^/@]+/[^/@]+@[0-9a-f]{40}(/.*)?|mlflow://[^/@]+/[0-9]{1,18}"
)


def is_immutable(uri: str) -> bool:
    """Whether a URI can name no other bytes one day, as long as its store keeps them."""
    return _NEVER_MOVES.fullmatch(uri) is not None


def immutable_uri(uri: str, identity: str) -> str:
    """The URI of what a reference named when its store knew it by an identity.

    A tag gets the digest of its manifest, a branch of a hub its commit, an alias of MLflow the model's version. Any
    other URI stays as it is: the store keeps nothing that was overwritten.
    """
    if uri.startswith("oci://") and "@" not in uri and _MANIFEST.fullmatch(identity):
        return f"{uri}@{identity}"
    hub = _HUB.fullmatch(uri)
    if hub and _COMMIT.fullmatch(identity):
        return f"{hub[1]}@{identity}{hub[2] or ''}"
    alias, version = _ALIAS.fullmatch(uri), _VERSION.fullmatch(identity)
    if alias and version:
        return f"{alias[1]}/{version[1]}"
    return uri
