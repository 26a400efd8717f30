"""Any string at all: it names a model, or is refused in one sentence. Nothing listens where these are asked for."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from leadsman_package.errors import PackageError
from leadsman_package.fetching import fetch
from leadsman_package.resolving import resolve
from leadsman_package.sources.locating import SCHEMES
from leadsman_package.sources.store import Settings

NOBODY = "http://127.0.0.1:1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "me",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_ALLOW_HTTP": "true",
    "AWS_ENDPOINT_URL": NOBODY,
    "GOOGLE_SKIP_SIGNATURE": "true",
    "GOOGLE_ALLOW_HTTP": "true",
    "GOOGLE_BASE_URL": NOBODY,
    "AZURE_STORAGE_ACCOUNT_NAME": "me",
    "AZURE_STORAGE_ACCOUNT_KEY": "aaaa",
    "AZURE_ALLOW_HTTP": "true",
    "AZURE_STORAGE_ENDPOINT": NOBODY,
    "MLFLOW_TRACKING_URI": NOBODY,
    "HF_ENDPOINT": NOBODY,
    "HTTP_PROXY": NOBODY,
    "HTTPS_PROXY": NOBODY,
    "ALL_PROXY": NOBODY,
    "NO_PROXY": "127.0.0.1",
}
ANYTHING = st.text(st.characters(), max_size=40)
MEANT_BADLY = st.sampled_from(
    ["\0", "\ud800", "\udcff", "..", "%2e%2e", "%00", "<b>", "@", ":", "[", "?", "#", " ", "é"]
)
PARTS = st.lists(st.one_of(ANYTHING, MEANT_BADLY, st.just("/"), st.just("models"), st.just("m.onnx")), max_size=6)
URIS = st.builds(
    lambda scheme, parts: scheme + "".join(parts), st.sampled_from(["", *(f"{each}://" for each in SCHEMES)]), PARTS
)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store is where nobody listens."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
        monkeypatch.delenv(name.lower(), raising=False)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(uri="pvc://\0/x")
@example(uri="http://xn--\u00e9.\ud800/m.onnx")
@example(uri="s3://<bucket>/m.onnx")
@example(uri="file://\0.onnx")
@example(uri=f"pvc://{'a' * 300}/x")
@example(uri=f"{'a' * 300}.onnx")
@example(uri="oci://h:99999/x:1")
@given(uri=URIS)
def test_any_string_is_told_in_one_sentence(uri: str, nobody: None, tmp_path: Path) -> None:
    tries = Settings(pvc_root=tmp_path, retry_for=0.0)
    (tmp_path / "out").mkdir(exist_ok=True)
    for attempt in (lambda: fetch(uri, tmp_path / "out", settings=tries), lambda: resolve(uri, settings=tries)):
        with pytest.raises(PackageError) as raised:
            attempt()
        assert "\n" not in str(raised.value)


REFUSED = {
    "pvc://\0/x": r"'pvc://\\x00/x' names no model: it has characters that cannot be printed",
    "http://a\ud800/m.onnx": r"'http://a\\ud800/m.onnx' names no model: it has characters that cannot be printed",
    "az://<c>/m.onnx": "names no container: '<c>' has other characters than letters, digits",
}


@pytest.mark.parametrize("uri", REFUSED)
def test_what_no_uri_can_have(uri: str, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=re.compile(REFUSED[uri])) as raised:
        fetch(uri, tmp_path)
    assert not raised.value.transient
