"""What a runtime says reaches the server: by the very options that the serving image has."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.api.modelrevision import ModelRevision
from leadsman.api.rolloutpolicy import RolloutPolicySpec
from leadsman.api.runtime import Runtime
from leadsman.api.status import Candidate
from leadsman.core.job import preflight_job
from leadsman.core.options import proving_options, serving_options
from leadsman.core.revision import new_revision
from leadsman_serving.cli import preflight, serve
from support.machine import START
from support.objects import model_deployment

runtimes = st.builds(
    lambda **fields: Runtime.model_validate(fields),
    threads=st.none() | st.integers(1, 256),
    batching=st.fixed_dictionaries(
        {
            "maxSize": st.integers(1, 1024),
            "maxDelay": st.sampled_from(["0s", "1s"]) | st.integers(1, 999).map("{}ms".format),
        }
    ),
    timeout=st.integers(1, 3600).map("{}s".format),
    maxInFlight=st.integers(1, 100_000),
    maxBodySize=st.builds("{}{}".format, st.integers(1, 9999), st.sampled_from(["Ki", "Mi", "Gi"])),
    schemaViolations=st.sampled_from(["Count", "Reject"]),
    accessLog=st.booleans(),
)
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def bytes_of(runtime: Runtime) -> int:
    return int(runtime.max_body_size[:-2]) * _UNITS[runtime.max_body_size[-2:]]


def arguments(runtime: Runtime) -> tuple[list[str], list[str]]:
    """What the server's container is told, and its preflight's; without the commands themselves."""
    deployment = model_deployment(runtime=runtime.model_dump(mode="json", by_alias=True))
    record = new_revision(deployment, "b", "serving:1")
    [server] = record.pod_template["spec"]["containers"]
    revision = ModelRevision.model_validate({"metadata": {"name": "fraud-b"}, "spec": record})
    job = preflight_job(
        deployment, Candidate(revision="b", started_at=START, policy=RolloutPolicySpec()), revision, None
    )
    [container] = job["spec"]["template"]["spec"]["containers"]
    return server["args"][1:], container["args"][1:]


@given(runtimes)
def test_the_server_understands_what_the_runtime_says(runtime: Runtime) -> None:
    server, prover = arguments(runtime)
    served: dict[str, Any] = serve.make_context("serve", server).params
    assert served["max_batch_size"] == runtime.batching.max_size
    assert timedelta(seconds=served["max_batch_delay"]) == runtime.batching.max_delay
    assert timedelta(seconds=served["timeout"]) == runtime.timeout
    assert served["max_in_flight"] == runtime.max_in_flight
    assert served["max_body_bytes"] == bytes_of(runtime)
    assert served["schema"] == runtime.schema_violations.lower()
    assert served["access_log"] is runtime.access_log
    proved: dict[str, Any] = preflight.make_context("preflight", prover).params
    for option in ("max_batch_size", "timeout", "max_body_bytes", "schema"):
        assert proved[option] == served[option], "a model is proved as it will be served"


@pytest.mark.parametrize("options", [serving_options, proving_options])
def test_what_is_at_its_default_is_not_said(options: Any) -> None:
    assert options(Runtime()) == {}


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("60s", 30), ("1s", 30), ("20s", 30), ("21s", 31), ("61s", 71), ("1h", 3610)]
)
def test_a_pod_that_ends_has_time_for_what_it_still_answers(timeout: str, seconds: int) -> None:
    """A template of the default timeout stays as it ever was."""
    record = new_revision(model_deployment(runtime={"timeout": timeout}), "b", "serving:1")
    assert record.pod_template["spec"]["terminationGracePeriodSeconds"] == seconds
