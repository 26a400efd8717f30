"""Requests to one registry: by TLS or not, authorised, with time limits, and errors for people.

The session and the tokens are those of ORAS. Its own requests would wait minutes before they say that access is
denied, hold whole blobs in memory, and begin every download anew.
"""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import oras.provider
import requests
import urllib3

from leadsman_package.errors import PackageError
from leadsman_package.oci.credentials import Credentials
from leadsman_package.oci.reference import Reference, may_be_plain, may_carry_credentials
from leadsman_package.oci.settings import Access
from leadsman_package.sources.store import MissingError

_TIMEOUTS = (10.0, 30.0)  # to connect, and for each read, in seconds
_DOCUMENT_SECONDS = 60.0
_MOST_OF_AN_ERROR = 1 << 16
_MAY_PASS = (408, 425, 429)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF_WHILE_READING")
"""OpenSSL's reasons when the other side speaks something else."""


class Connection:
    """Requests to the registry of an artifact; for several threads at once."""

    def __init__(self, reference: Reference, access: Access) -> None:
        """Find out whether the registry has TLS, where it need not. Raises PackageError."""
        self.reference, self._access = reference, access
        self._verify: str | bool = access.authorities or True
        self._session = oras.provider.Registry(reference.endpoint).session
        self._session.hooks["response"].append(_stay_secure)
        # ORAS sets no time limits when it fetches tokens.
        self._session.request = partial(self._session.request, timeout=_TIMEOUTS)
        self._base = f"https://{reference.endpoint}/v2/"
        try:
            with self.explained():
                plain = may_be_plain(reference.endpoint, access.insecure) and self._has_no_tls()
            if plain:
                self._base = f"http://{reference.endpoint}/v2/"
            self._credentials = Credentials(self._session, reference, access.credentials, self._verify, plain=plain)
        except BaseException:
            self.close()
            raise
        if plain and not may_carry_credentials(reference.endpoint, access.insecure):
            self._credentials.drop()

    def url(self, path: str) -> str:
        """Return the URL of a path below the artifact's name, as `blobs/sha256:...`."""
        return f"{self._base}{self.reference.name}/{path}"

    def close(self) -> None:
        """Let go of connections."""
        self._session.close()

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Send a request and hand out the response, its body not yet read; what it says of errors is raised.

        `body` makes the body anew for each try. A URL of another host, as uploads may have, gets no credentials.
        Raises PackageError.
        """
        with self.explained():
            response = self._send(method, url, dict(headers or {}), body, params)
            try:
                self._check(response)
                yield response
            finally:
                response.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Make PackageErrors of whatever goes wrong with a connection."""
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, ssl.SSLError) as error:
            # A certificate that is not trusted now will not be in a minute.
            untrusted = _caused(error, ssl.SSLCertVerificationError) is not None
            wrong = isinstance(error, requests.exceptions.InvalidURL | requests.TooManyRedirects)
            raise PackageError(f"{self.reference}: {_reason(error)}", transient=not (untrusted or wrong)) from error
        except OSError as error:  # as of a file of certificates that is not there
            raise PackageError(f"{self.reference}: {error}") from error

    def document(self, response: Any, most: int) -> bytes:
        """Return a whole body of at most `most` bytes. Raises PackageError for a longer one, and one that drips."""
        text = bytearray()
        until = time.monotonic() + _DOCUMENT_SECONDS
        with self.explained():
            while chunk := response.raw.read1(1 << 16, decode_content=False):
                text += chunk
                if len(text) > most:
                    raise PackageError(
                        f"{self.reference} is described by more than {most} bytes, the most there may be"
                    )
                if time.monotonic() > until:
                    raise PackageError(
                        f"{self.reference}: the registry took more than {_DOCUMENT_SECONDS:.0f} s", transient=True
                    )
        return bytes(text)

    def absolute(self, url: str, location: str | None) -> str:
        """Return where a `Location` header that came from `url` points to. Raises PackageError when it may not."""
        if not location:
            raise PackageError(f"{self.reference.host} did not say where to send the data to")
        target = urljoin(url, location)
        if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
            raise PackageError(f"{self.reference.host} wants the data by plain http, which is not done")
        return target

    def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Callable[[], Any] | None,
        params: Mapping[str, str] | None,
    ) -> Any:
        own = urlsplit(url).netloc == urlsplit(self._base).netloc
        for last in (False, False, True):
            used = self._credentials.header if own else None
            response = self._session.request(
                method,
                url,
                params=params,
                headers={"Accept-Encoding": "identity", **headers},
                data=body() if body else None,
                auth=_Authorization(used),
                stream=True,
                verify=self._verify,
                allow_redirects=method in ("GET", "HEAD"),
            )
            if last or response.status_code != 401 or not own or not self._challenged(response, used):
                break
            response.close()
        return response

    def _challenged(self, response: Any, used: str | None) -> bool:
        try:
            return self._credentials.authenticate(response, used)
        except BaseException:
            response.close()
            raise

    def _has_no_tls(self) -> bool:
        try:
            self._session.request("GET", self._base, stream=True, verify=self._verify).close()
        except requests.exceptions.SSLError as error:
            cause = _caused(error, ssl.SSLError)
            if getattr(cause, "reason", None) not in _NO_TLS:
                raise
            return True
        return False

    def _check(self, response: Any) -> None:
        status = response.status_code
        if status < 300:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise PackageError(f"{self.reference} comes encoded, which was not asked for")
            return
        said = f"{status} {response.reason or ''}".rstrip() + self._told(response)
        if status == 404:
            raise MissingError(f"{self.reference}: the registry answered {said}")
        if status in (401, 403):
            have = "those for it in" if self._credentials.known else "there are none for it in"
            raise PackageError(
                f"{self.reference}: access denied, {said}; check the credentials: {have} {self._access.credentials}"
            )
        raise PackageError(
            f"{self.reference}: the registry answered {said}", transient=status >= 500 or status in _MAY_PASS
        )

    def _told(self, response: Any) -> str:
        """Return the first error that a registry tells in its body, shortened."""
        try:
            text = response.raw.read(_MOST_OF_AN_ERROR, decode_content=False)
            told = str(json.loads(text)["errors"][0]["message"])
        except (urllib3.exceptions.HTTPError, OSError, ValueError, LookupError, TypeError, RecursionError):
            return ""
        return f" ({''.join(one for one in told[:200] if one.isprintable())})"


class _Authorization:
    """Puts the header on a request; having one at all keeps requests from looking for a ~/.netrc."""

    def __init__(self, header: str | None) -> None:
        self._header = header

    def __call__(self, request: Any) -> Any:
        if self._header:
            request.headers["Authorization"] = self._header
        return request


def _stay_secure(response: Any, **_: object) -> None:
    """Refuse to follow a redirect from https to http."""
    if response.is_redirect and response.url.startswith("https://"):
        target = urljoin(response.url, response.headers["location"])
        if not target.startswith("https://"):
            host = urlsplit(response.url).netloc
            response.close()  # nobody else gets it
            raise PackageError(f"{host} redirects to plain http, which is not followed")


def _caused(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the innermost error of a kind that an error came from."""
    found = None
    while error is not None:
        if isinstance(error, kind):
            found = error
        error = error.__cause__ or error.__context__
    return found


def _reason(error: BaseException) -> str:
    """Return the innermost reason that has words; what wraps it repeats it with addresses of objects."""
    while (inner := error.__cause__ or error.__context__) is not None and str(inner):
        error = inner
    return str(error) or type(error).__name__
