"""A Sigstore of our own, without servers: a certificate authority, the log of its certificates, and Rekor's log.

`sign` does what signing with an identity does, and gives the bundle that holds its own proof.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from google.protobuf import json_format
from model_signing import hashing
from model_signing._signing.signing import Payload

_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_CERTIFICATE_TIMESTAMPS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_TYPE = "application/vnd.in-toto+json"


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_public(key)).digest()


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Sigstore:
    """One instance, with keys of its own."""

    authority: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    certificate_log: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    rekor: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    root: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test root")])
        public = self.authority.public_key()
        self.root = (
            self._builder(name, name, public, timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(signing=False), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def trust_config(self, directory: Path) -> Path:
        """Write what verifiers have to know of this instance."""
        since = {"start": (self.now - timedelta(days=1)).isoformat().replace("+00:00", "Z")}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": "https://log.example.com",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": _b64(_public(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": since,
                },
                "logId": {"keyId": _b64(_id(key))},
            }

        certificates = [{"rawBytes": _b64(self.root.public_bytes(serialization.Encoding.DER))}]
        authority = {
            "subject": {"organization": "example.com", "commonName": "test root"},
            "uri": "https://fulcio.example.com",
            "certChain": {"certificates": certificates},
            "validFor": since,
        }
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log(self.rekor)],
                "certificateAuthorities": [authority],
                "ctlogs": [log(self.certificate_log)],
            },
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaConfig": {"selector": "ANY"},
            },
        }
        path = directory / "trust.json"
        path.write_text(json.dumps(config))
        return path

    def sign(self, directory: Path, identity: str, issuer: str) -> None:
        """Sign a model's files as somebody whose identity the issuer has confirmed."""
        covered = hashing.Config().set_ignored_paths(paths=["model.sig"], ignore_git_paths=False)
        payload = json_format.MessageToJson(Payload(covered.hash(directory)).statement.pb).encode()
        key = _key()
        certificate = self._certificate(key, identity, issuer)
        signature = _sign(key, b"DSSEv1 %d %s %d %s" % (len(_TYPE), _TYPE.encode(), len(payload), payload))
        bundle = {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": _b64(certificate.public_bytes(serialization.Encoding.DER))},
                "tlogEntries": [self._entry(certificate, payload, signature)],
            },
            "dsseEnvelope": {
                "payload": _b64(payload),
                "payloadType": _TYPE,
                "signatures": [{"sig": _b64(signature)}],
            },
        }
        (directory / "model.sig").write_text(json.dumps(bundle))

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - since)
            .not_valid_after(self.now + timedelta(minutes=10))
        )

    def _certificate(self, key: ec.EllipticCurvePrivateKey, identity: str, issuer: str) -> x509.Certificate:
        said = issuer.encode()
        authority = self.authority.public_key()
        builder = (
            self._builder(x509.Name([]), self.root.subject, key.public_key(), timedelta(minutes=1))
            .add_extension(_usage(signing=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(identity)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V1, said), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V2, bytes([0x0C, len(said)]) + said), critical=False)
        )
        logged = self._logged(builder.sign(self.authority, hashes.SHA256()).tbs_certificate_bytes)
        return builder.add_extension(x509.UnrecognizedExtension(_CERTIFICATE_TIMESTAMPS, logged), critical=False).sign(
            self.authority, hashes.SHA256()
        )

    def _logged(self, content: bytes) -> bytes:
        """The extension by which the log of certificates says that it has this one (RFC 6962)."""
        at = int(self.now.timestamp() * 1000)
        entry = _id(self.authority) + len(content).to_bytes(3, "big") + content
        signature = _sign(self.certificate_log, struct.pack("!BBQH", 0, 0, at, 1) + entry + b"\0\0")
        stamp = b"\0" + _id(self.certificate_log) + struct.pack("!Q", at) + b"\0\0"
        stamp += b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        stamps = struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp
        return bytes([0x04, 0x81, len(stamps)] if len(stamps) > 127 else [0x04, len(stamps)]) + stamps

    def _entry(self, certificate: x509.Certificate, payload: bytes, signature: bytes) -> dict[str, Any]:
        """The entry in Rekor's log, which is the first and only one."""
        verifier = _b64(certificate.public_bytes(serialization.Encoding.PEM))
        digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        body = _canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": digest,
                    "payloadHash": digest,
                    "signatures": [{"signature": _b64(signature), "verifier": verifier}],
                },
            }
        )
        at = int(self.now.timestamp())
        promise = _canonical({"body": _b64(body), "integratedTime": at, "logID": _id(self.rekor).hex(), "logIndex": 0})
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"rekor.example.com - 1\n1\n{_b64(root)}\n"
        by = _b64(_id(self.rekor)[:4] + _sign(self.rekor, note.encode()))
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(_id(self.rekor))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": _b64(_sign(self.rekor, promise))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n— rekor.example.com {by}\n"},
            },
            "canonicalizedBody": _b64(body),
        }


def _usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signing,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signing,
        crl_sign=not signing,
        encipher_only=False,
        decipher_only=False,
    )
