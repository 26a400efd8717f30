"""Which cluster and namespace are spoken to, as whom; as kubectl finds it."""

import json
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import ConfigException, incluster_config

from leadsman.shell.access import Access, access_of_a_person, access_of_the_operator, connect

POD = "https://10.0.0.1:443"


def kubeconfig(current: str | None = "prod", **namespaces: str | None) -> dict[str, Any]:
    """One with a cluster for each context."""
    names = namespaces or {"prod": "payments"}
    config: dict[str, Any] = {
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}"}} for name in names],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "me"} | ({"namespace": space} if space else {})}
            for name, space in names.items()
        ],
        "users": [{"name": "me", "user": {}}],
    }
    return config | ({} if current is None else {"current-context": current})


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for kubeconfigs, where the home directory has none, and no pod is around."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def pod(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a ServiceAccount in a pod of the namespace `jobs`."""
    account = files / "serviceaccount"
    account.mkdir()
    for name, text in {"token": "t0k3n", "ca.crt": "a certificate", "namespace": "jobs\n"}.items():
        (account / name).write_text(text)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(account / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(account / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    return account


def named(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Set KUBECONFIG."""
    monkeypatch.setenv("KUBECONFIG", ":".join(map(str, paths)))


def written(path: Path, content: Any) -> Path:
    """Write a kubeconfig."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


async def host(access: Access) -> str:
    """The server that a connection is to."""
    async with connect(access) as api:
        return str(api.configuration.host)


CONTEXTS: dict[str, tuple[dict[str, Any], str | None, str, str]] = {
    "the current one": (kubeconfig("dev", dev="lab", prod="payments"), None, "http://dev", "lab"),
    "a named one": (kubeconfig("dev", dev="lab", prod="payments"), "prod", "http://prod", "payments"),
    "a named one where none is current": (kubeconfig(None, prod="payments"), "prod", "http://prod", "payments"),
    "a named one where the current one is not there": (kubeconfig("gone"), "prod", "http://prod", "payments"),
    "one without a namespace": (kubeconfig("prod", prod=None), None, "http://prod", "default"),
}


@pytest.mark.parametrize(("content", "context", "server", "namespace"), CONTEXTS.values(), ids=CONTEXTS)
async def test_a_context_of_the_kubeconfig(
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: dict[str, Any],
    context: str | None,
    server: str,
    namespace: str,
) -> None:
    named(monkeypatch, written(files / "config", content))
    access = access_of_a_person(context)
    assert (access.namespace, await host(access)) == (namespace, server)


async def test_of_several_files_the_first_that_names_a_context_holds(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = kubeconfig("", dev="lab"), kubeconfig("prod", prod="payments")
    third = kubeconfig("dev", dev="another")
    paths = [written(files / str(number), one) for number, one in enumerate((first, second, third))]
    named(monkeypatch, files / "not there", *paths)
    assert await host(access_of_a_person()) == "http://prod"
    assert access_of_a_person("dev").namespace == "lab"


async def test_a_person_in_a_pod_is_who_the_kubeconfig_says(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, written(pod / "config", kubeconfig()))
    access = access_of_a_person()
    assert (access.namespace, await host(access)) == ("payments", "http://prod")
    assert access_of_the_operator().namespace == "jobs"


async def test_the_kubeconfig_of_the_home_directory_is_found_in_a_pod(pod: Path, files: Path) -> None:
    (files / "home").mkdir()
    written(files / "home/.kube/config", kubeconfig())
    assert await host(access_of_a_person()) == "http://prod"


async def test_without_a_kubeconfig_a_pod_is_its_account(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadsman.shell.access.client.ApiClient", _Told)
    access = access_of_a_person()
    assert (access.namespace, await host(access)) == ("jobs", POD)


async def test_what_was_meant_stays_when_the_kubeconfig_changes(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(files / "config", kubeconfig("dev", dev="lab", prod="payments"))
    named(monkeypatch, path)
    access = access_of_a_person()
    written(path, kubeconfig("prod", dev="other", prod="payments"))
    assert (access.namespace, await host(access)) == ("lab", "http://dev")


WRONG: dict[str, tuple[Any, str | None, str]] = {
    "broken YAML": ("contexts: [", None, "config cannot be understood as a kubeconfig: while parsing"),
    "nothing": ("", None, "expected what `kubectl config view` prints"),
    "a list": ([], None, "config cannot be understood as a kubeconfig"),
    "a sentence": ("there is no cluster", None, "config cannot be understood as a kubeconfig"),
    "contexts that are words": ({"contexts": ["prod"], "current-context": "prod"}, None, "Expected all values in"),
    "no such context": (kubeconfig(), "test", "the kubeconfig has no context test; it has prod"),
    "no current context": (kubeconfig(None), None, "has no current context; name one with --context"),
    "no user": (
        {**kubeconfig(), "users": [], "clusters": [{"name": "prod", "cluster": {"server": "https://prod"}}]},
        None,
        "config cannot be understood as a kubeconfig",
    ),
    "no cluster": ({**kubeconfig(), "clusters": []}, None, "Expected object with name prod"),
}


@pytest.mark.parametrize(("content", "context", "said"), WRONG.values(), ids=WRONG)
async def test_what_is_wrong_is_a_sentence(
    files: Path, monkeypatch: pytest.MonkeyPatch, content: Any, context: str | None, said: str
) -> None:
    named(monkeypatch, written(files / "config", content))
    with pytest.raises(ConfigException, match=said):
        await host(access_of_a_person(context))


def test_no_cluster_at_all_is_a_sentence(files: Path) -> None:
    with pytest.raises(ConfigException, match=r"there is no kubeconfig .*/home/\.kube/config, and this is no pod"):
        access_of_a_person()
    with pytest.raises(ConfigException, match="the kubeconfig has no context prod; there is no file"):
        access_of_a_person("prod")


class _Told:
    """A connection that is not made: the certificate is none."""

    def __init__(self, configuration: Any) -> None:
        self.configuration = configuration

    async def __aenter__(self) -> "_Told":
        return self

    async def __aexit__(self, *_: object) -> None:
        return
