"""Who to be for a registry: the credentials of a Docker configuration, used by ORAS."""

import base64
import json
import logging
import threading
from pathlib import Path
from typing import Any

import oras.auth
import oras.auth.utils
import oras.container
import oras.logger

from leadsman_package.errors import PackageError
from leadsman_package.oci.reference import Reference

oras.logger.logger.set_level(logging.CRITICAL)  # what it would say on its way, the errors here say in the end


class Credentials:
    """The authorisation of requests to one registry, learnt from its challenges. For several threads at once.

    `plain` says that the registry has no TLS, `trusted` that credentials may go to it all the same.
    """

    def __init__(self, session: Any, reference: Reference, file: Path, verify: str | bool, *, plain: bool) -> None:
        self._session, self._reference, self._file = session, reference, file
        self._verify, self._plain = verify, plain
        self._lock = threading.Lock()
        self._known: str | None = None
        self._auth = self._backend("token")
        self.header: str | None = None

    @property
    def known(self) -> bool:
        """Whether there are any for this registry."""
        return self._known is not None

    def authenticate(self, response: Any, used: str | None) -> bool:
        """Answer a challenge to a request that carried the header `used`; return whether trying again makes sense.

        Raises PackageError for a challenge that would give the credentials away.
        """
        with self._lock:
            if self.header != used:
                return True  # another thread has answered it meanwhile
            challenge = response.headers.get("www-authenticate", "")
            if challenge.lower().startswith("basic"):
                self.header = f"Basic {self._known}" if self._known else None
            else:
                self.header = self._bearer(response, challenge)
            return self.header is not None and self.header != used

    def drop(self) -> None:
        """Forget the credentials, and go on as nobody."""
        self._known = None
        if hasattr(self._auth, "_basic_auth"):
            del self._auth._basic_auth

    def _backend(self, name: str) -> Any:
        auth = oras.auth.get_auth_backend(name, self._session, self._plain, tls_verify=self._verify)
        auth._auth_config = _read(self._file)
        if auth._auth_config:
            container = oras.container.Container("model")
            for key in self._reference.credential_keys:
                container.registry = key
                try:
                    auth.load_configs(container)
                except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
                    raise PackageError(f"{self._file} cannot be used for {key}: {error!r}") from None
                self._known = getattr(auth, "_basic_auth", None)
                if self._known is not None:
                    break
        return auth

    def _bearer(self, response: Any, challenge: str) -> str | None:
        realm = oras.auth.utils.parse_auth_header(challenge).realm
        if not realm:
            return None
        if realm.lower().startswith("http://") and not self._plain:
            raise PackageError(f"{self._reference.host} wants its tokens fetched by plain http, from {realm[:200]!r}")
        try:
            headers, _ = self._auth.authenticate_request(response, {}, refresh=True)
        except (AttributeError, TypeError, ValueError) as error:
            raise PackageError(f"{self._reference.host}: {realm[:200]!r} did not answer with a token") from error
        header: str | None = headers.get("Authorization")
        return header


def _read(file: Path) -> dict[str, Any]:
    """Return a Docker configuration; nothing when there is no file."""
    try:
        document = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise PackageError(f"{file} cannot be read: {error}; expected a Docker configuration") from None
    if not isinstance(document, dict) or not isinstance(document.get("auths", {}), dict):
        raise PackageError(f"{file} cannot be read; expected a Docker configuration, as `docker login` writes it")
    auths = {key: _with_auth(entry) for key, entry in document.get("auths", {}).items()}
    return {"auths": auths, "credsStore": document.get("credsStore"), "credHelpers": document.get("credHelpers") or {}}


def _with_auth(entry: Any) -> Any:
    """Return the entry of a registry as ORAS wants it: Kubernetes takes user name and password apart as well."""
    if not isinstance(entry, dict) or entry.get("auth") or not {"username", "password"} <= entry.keys():
        return entry
    pair = f"{entry['username']}:{entry['password']}".encode()
    return {**entry, "auth": base64.b64encode(pair).decode()}
