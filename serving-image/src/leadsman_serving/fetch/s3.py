"""Models in an S3 bucket. Endpoint, region and credentials come from the AWS_* environment."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import CHUNK_BYTES, Blob, redact

_TRUE = ("1", "true", "yes", "on")
_CLIENT_ERROR = re.compile(r"\bstatus code: 4(?!08|29)\d\d\b")
_NOISE = re.compile(r"^Generic S3 error: |Error performing \w+ \S+ in \S+( after \d+ retries)? - ")


@contextmanager
def open_s3(bucket: str, key: str) -> Iterator[Blob]:
    """Open s3://bucket/key.

    Raises FetchError: permanent when the object is not there, the credentials do not suffice or the request is wrong;
    transient for connections, time-outs and errors of the store.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    shown = f"s3://{bucket}/{key}" + (f" at {redact(endpoint)}" if endpoint else "")
    allow_http = os.environ.get("AWS_ALLOW_HTTP", "").lower() in _TRUE
    if endpoint.startswith("http://") and not allow_http:
        raise FetchError(
            f"{shown}: AWS_ENDPOINT_URL is plain http; set AWS_ALLOW_HTTP=true to allow it", transient=False
        )
    try:
        store = S3Store(
            bucket,
            # Given options replace those of the environment, so AWS_ALLOW_HTTP has to be handed on. The default
            # time-out of 30 s would be for the whole file; download.py retries, for every scheme alike.
            client_options={
                "allow_http": allow_http,
                "connect_timeout": "10s",
                "read_timeout": "30s",
                "timeout": "7d",
            },
            retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},
        )
        result = obstore.get(store, key)
        yield Blob(size=result.meta["size"], chunks=map(bytes, result.stream(min_chunk_size=CHUNK_BYTES)))
    except FileNotFoundError as error:
        raise FetchError(f"{shown}: no such object or bucket", transient=False) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise FetchError(f"{shown}: access denied; check the credentials", transient=False) from error
    except ValueError as error:
        raise FetchError(f"{shown}: {_first_line(error)}", transient=False) from error
    except BaseError as error:
        permanent = _CLIENT_ERROR.search(str(error)) is not None
        raise FetchError(f"{shown}: {_first_line(error)}", transient=not permanent) from error


def _first_line(error: Exception) -> str:
    return _NOISE.sub("", str(error).strip()).partition("\n")[0]
