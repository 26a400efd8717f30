"""Who signed a package: by a key, or by an identity, without asking anybody."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from model_signing import hashing, signing, verifying

from leadsman_package.errors import PackageError
from leadsman_package.signing import Key, Person, sign, verify
from serving.preflight.keys import key_pair
from serving.preflight.packages import package, scores
from serving.preflight.proving import prove
from serving.preflight.sigstore_instance import Sigstore
from support import loopback

WHO, ISSUER = "ada@example.com", "https://login.example.com"


def _unsigned(directory: Path, private_key: Path) -> None:
    pass


def _signed(directory: Path, private_key: Path) -> None:
    sign(directory, private_key)


def _by_another(directory: Path, private_key: Path) -> None:
    sign(directory, key_pair(directory.parent, "another")[0])


def _signed_before(directory: Path, private_key: Path) -> None:
    """The whole package is another one since."""
    sign(directory, private_key)
    package(directory, scores(2.0))


def _in_part(directory: Path, private_key: Path) -> None:
    """The signer has left the model out, and says so in the signature."""
    left_out = hashing.Config().set_ignored_paths(paths=["model.sig", "model.onnx"])
    signer = signing.Config().use_elliptic_key_signer(private_key=private_key).set_hashing_config(left_out)
    signer.sign(directory, directory / "model.sig")


def _written(text: str) -> Callable[[Path, Path], None]:
    def write(directory: Path, private_key: Path) -> None:
        (directory / "model.sig").write_text(text)

    return write


KEYS: dict[str, tuple[Callable[[Path, Path], None], str, str]] = {
    "signed by the key": (_signed, "Pass", "all files are signed by the key of mine.pub"),
    "unsigned": (_unsigned, "Fail", "a signature is required, and there is no model.sig"),
    "signed by another key": (_by_another, "Fail", "model.sig is no signature by the key of mine.pub: Key mismatch"),
    "signed before it was changed": (_signed_before, "Fail", "Hash mismatch for 'model.onnx'"),
    "signed but for the model": (_in_part, "Fail", "model.sig does not sign model.onnx"),
    "an empty signature": (_written(""), "Fail", "model.sig is no signature by the key of mine.pub"),
    "a signature that is none": (_written('{"dsseEnvelope": []}'), "Fail", "model.sig is no signature by"),
    "a signature of any size": (_written(" " * (5 << 20)), "Fail", "the most that it may have"),
}


@pytest.mark.parametrize("case", KEYS)
def test_a_key(case: str, tmp_path: Path) -> None:
    make, verdict, message = KEYS[case]
    mine, public = key_pair(tmp_path, "mine")
    directory = package(tmp_path / "candidate", scores())
    make(directory, mine)
    proof = prove(tmp_path, directory, "--public-key", public, "--require-signature")
    if case == "a signature of any size":  # it is not even fetched
        assert (proof.code, proof.failed) == (65, ["fetch"])
        assert message in proof.report["sentence"]
        return
    assert proof.verdicts["signed"] == verdict, proof.said
    assert message in proof.check("signed")["message"]
    assert proof.code == (0 if verdict == "Pass" else 65)


def test_unsigned_is_a_warning_where_no_signature_is_required(tmp_path: Path) -> None:
    proof = prove(tmp_path, package(tmp_path / "candidate", scores()), "--public-key", key_pair(tmp_path, "k")[1])
    assert (proof.code, proof.verdicts["signed"]) == (0, "Warn")


def test_a_signature_is_required_and_nobody_is_named(tmp_path: Path) -> None:
    proof = prove(tmp_path, package(tmp_path / "candidate", scores()), "--require-signature")
    assert (proof.code, proof.failed) == (65, ["signed"])
    assert "nobody is named who may sign" in proof.report["sentence"]


def test_the_reference_tool_takes_our_signatures_and_we_take_its(tmp_path: Path) -> None:
    mine, public = key_pair(tmp_path, "mine")
    directory = package(tmp_path / "candidate", scores())
    sign(directory, mine)
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(directory, directory / "model.sig")
    (directory / "model.sig").unlink()
    ignored = hashing.Config().set_ignored_paths(paths=["model.sig"])
    blake3 = ignored.use_file_serialization(hashing_algorithm="blake3")
    signer = signing.Config().use_elliptic_key_signer(private_key=mine).set_hashing_config(blake3)
    signer.sign(directory, directory / "model.sig")
    assert verify(directory, Key(public)) == "the key of mine.pub"


def test_signing_again_gives_a_signature_over_the_same_files(tmp_path: Path) -> None:
    mine, public = key_pair(tmp_path, "mine")
    directory = package(tmp_path / "candidate", scores())
    sign(directory, mine)
    sign(directory, mine)
    assert verify(directory, Key(public)) == "the key of mine.pub"


@pytest.mark.parametrize("wrong", ["directory", "key"])
def test_what_cannot_be_signed_is_told(wrong: str, tmp_path: Path) -> None:
    mine, public = key_pair(tmp_path, "mine")
    directory = tmp_path / "nowhere" if wrong == "directory" else package(tmp_path / "candidate", scores())
    with pytest.raises(PackageError, match=r"is no directory|is no private key of an elliptic curve"):
        sign(directory, public if wrong == "key" else mine)


def test_an_identity_that_an_issuer_confirmed(tmp_path: Path) -> None:
    sigstore = Sigstore()
    trust = sigstore.trust_config(tmp_path)
    directory = package(tmp_path / "candidate", scores())
    sigstore.sign(directory, WHO, ISSUER)
    options = ("--require-signature", "--trust-config", trust)
    proof = prove(tmp_path, directory, "--identity", WHO, "--issuer", ISSUER, *options)
    assert proof.code == 0, proof.said
    assert proof.check("signed")["message"] == f"all files are signed by {WHO} (of {ISSUER})"


def _in_another_log(sigstore: Sigstore, directory: Path) -> None:
    other = Sigstore(authority=sigstore.authority, certificate_log=sigstore.certificate_log)
    other.sign(directory, WHO, ISSUER)


def _by_another_authority(sigstore: Sigstore, directory: Path) -> None:
    other = Sigstore(rekor=sigstore.rekor, certificate_log=sigstore.certificate_log)
    other.sign(directory, WHO, ISSUER)


def _other_payload(sigstore: Sigstore, directory: Path) -> None:
    sigstore.sign(directory, WHO, ISSUER)
    path = directory / "model.sig"
    bundle = json.loads(path.read_text())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b"model.onnx", b"model.onny")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(bundle))


FORGED: dict[str, tuple[Callable[[Sigstore, Path], None], str]] = {
    "another person": (
        lambda sigstore, directory: sigstore.sign(directory, "eve@example.com", ISSUER),
        "Certificate's SANs do not match ada@example.com",
    ),
    "another issuer": (
        lambda sigstore, directory: sigstore.sign(directory, WHO, "https://evil.example.com"),
        "Certificate's OIDCIssuer",
    ),
    "another log": (_in_another_log, "invalid log entry"),
    "another authority": (_by_another_authority, "failed to build timestamp certificate chain"),
    "another payload": (_other_payload, "signature"),
}


@pytest.mark.parametrize("case", FORGED)
def test_an_identity_that_is_forged(case: str, tmp_path: Path) -> None:
    forge, reason = FORGED[case]
    sigstore = Sigstore()
    directory = package(tmp_path / "candidate", scores())
    forge(sigstore, directory)
    with pytest.raises(PackageError, match=r"model\.sig is no signature by ada@example\.com") as caught:
        verify(directory, Person(WHO, ISSUER, sigstore.trust_config(tmp_path)))
    assert reason in str(caught.value)


def test_the_public_sigstore_is_known_without_asking_it_and_trusts_no_other(tmp_path: Path) -> None:
    directory = package(tmp_path / "candidate", scores())
    Sigstore().sign(directory, WHO, ISSUER)
    with pytest.raises(PackageError, match="failed to build timestamp certificate chain"):
        verify(directory, Person(WHO, ISSUER))


@pytest.mark.parametrize("missing", [HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN])
def test_the_signature_comes_from_where_the_package_is(missing: HTTPStatus, tmp_path: Path) -> None:
    """Some stores deny what is not there: a signature that is required is lacking there as well."""
    mine, public = key_pair(tmp_path, "mine")
    directory = package(tmp_path / "store/candidate", scores())
    with _store(tmp_path / "store", missing) as url:
        unsigned = prove(tmp_path, f"{url}/candidate", "--public-key", public, "--require-signature")
        sign(directory, mine)
        signed = prove(tmp_path, f"{url}/candidate", "--public-key", public, "--require-signature")
    assert (unsigned.code, unsigned.failed) == (65, ["signed"])
    assert (signed.code, signed.verdicts["signed"]) == (0, "Pass"), signed.said
    assert signed.report["digest"] == unsigned.report["digest"]


@contextmanager
def _store(directory: Path, missing: HTTPStatus) -> Iterator[str]:
    """An HTTP server with these files, and this status for any others."""

    class Handler(SimpleHTTPRequestHandler):
        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            super().send_error(missing if code == HTTPStatus.NOT_FOUND else code, message, explain)

    handler = partial(Handler, directory=str(directory))
    with loopback.serving(handler) as address:
        yield address
