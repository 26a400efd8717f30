"""Whatever a registry or a configuration holds, people are told in a sentence."""

import json
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from hypothesis import given
from hypothesis import strategies as st

from leadsman_package.errors import PackageError
from leadsman_package.naming import within
from leadsman_package.oci.artifact import read
from leadsman_package.oci.credentials import Credentials
from leadsman_package.oci.reference import Reference, parse
from packages.registry.test_reference import DIGEST

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
PATHS = st.text("ab./\\:\n\0~", max_size=12)
LAYERS = st.fixed_dictionaries(
    {
        "mediaType": st.sampled_from(["", "a.tar", "a+gzip", "a.tar+gzip", "x/y.tar+zstd"]) | st.text(max_size=10),
        "digest": st.sampled_from([DIGEST, "sha256:", "md5:0"]),
        "size": st.integers(-1, 1 << 60),
    },
    optional={"annotations": st.dictionaries(st.sampled_from(["org.cncf.model.filepath", "a"]), PATHS) | JSON},
)


@given(st.binary(max_size=200) | JSON.map(lambda document: json.dumps(document).encode()))
def test_manifests_of_anything(text: bytes) -> None:
    with suppress(PackageError):
        read(text, "it")


@given(st.lists(LAYERS, max_size=4))
def test_no_layer_leads_outside(layers: list[dict[str, Any]]) -> None:
    try:
        artifact = read(json.dumps({"schemaVersion": 2, "layers": layers}).encode(), "it")
    except PackageError:
        return
    for layer in artifact.layers:
        assert layer.path is None or (Path("/model") / layer.path).resolve().is_relative_to("/model")
        assert layer.path is None or within(layer.path) == layer.path


@given(st.text("aA0.:/@-_[] \n", max_size=40) | st.text(max_size=30))
def test_uris_of_anything(rest: str) -> None:
    try:
        reference = parse(f"oci://{rest}")
    except PackageError:
        return
    assert parse(str(reference)) == reference


ENTRIES = st.dictionaries(st.sampled_from(["registry:5000", "https://registry:5000", "x"]), JSON, max_size=3)


@given(
    st.fixed_dictionaries({}, optional={"auths": ENTRIES | JSON, "credHelpers": JSON, "credsStore": st.none()})
    | JSON.filter(lambda document: not isinstance(document, dict))
)
def test_configurations_of_anything(document: Any) -> None:
    with TemporaryDirectory() as name, requests.Session() as session, suppress(PackageError):
        file = Path(name) / "config.json"
        file.write_text(json.dumps(document))
        Credentials(session, Reference("registry:5000", "fraud"), file, True, plain=False)
