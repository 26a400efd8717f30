"""Models on the Hugging Face Hub, or what speaks its API at HF_ENDPOINT. The token is HF_TOKEN, or what `hf` keeps."""

import re
from urllib.parse import unquote

from leadsman_package import naming
from leadsman_package.errors import PackageError
from leadsman_package.sources.store import Location, MissingError, Settings
from leadsman_package.sources.web import Web

_URI = re.compile(r"hf://(?P<model>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_MAIN = "main"


def locate(uri: str, settings: Settings) -> Location:  # noqa: ARG001 - every scheme gets them
    """Return what hf://OWNER/MODEL[@REVISION][/PATH] names, at the commit that the revision is now.

    A revision with a slash in it has it as %2F. Raises PackageError.
    """
    from huggingface_hub import constants, get_token  # noqa: PLC0415 - no other scheme needs it

    found = _URI.fullmatch(uri)
    if found is None:
        raise PackageError(f"{uri!r} names no model; expected hf://OWNER/MODEL[@REVISION][/PATH]")
    model, revision = found["model"], unquote(found["revision"] or _MAIN)
    commit = revision if _COMMIT.fullmatch(revision) else _commit(model, revision)
    directory, name = naming.split(found["path"] or "")
    token = get_token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = naming.joined(constants.ENDPOINT, model, "resolve", commit, directory)
    return Location(Web(base, headers=headers, revision=commit), name)


def _commit(model: str, revision: str) -> str:
    """Return the commit that a branch or tag is now."""
    from huggingface_hub import HfApi, errors  # noqa: PLC0415

    shown = f"hf://{model}@{revision}"
    try:
        commit = HfApi().model_info(model, revision=revision, timeout=30).sha
    except errors.GatedRepoError:
        raise PackageError(f"{shown}: access to the model has to be asked for; its page says how") from None
    except errors.RepositoryNotFoundError:
        raise MissingError(f"{shown}: no such model, or HF_TOKEN may not read it") from None
    except errors.RevisionNotFoundError:
        raise MissingError(f"{shown}: the model has no such revision") from None
    except errors.HFValidationError as error:
        raise PackageError(f"{shown}: {error}") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise PackageError(f"{shown}: the hub answered {status}", transient=status >= 500 or status == 429) from None
    except Exception as error:  # its HTTP library differs by version, and so do the errors of connections
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise PackageError(f"{shown}: the hub cannot be asked: {reason}", transient=True) from error
    if commit is None:
        raise PackageError(f"{shown}: the hub did not say which commit it is")
    return commit
