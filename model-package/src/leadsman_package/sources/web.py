"""Models behind an HTTP(S) URL; also what other stores are underneath."""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import quote, unquote

import httpx

from leadsman_package import naming
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import Blob, DeniedError, Identity, Location, MissingError, Settings, redact

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAY_PASS = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
_MISSING = (httpx.codes.NOT_FOUND, httpx.codes.GONE)
_NO_HEAD = (401, 403, 405, 501)
"""What may only mean that HEAD is not for everyone, as at a URL that is signed for GET."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_MOST_SAID = 300
_MOST_BYTES = 4 << 20
"""Of what an API answers."""
_HINTS = {401: "; check the credentials", 403: "; check the credentials"}


def locate(uri: str, settings: Settings) -> Location:  # noqa: ARG001 - every scheme gets them
    """Return what an http or https URL names. A query, as of a signed URL, goes with every request."""
    address, question, query = uri.partition("#")[0].partition("?")
    scheme, _, rest = address.partition("://")
    place, _, path = rest.partition("/")
    if not place or not path.strip("/"):
        raise PackageError(f"{redact(uri)!r} names no model; expected {scheme}://HOST/PATH, {naming.EXPECTED}")
    directory, name = naming.split(path)
    store = Web(f"{scheme}://{naming.joined(place, directory)}", query=f"{question}{query}")
    return Location(store, unquote(name))


class Web:
    """The files below a URL. Redirects are followed, but never from https to http.

    The environment counts as usual: proxies, and SSL_CERT_FILE for authorities of one's own. Connections, time-outs,
    408, 429 and 5xx are transient; anything else is not.
    """

    def __init__(
        self,
        base: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        revision: str | None = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        """`revision` is what identifies all files at once, as a commit does. Headers go to no other host."""
        self._base = base
        self._query = query
        self._revision = revision
        hooks = {"request": [self._stay_secure]}
        sent = {"accept-encoding": "identity", **(headers or {})}
        with _explained(redact(base)):
            self._client = httpx.Client(
                timeout=_TIMEOUT, follow_redirects=True, event_hooks=hooks, headers=sent, auth=auth
            )

    @contextmanager
    def open(self, name: str, offset: int = 0, version: str | None = None) -> Iterator[Blob]:
        """Open a file; with an offset by a range request, which a changed file answers from its beginning."""
        url, shown = self._url(name)
        with _explained(shown), ExitStack() as stack:
            headers: dict[str, str] = {}
            if offset and version:
                headers = {"range": f"bytes={offset}-"} | ({} if self._revision else {"if-range": version})
            response = stack.enter_context(self._client.stream("GET", url, headers=headers))
            if headers and response.status_code != httpx.codes.OK:
                whole = _size_of_rest(response, offset)
                if whole is not None and (self._revision or _validator(response) in (None, version)):
                    yield Blob(response.iter_raw(), whole, offset, version)
                    return
                response.close()  # whatever it was: the file is asked for afresh
                response = stack.enter_context(self._client.stream("GET", url))
            _check(response, shown)
            length = response.headers.get("content-length", "")
            size = int(length) if length.isdecimal() else None
            yield Blob(response.iter_raw(), size, 0, self._revision or _validator(response))

    def identity(self, name: str) -> Identity | None:
        """Tell a file by its ETag, or by its time and size, for which a HEAD request suffices."""
        if self._revision is not None:
            return Identity(self._revision, whole=True)
        url, shown = self._url(name)
        with _explained(shown):
            response = self._client.head(url)
            if response.status_code in _NO_HEAD:
                return None
            _check(response, shown)
        headers = response.headers
        if headers.get("etag"):
            return Identity(headers["etag"])
        modified, length = headers.get("last-modified"), headers.get("content-length")
        return Identity(f"{modified} {length}") if modified and length else None

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def json(self, path: str, **parameters: str) -> object:
        """Return the JSON that GET answers, where this is an API. Raises PackageError."""
        url, shown = self._url(path)
        with _explained(shown), self._client.stream("GET", url, params=parameters) as response:
            text = _read(response, shown)
        try:
            answer: object = json.loads(text)
        except (ValueError, RecursionError):
            _check(response, shown)
            raise PackageError(f"{shown} did not answer in JSON; is it the right address?") from None
        about = answer if isinstance(answer, dict) else {}
        _check(response, shown, str(about.get("message") or about.get("error") or ""))
        return answer

    def _url(self, name: str) -> tuple[str, str]:
        url = naming.joined(self._base, quote(name, safe="/~"))
        return f"{url}{self._query}", redact(url)

    def _stay_secure(self, request: httpx.Request) -> None:
        if self._base.startswith("https://") and request.url.scheme != "https":
            raise PackageError(f"{redact(self._base)} redirects to plain http, which is not followed")


def _read(response: httpx.Response, shown: str) -> bytes:
    """Return what an API answers, which is nothing where it has packed it although that was not asked for."""
    text = bytearray()
    if response.headers.get("content-encoding", "identity") != "identity":
        return b""
    for chunk in response.iter_raw():
        text += chunk
        if len(text) > _MOST_BYTES:
            raise PackageError(f"{shown} answered with more than {_MOST_BYTES} bytes; is it the right address?")
    return bytes(text)


def _size_of_rest(response: httpx.Response, offset: int) -> int | None:
    """Return the size of the whole file if this is the rest of it."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return None
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    return int(found[2]) if found and int(found[1]) == offset else None


def _validator(response: httpx.Response) -> str | None:
    """Return what If-Range takes: a strong ETag, or else a time."""
    etag: str = response.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        return etag
    modified: str | None = response.headers.get("last-modified")
    return modified


@contextmanager
def _explained(shown: str) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, ssl.SSLError) as error:
        # A certificate that is not trusted now will not be in a minute.
        unsupported = isinstance(error, httpx.UnsupportedProtocol)
        lasting = unsupported or _caused_by_certificate(error)
        raise PackageError(f"{shown}: {_reason(error)}", transient=not lasting) from error
    except (httpx.InvalidURL, httpx.TooManyRedirects, UnicodeError) as error:
        raise PackageError(f"{shown}: {_reason(error)}") from error


def _check(response: httpx.Response, shown: str, said: str = "") -> None:
    status = response.status_code
    if not response.is_success:
        why = f": {said[:_MOST_SAID].rstrip('.')}" if said else ""
        sentence = f"{shown} answered {status} {response.reason_phrase}".rstrip() + why + _HINTS.get(status, "")
        if status in _MISSING:
            raise MissingError(sentence)
        if status == httpx.codes.FORBIDDEN:
            raise DeniedError(sentence)
        transient = status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _MAY_PASS
        raise PackageError(sentence, transient=transient)
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise PackageError(f"{shown} is sent with content-encoding {encoding}; store the plain file")


def _caused_by_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
