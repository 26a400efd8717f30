"""A package is served as it is: it answers its own golden requests, and its rules are those of its sample."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from leadsman_package.manifest import Manifest
from packages.authoring.estimators import fit, on_columns, on_texts
from packages.authoring.frames import mixed, three_classes
from packages.authoring.making import make
from serving.process import ServerProcess, serving


def check_golden(server: ServerProcess, package: Path, manifest: Manifest) -> None:
    assert manifest.golden is not None
    tolerance = manifest.golden.tolerance
    for each in manifest.golden.requests:
        body = (package / each.request).read_bytes()
        answer = httpx.post(server.infer_url, content=body, trust_env=False, timeout=30).raise_for_status().json()
        expected = json.loads((package / each.response).read_bytes())
        for found, wanted in zip(answer["outputs"], expected["outputs"], strict=True):
            assert {**found, "data": None} == {**wanted, "data": None}
            if wanted["datatype"].startswith("FP"):
                np.testing.assert_allclose(found["data"], wanted["data"], tolerance.relative, tolerance.absolute)
            else:
                assert found["data"] == wanted["data"]


def request(package: Path, **changed: Any) -> dict[str, Any]:
    """The first golden request with other values."""
    body: dict[str, Any] = json.loads((package / "samples" / "row-0.json").read_bytes())
    for each in body["inputs"]:
        if each["name"] in changed:
            each["data"] = [changed[each["name"]]]
    return body


def test_it_answers_its_golden_requests_and_holds_requests_to_its_rules(tmp_path: Path) -> None:
    made = make(tmp_path, *fit(on_columns(LogisticRegression()), three_classes, mixed))
    package = tmp_path / "package"
    assert made.manifest is not None
    with serving(package, "--schema", "reject") as server:
        check_golden(server, package, made.manifest)
        for change, sentence in [
            ({"country": "ES"}, "'country'"),
            ({"age": 17}, "'age'"),
            ({"channel": ""}, "'channel'"),
            ({"balance": None}, "'balance'"),
        ]:
            refused = httpx.post(server.infer_url, json=request(package, **change), trust_env=False, timeout=30)
            assert refused.status_code == 400
            assert sentence in refused.json()["error"]


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_texts_are_understood_whatever_the_locale(locale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has no en_US.UTF-8, which is what the converter would ask for."""
    made = make(tmp_path, *on_texts(TfidfVectorizer()))
    assert made.manifest is not None
    monkeypatch.setenv("LC_ALL", locale)
    with serving(tmp_path / "package") as server:
        check_golden(server, tmp_path / "package", made.manifest)
