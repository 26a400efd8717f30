"""The operator's settings, variable by variable."""

from pathlib import Path
from typing import Any

import pytest

from leadsman.shell.settings import Settings, SettingsError

IMAGE = {"LEADSMAN_SERVING_IMAGE": "serving:1"}

READ: dict[str, tuple[dict[str, str], str, Any]] = {
    "the image": ({}, "serving_image", "serving:1"),
    "all namespaces": ({}, "namespaces", ()),
    "no namespace named is all of them": ({"LEADSMAN_NAMESPACES": " "}, "namespaces", ()),
    "some namespaces": ({"LEADSMAN_NAMESPACES": "a,b, c  d"}, "namespaces", ("a", "b", "c", "d")),
    "the usual port": ({}, "http_port", 8080),
    "another port": ({"LEADSMAN_HTTP_PORT": "9090"}, "http_port", 9090),
    "leader election by default": ({}, "leader_election", True),
    "no leader election": ({"LEADSMAN_LEADER_ELECTION": "False"}, "leader_election", False),
    "the usual Lease": ({}, "lease_name", "leadsman"),
    "another Lease": ({"LEADSMAN_LEASE_NAME": "mine"}, "lease_name", "mine"),
    "the Lease's namespace": ({"LEADSMAN_LEASE_NAMESPACE": "system"}, "lease_namespace", "system"),
    "a name of its own": ({"LEADSMAN_IDENTITY": "pod-1"}, "identity", "pod-1"),
    "passes at the same time": ({"LEADSMAN_MAX_PASSES": "3"}, "max_passes", 3),
    "no Prometheus": ({}, "prometheus_url", ""),
    "a Prometheus": (
        {"LEADSMAN_PROMETHEUS_URL": "https://prometheus.monitoring:9090/prefix/"},
        "prometheus_url",
        "https://prometheus.monitoring:9090/prefix",
    ),
    "no token for it": ({"LEADSMAN_PROMETHEUS_URL": "http://p"}, "prometheus_token_file", None),
    "a token for it": (
        {"LEADSMAN_PROMETHEUS_URL": "http://p", "LEADSMAN_PROMETHEUS_TOKEN_FILE": "/run/prometheus/token"},
        "prometheus_token_file",
        Path("/run/prometheus/token"),
    ),
    "a level in lower case": ({"LEADSMAN_LOG_LEVEL": "debug"}, "log_level", "DEBUG"),
}


@pytest.mark.parametrize(("env", "name", "value"), READ.values(), ids=READ.keys())
def test_setting(env: dict[str, str], name: str, value: Any) -> None:
    assert getattr(Settings.from_environment(IMAGE | env), name) == value


def test_a_process_without_a_name_is_called_by_its_host() -> None:
    assert Settings.from_environment(IMAGE).identity


WRONG = {
    "no image": ({"LEADSMAN_SERVING_IMAGE": ""}, "LEADSMAN_SERVING_IMAGE is not set"),
    "a port that is no number": ({"LEADSMAN_HTTP_PORT": "http"}, "LEADSMAN_HTTP_PORT is 'http'"),
    "a number of another script": ({"LEADSMAN_HTTP_PORT": "8²"}, "LEADSMAN_HTTP_PORT is"),
    "a negative number": ({"LEADSMAN_MAX_PASSES": "-1"}, "LEADSMAN_MAX_PASSES is '-1'"),
    "no pass at all": ({"LEADSMAN_MAX_PASSES": "0"}, "LEADSMAN_MAX_PASSES is '0'"),
    "a Prometheus without a scheme": ({"LEADSMAN_PROMETHEUS_URL": "prometheus:9090"}, "expected a base URL such as"),
    "a Prometheus that is a query": ({"LEADSMAN_PROMETHEUS_URL": "http://p/?x=1"}, "expected a base URL such as"),
    "a password where it would be logged": (
        {"LEADSMAN_PROMETHEUS_URL": "http://me:secret@p"},
        "LEADSMAN_PROMETHEUS_URL has a user in it; expected a bearer token",
    ),
    "a token for nobody": (
        {"LEADSMAN_PROMETHEUS_TOKEN_FILE": "/run/token"},
        "expected LEADSMAN_PROMETHEUS_URL to be set too",
    ),
    "perhaps": ({"LEADSMAN_LEADER_ELECTION": "perhaps"}, "expected true or false"),
}


@pytest.mark.parametrize(("env", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_says_which_and_what_is_expected(env: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message.replace("(", r"\(")):
        Settings.from_environment(IMAGE | env)
