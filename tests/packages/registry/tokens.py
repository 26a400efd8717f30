"""A server that hands out tokens which the registry believes, as those of cloud registries do."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from support import loopback

ISSUER, SERVICE = "tests", "registry of the tests"


class TokenServer:
    """Gives `pull` to anyone, and all that is asked for to who has a password. Counts what it handed out."""

    def __init__(self, url: str, certificate: Path) -> None:
        self.url, self.given = url, list[tuple[str, str]]()
        pem = certificate.read_bytes()
        self._key = serialization.load_pem_private_key(pem, None)
        self._chain = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)

    def answer(self, path: str, authorization: str | None) -> bytes:
        scope = parse_qs(urlsplit(path).query).get("scope", [""])[0]
        kind, name, actions = (*scope.split(":"), "", "")[:3]
        allowed = actions.split(",") if authorization else ["pull"]
        self.given.append((scope, "somebody" if authorization else "anonymous"))
        return json.dumps({"token": self._token([{"type": kind, "name": name, "actions": allowed}])}).encode()

    def _token(self, access: list[dict[str, object]]) -> str:
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        now = int(time.time())  # noqa: TID251 - the registry's clock is this one
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(self._chain).decode()]}
        claims = {
            "iss": ISSUER,
            "aud": SERVICE,
            "sub": "",
            "exp": now + 60,
            "nbf": now - 60,
            "iat": now,
            "jti": str(now),
        }
        text = f"{_encoded(header)}.{_encoded(claims | {'access': access})}"
        r, s = decode_dss_signature(self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def token_server(certificate: Path) -> Iterator[TokenServer]:
    """Run one that signs with the key of a certificate."""

    class Handler(loopback.Handler):
        def do_GET(self) -> None:
            body = tokens.answer(self.path, self.headers.get("authorization"))
            self.answer(body)

    with loopback.serving(Handler) as address:
        tokens = TokenServer(f"{address}/token", certificate)
        yield tokens


def _encoded(document: object) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
