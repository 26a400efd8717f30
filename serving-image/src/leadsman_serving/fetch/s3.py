"""Models in an S3 bucket. Endpoint, region and credentials come from the AWS_* environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from leadsman_serving.errors import FetchError
from leadsman_serving.fetch.blob import CHUNK_BYTES, Blob

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_CLIENT: "ClientConfig" = {
    "connect_timeout": "10s",
    "read_timeout": "30s",
    "timeout": "7d",
}  # the whole download may take long
_NO_RETRIES: "RetryConfig" = {
    "max_retries": 0,
    "retry_timeout": timedelta(seconds=0),
}  # download.py retries for every scheme alike


@contextmanager
def open_s3(bucket: str, key: str) -> Iterator[Blob]:
    """Open s3://bucket/key.

    Raises FetchError: permanent when the object is not there or the credentials do not suffice, else transient.
    """
    shown = f"s3://{bucket}/{key}"
    try:
        store = S3Store(bucket, client_options=_CLIENT, retry_config=_NO_RETRIES)
        result = obstore.get(store, key)
        yield Blob(size=result.meta["size"], chunks=map(bytes, result.stream(min_chunk_size=CHUNK_BYTES)))
    except FileNotFoundError as error:
        raise FetchError(f"{shown}: no such object or bucket", transient=False) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise FetchError(f"{shown}: the credentials may not read it (or it does not exist)", transient=False) from error
    except (BaseError, ValueError) as error:
        raise FetchError(f"{shown}: {_first_line(error)}", transient=isinstance(error, BaseError)) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
