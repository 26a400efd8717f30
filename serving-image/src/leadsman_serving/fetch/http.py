"""Models behind an HTTP(S) URL."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import CHUNK_BYTES, Blob, redact

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MAY_PASS = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


@contextmanager
def open_http(uri: str) -> Iterator[Blob]:
    """Open the model at an http or https URL, following redirects, but never from https to http.

    The environment counts as usual: proxies, and SSL_CERT_FILE for authorities of one's own.
    Raises FetchError: transient for connections, time-outs, 408, 429 and 5xx; permanent for anything else.
    """
    shown = redact(uri)

    def stay_secure(request: httpx.Request) -> None:
        if uri.startswith("https://") and request.url.scheme != "https":
            raise FetchError(f"{shown} redirects to plain http, which is not followed", transient=False)

    hooks = {"request": [stay_secure]}
    try:
        with (
            httpx.Client(timeout=_TIMEOUT, follow_redirects=True, event_hooks=hooks) as client,
            client.stream("GET", uri, headers={"accept-encoding": "identity"}) as response,
        ):
            _check(response, shown)
            _refuse_encoding(response, shown)
            length = response.headers.get("content-length")
            yield Blob(size=int(length) if length else None, chunks=response.iter_raw(CHUNK_BYTES))
    except (httpx.TransportError, ssl.SSLError) as error:
        # A certificate that is not trusted now will not be in a minute.
        untrusted = _caused_by_certificate(error)
        raise FetchError(f"{shown}: {_reason(error)}", transient=not untrusted) from error
    except (httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise FetchError(f"{shown}: {_reason(error)}", transient=False) from error


def _check(response: httpx.Response, shown: str) -> None:
    status = response.status_code
    if status != httpx.codes.OK:
        transient = status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _MAY_PASS
        raise FetchError(f"{shown} answered {status} {response.reason_phrase}".rstrip(), transient=transient)


def _refuse_encoding(response: httpx.Response, shown: str) -> None:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise FetchError(f"{shown} is sent with content-encoding {encoding}; store the plain file", transient=False)


def _caused_by_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
