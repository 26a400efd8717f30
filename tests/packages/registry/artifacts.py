"""Artifacts as other tools would push them."""

import json

import httpx

from leadsman_package.oci.artifact import digest_of
from support.registry import RunningRegistry


def put_artifact(registry: RunningRegistry, name: str, layers: list[tuple[str | None, str, bytes]]) -> str:
    """Put an artifact with layers of a path, a media type and bytes, as NAME:1. Returns the digest of its manifest."""
    described = []
    for path, media_type, body in [*layers, (None, "application/vnd.oci.empty.v1+json", b"{}")]:
        at = httpx.post(f"{registry.url}/v2/{name}/blobs/uploads/").headers["location"]
        httpx.put(at, params={**dict(httpx.URL(at).params), "digest": digest_of(body)}, content=body).raise_for_status()
        annotations = {"org.opencontainers.image.title": path} if path is not None else {}
        described.append(
            {"mediaType": media_type, "digest": digest_of(body), "size": len(body), "annotations": annotations}
        )
    *listed, config = described
    media_type = "application/vnd.oci.image.manifest.v1+json"
    document = json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": listed})
    answer = httpx.put(f"{registry.url}/v2/{name}/manifests/1", content=document, headers={"content-type": media_type})
    answer.raise_for_status()
    return digest_of(document.encode())
