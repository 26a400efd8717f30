"""Signatures of packages, as OpenSSF Model Signing has them: `model.sig` in the package, over all its other files.

Nothing is asked of a server: a key is a file, and a keyless signature holds its own proof that it is in the log.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from leadsman_package.errors import PackageError

SIGNATURE_FILE = "model.sig"
MOST_BYTES = 4 << 20
"""Of a signature."""
_TRUST_TYPE = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"


@dataclass(frozen=True, slots=True)
class Key:
    """Who has the private key of this public key (PEM, an elliptic curve of NIST's)."""

    public_key: Path


@dataclass(frozen=True, slots=True)
class Person:
    """Who had this identity (an e-mail address or a workflow's URI) confirmed by this OpenID issuer, when signing.

    `trust_config` is that of a Sigstore instance; None is the public one, as known to the sigstore that is installed.
    """

    identity: str
    issuer: str
    trust_config: Path | None = None


Trust = Key | Person


def sign(directory: Path, private_key: Path, password: str | None = None) -> Path:
    """Sign all files in a directory with a private key (PEM), and return the file that holds the signature.

    Raises PackageError, in one sentence, when the key or the directory is none.
    """
    library = _library()
    if not directory.is_dir():
        raise PackageError(f"{directory} is no directory; expected that of a package")
    target = directory / SIGNATURE_FILE
    covered = library.hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE], ignore_git_paths=False)
    try:
        signer = library.signing.Config().use_elliptic_key_signer(private_key=private_key, password=password)
    except (OSError, TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{private_key} is no private key of an elliptic curve, in PEM: {_said(error)}") from None
    try:
        signer.set_hashing_config(covered).sign(directory, target)
    except (OSError, ValueError) as error:
        raise PackageError(f"{directory} cannot be signed: {_said(error)}") from None
    return target


def verify(directory: Path, trust: Trust) -> str:
    """Return who signed all files in a directory, in words.

    Raises PackageError, in one sentence, for anything else: no signature, another signer, a file that is not signed.
    """
    path = directory / SIGNATURE_FILE
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PackageError(f"{SIGNATURE_FILE} has more than {MOST_BYTES} bytes")
        with _verifier(trust, directory) as verifier, redirect_stdout(StringIO()):
            verifier.verify(directory, path)
        unsigned = sorted(_files(directory) - _names(path))
    except PackageError:
        raise
    except Exception as error:  # whatever a file from anyone makes of three libraries
        raise PackageError(f"{SIGNATURE_FILE} is no signature by {_by(trust)}: {_said(error)}") from None
    if unsigned:
        raise PackageError(f"{SIGNATURE_FILE} does not sign {unsigned[0]}")
    return _by(trust)


def _library() -> Any:
    """Return model_signing, which takes a second to import, and has no types where they are needed."""
    import model_signing  # noqa: PLC0415

    return model_signing


@contextmanager
def _verifier(trust: Trust, directory: Path) -> Iterator[Any]:
    config = _library().verifying.Config()
    if isinstance(trust, Key):
        try:
            config.use_elliptic_key_verifier(public_key=trust.public_key)
        except (OSError, TypeError, ValueError, AttributeError) as error:
            raise PackageError(
                f"{trust.public_key} is no public key of an elliptic curve, in PEM: {_said(error)}"
            ) from None
        yield config
        return
    with NamedTemporaryFile("w", suffix=".json", dir=directory.parent) as public:
        public.write(_public_instance())
        public.flush()
        chosen = trust.trust_config or Path(public.name)
        yield config.use_sigstore_verifier(identity=trust.identity, oidc_issuer=trust.issuer, trust_config=chosen)


def _public_instance() -> str:
    """Return the public Sigstore's keys and certificates as sigstore was released with them: without any request."""
    from importlib.resources import files  # noqa: PLC0415
    from urllib.parse import quote  # noqa: PLC0415

    store = files("sigstore._store") / quote("https://tuf-repo-cdn.sigstore.dev", safe="")
    parts = {"trustedRoot": "trusted_root.json", "signingConfig": "signing_config.v0.2.json"}
    told = {name: json.loads((store / file).read_text()) for name, file in parts.items()}
    return json.dumps({"mediaType": _TRUST_TYPE, **told})


def _files(directory: Path) -> set[str]:
    every = (path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir())
    return {name for name in every if name != SIGNATURE_FILE}


def _names(path: Path) -> set[str]:
    """Return the files that a signature, which has been verified, is over: it may say that some are none of its own."""
    envelope = json.loads(path.read_bytes())["dsseEnvelope"]
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    names = [str(each["name"]) for each in predicate["resources"]]
    if predicate["serialization"]["method"] == "shards":
        return {name.rsplit(":", 2)[0] for name in names}
    return set(names)


def _by(trust: Trust) -> str:
    if isinstance(trust, Key):
        return f"the key of {trust.public_key.name}"
    return f"{trust.identity} (of {trust.issuer})"


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__
