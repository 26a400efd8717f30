"""Keys to sign with."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def key_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """Write a private and a public key. Returns their files."""
    private = ec.generate_private_key(ec.SECP256R1())
    mine, public = directory / f"{name}.pem", directory / f"{name}.pub"
    mine.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return mine, public
