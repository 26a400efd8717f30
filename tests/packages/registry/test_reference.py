"""What URIs name, and which registries may be spoken to without TLS."""

import pytest

from leadsman_package.oci.reference import Reference, may_be_plain, may_carry_credentials, parse

DIGEST = f"sha256:{'a1' * 32}"


@pytest.mark.parametrize(
    ("uri", "expected", "wanted"),
    [
        ("oci://registry.example/fraud", Reference("registry.example", "fraud"), "latest"),
        ("oci://registry.example/a/b_c/d-e.f:v1.2", Reference("registry.example", "a/b_c/d-e.f", "v1.2"), "v1.2"),
        ("oci://localhost:5000/fraud:1", Reference("localhost:5000", "fraud", "1"), "1"),
        ("oci://[::1]:5000/fraud:1", Reference("[::1]:5000", "fraud", "1"), "1"),
        (f"oci://registry/fraud@{DIGEST}", Reference("registry", "fraud", None, DIGEST), DIGEST),
        (f"oci://registry/fraud:1@{DIGEST}", Reference("registry", "fraud", "1", DIGEST), DIGEST),
    ],
)
def test_parses(uri: str, expected: Reference, wanted: str) -> None:
    assert parse(uri) == expected
    assert parse(uri).wanted == wanted
    assert str(parse(uri)) == uri


@pytest.mark.parametrize(
    ("host", "plain", "credentials"),
    [
        pytest.param("localhost:5000", True, True, id="this machine"),
        pytest.param("127.0.0.1:5000", True, True, id="its address"),
        pytest.param("[::1]:5000", True, True, id="its other address"),
        pytest.param("registry", True, False, id="a Service of the namespace"),
        pytest.param("registry.models.svc:5000", True, False, id="a Service"),
        pytest.param("registry.models.svc.cluster.local", True, False, id="a Service by its whole name"),
        pytest.param("registry.example", False, False, id="anywhere else"),
        pytest.param("10.0.0.1:5000", False, False, id="an address"),
        pytest.param("localhost.example", False, False, id="a name that looks like this machine"),
        pytest.param("lab.example:5000", True, True, id="a host that is named"),
        pytest.param("lab.example:5001", False, False, id="another port of it"),
    ],
)
def test_without_tls(host: str, plain: bool, credentials: bool) -> None:
    insecure = {"lab.example:5000"}
    assert may_be_plain(host, insecure) is plain
    assert may_carry_credentials(host, insecure) is credentials
