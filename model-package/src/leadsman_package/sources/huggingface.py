"""Models on the Hugging Face Hub, or what speaks its API at HF_ENDPOINT. The token is HF_TOKEN, or what `hf` keeps."""

import os
import re
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote

from leadsman_package import naming
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import Location, Settings
from leadsman_package.sources.web import Web

_URI = re.compile(r"hf://(?P<model>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAIN = "main"
_HUB = "https://huggingface.co"


def locate(uri: str, settings: Settings) -> Location:  # noqa: ARG001 - every scheme gets them
    """Return what hf://OWNER/MODEL[@REVISION][/PATH] names, at the commit that the revision is now.

    A revision with a slash in it has it as %2F. Raises PackageError.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise PackageError(f"{uri!r} names no model; expected hf://OWNER/MODEL[@REVISION][/PATH]")
    model, revision = found["model"], unquote(found["revision"] or _MAIN)
    token = _token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    commit = revision if _COMMIT.fullmatch(revision) else _commit(model, revision, headers)
    directory, name = naming.split(found["path"] or "")
    base = naming.joined(_endpoint(), model, "resolve", commit, directory)
    return Location(Web(base, headers=headers, revision=commit), name)


def _commit(model: str, revision: str, headers: dict[str, str]) -> str:
    """Return the commit that a branch or tag is now."""
    base = naming.joined(_endpoint(), "api/models", model, "revision", quote(revision, safe=""))
    with closing(Web(base, headers=headers)) as hub:
        answer = hub.json("")
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise PackageError(f"hf://{model}@{revision}: what is at HF_ENDPOINT did not answer as the Hub does")
    return commit


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT") or _HUB


def _token() -> str:
    """Return the token of HF_TOKEN, or else of the file where `hf auth login` keeps it; "" when there is none."""
    if token := os.environ.get("HF_TOKEN", "").strip():
        return token
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{caches}/huggingface"
    try:
        return Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError, RuntimeError):  # the last: nobody knows where home is
        return ""
