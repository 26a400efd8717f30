"""How registries are reached, as the environment says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INSECURE_VARIABLE = "LEADSMAN_OCI_INSECURE"
_CONFIG_NAMES = ("config.json", ".dockerconfigjson")  # the second as a Secret's key is mounted


@dataclass(frozen=True, slots=True)
class Access:
    """What it takes to reach registries."""

    docker_config: Path
    """The directory with the file of credentials, as Docker and ORAS have it."""
    authorities: str | None = None
    """A file or directory with the certificates to trust instead of the usual ones."""
    insecure: frozenset[str] = frozenset()
    """Hosts, with their ports, that may be spoken to without TLS."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Access":
        """Read DOCKER_CONFIG, SSL_CERT_FILE or SSL_CERT_DIR, and LEADSMAN_OCI_INSECURE, a list with commas."""
        config = environment.get("DOCKER_CONFIG")
        return cls(
            Path(config) if config else Path.home() / ".docker",
            environment.get("SSL_CERT_FILE") or environment.get("SSL_CERT_DIR") or None,
            frozenset(filter(None, map(str.strip, environment.get(INSECURE_VARIABLE, "").split(",")))),
        )

    @property
    def credentials(self) -> Path:
        """The file with credentials, whether it is there or not."""
        files = [self.docker_config / name for name in _CONFIG_NAMES]
        return next((file for file in files if file.is_file()), files[0])
