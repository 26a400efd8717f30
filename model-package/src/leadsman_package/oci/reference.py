"""What an `oci://` URI names, and by which protocol its registry may be spoken to. Pure."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from leadsman_package.errors import PackageError
from leadsman_package.sources.store import redact

_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXPECTED = "expected oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST], with NAME in lower case"
_DEFAULT_TAG = "latest"
_ALIASES = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Reference:
    """An artifact in a registry. A digest, "sha256:<hex>", counts before a tag."""

    host: str
    name: str
    tag: str | None = None
    digest: str | None = None

    @property
    def wanted(self) -> str:
        """What to ask the registry for; `latest` when there is neither digest nor tag."""
        return self.digest or self.tag or _DEFAULT_TAG

    @property
    def endpoint(self) -> str:
        """The host that answers for `host`, with its port."""
        return _ALIASES.get(self.host, self.host)

    @property
    def credential_keys(self) -> tuple[str, ...]:
        """The names that a Docker configuration may have the registry under, the likeliest first."""
        hub = ("https://index.docker.io/v1/",) if self.host in _ALIASES else ()
        return (self.host, f"https://{self.host}", f"https://{self.host}/v1/", f"https://{self.host}/v2/", *hub)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"oci://{self.host}/{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def parse(uri: str) -> Reference:
    """Return what an `oci://` URI names. Raises PackageError for what is none."""
    host, slash, rest = uri.removeprefix("oci://").partition("/")
    rest, at, digest = rest.partition("@")
    name, colon, tag = rest.partition(":")
    ok = (
        slash
        and _HOST.fullmatch(host)
        and _NAME.fullmatch(name)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not ok:
        raise PackageError(f"{redact(uri)!r} names no artifact; {_EXPECTED}")
    return Reference(host, name, tag or None, digest or None)


def is_loopback(host: str) -> bool:
    """Return whether a host, perhaps with a port, is this machine."""
    name = _bare(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def may_be_plain(host: str, insecure: Collection[str] = ()) -> bool:
    """Return whether a registry may be spoken to without TLS if it has none.

    This machine and Services of the cluster, and the hosts, with their ports, that `insecure` names.
    """
    name = _bare(host)
    in_cluster = name.endswith((".svc", ".svc.cluster.local")) or ("." not in name and ":" not in name)
    return host in insecure or is_loopback(host) or in_cluster


def may_carry_credentials(host: str, insecure: Collection[str] = ()) -> bool:
    """Return whether credentials may go to a registry without TLS: not to any that is just in the cluster."""
    return host in insecure or is_loopback(host)


def _bare(host: str) -> str:
    matched = _HOST.fullmatch(host)
    return (matched["name"] if matched else host).strip("[]").lower()
