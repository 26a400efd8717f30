"""The client against an API server that answers badly, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio import client

from leadsman.shell import kube
from leadsman.shell.kube import (
    DEPLOYMENT,
    EVENT,
    MODEL_DEPLOYMENT,
    SERVICE,
    KubeClient,
    KubeError,
    NotFoundError,
    TakenError,
    as_yaml,
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """An API server that answers everything the same way."""

    answer: Answer
    seen: list[web.Request]
    bodies: list[bytes]
    client: KubeClient

    def says(self, status: int, text: str = "{}") -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(status=status, text=text, content_type="application/json")

        self.answer = answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async def handle(request: web.Request) -> web.StreamResponse:
        made.seen.append(request)
        made.bodies.append(await request.read())
        return await made.answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as test_server:
        configuration = client.Configuration(host=str(test_server.make_url("")).rstrip("/"))
        async with client.ApiClient(configuration) as api:
            made = Server(answer=handle, seen=[], bodies=[], client=KubeClient(api))
            yield made


STATUS = '{"kind": "Status", "message": "the reason"}'
ERRORS: dict[str, tuple[int, str, bool, str]] = {
    "somebody was faster": (409, STATUS, True, "409: the reason"),
    "too many requests": (429, STATUS, True, "429: the reason"),
    "a fault of the server": (500, STATUS, True, "500: the reason"),
    "a proxy without a backend": (503, "<html>no backend</html>", True, "503: <html>no backend</html>"),
    "an answer that is no Status": (502, '["what"]', True, '502: ["what"]'),
    "an answer without a message": (500, "{}", True, "500: {}"),
    "no right to": (403, STATUS, False, "403: the reason"),
    "not valid": (422, STATUS, False, "422: the reason"),
    "a bad request": (400, STATUS, False, "400: the reason"),
    "not there": (404, STATUS, False, "404: the reason"),
    "garbage with a good conscience": (200, "not JSON", True, "no JSON object"),
    "JSON, but no object": (200, "[]", True, "no JSON object"),
}


@pytest.mark.parametrize(("status", "text", "retryable", "message"), ERRORS.values(), ids=ERRORS.keys())
async def test_an_error(server: Server, status: int, text: str, retryable: bool, message: str) -> None:
    server.says(status, text)
    with pytest.raises(KubeError) as caught:
        await server.client.get(MODEL_DEPLOYMENT, "payments", "fraud")
    assert caught.value.retryable is retryable
    assert message in str(caught.value)
    assert isinstance(caught.value, NotFoundError) == (status == 404)
    assert len(server.seen) == 1, "the pass is what is tried again, not the call"


async def test_no_answer_in_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "_TIMEOUT_SECONDS", 0.05)

    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server.answer = never
    with pytest.raises(KubeError, match="no answer from the API server") as caught:
        await server.client.get(SERVICE, "payments", "fraud")
    assert caught.value.retryable


async def test_an_answer_that_breaks_off(server: Server) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"half": ')
        assert request.transport is not None
        request.transport.close()
        return response

    server.answer = half
    with pytest.raises(KubeError) as caught:
        await server.client.get(SERVICE, "payments", "fraud")
    assert caught.value.retryable


async def test_nobody_listens() -> None:
    async with client.ApiClient(client.Configuration(host="http://127.0.0.1:1")) as api:
        with pytest.raises(KubeError, match="no answer") as caught:
            await KubeClient(api).get(SERVICE, "payments", "fraud")
    assert caught.value.status == 0
    assert caught.value.retryable


async def test_what_is_listed_carries_its_kind(server: Server) -> None:
    server.says(200, '{"items": [{"metadata": {"name": "fraud"}}]}')
    found = await server.client.list(DEPLOYMENT, "payments", {"a": "1", "b": "2"})
    assert found == [{"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "fraud"}}]
    assert server.seen[0].path == "/apis/apps/v1/namespaces/payments/deployments"
    assert server.seen[0].query["labelSelector"] == "a=1,b=2"


@pytest.mark.parametrize("text", ['{"items": null}', "{}"])
async def test_an_empty_list(server: Server, text: str) -> None:
    server.says(200, text)
    assert await server.client.list(SERVICE, "payments", {}) == []


async def test_an_apply_takes_over_what_we_name(server: Server) -> None:
    server.says(200)
    body = {"metadata": {"name": "fraud", "namespace": "payments"}}
    await server.client.apply(MODEL_DEPLOYMENT, body, "status")
    (request,) = server.seen
    assert request.method == "PATCH"
    assert request.path == "/apis/leadsman.dev/v1alpha1/namespaces/payments/modeldeployments/fraud/status"
    assert dict(request.query) == {"fieldManager": "leadsman", "force": "true"}
    assert request.content_type == "application/apply-patch+yaml"
    assert b'"fraud"' in server.bodies[0]


async def test_a_create(server: Server) -> None:
    server.says(201)
    await server.client.create(EVENT, {"metadata": {"name": "x", "namespace": "payments"}})
    assert (server.seen[0].method, server.seen[0].path) == ("POST", "/apis/events.k8s.io/v1/namespaces/payments/events")


async def test_a_delete_of_what_is_gone_is_done(server: Server) -> None:
    server.says(404, STATUS)
    await server.client.delete(SERVICE, "payments", "fraud")
    assert server.seen[0].query["propagationPolicy"] == "Background"
    server.says(403, STATUS)
    with pytest.raises(KubeError):
        await server.client.delete(SERVICE, "payments", "fraud")


@given(st.lists(st.text()))
def test_what_is_applied_is_json_and_yaml(texts: list[str]) -> None:
    assert yaml.safe_load(as_yaml({"x": texts})) == {"x": texts}


@pytest.mark.parametrize("half", ["\ud83d", "\ude00\ud83d", "\ud83dx\ude00"])
def test_half_a_character_is_none(half: str) -> None:
    replaced = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in half)
    assert yaml.safe_load(as_yaml({"x": half})) == {"x": replaced}


def test_what_looks_like_an_escape_is_none() -> None:
    text = "\\ud83d\\ude00 \\\\ud83d C:\\u0"
    assert yaml.safe_load(as_yaml({"x": text, text: "😀"})) == {"x": text, text: "😀"}


OWNED = '{"message": "the reason", "details": {"causes": [{"reason": "FieldManagerConflict"}]}}'


@pytest.mark.parametrize(
    ("text", "kind"),
    [(OWNED, TakenError), (STATUS, KubeError)],
    ids=["fields of another", "a write that was overtaken"],
)
async def test_only_what_has_fields_of_another_is_somebody_elses(server: Server, text: str, kind: type) -> None:
    server.says(409, text)
    with pytest.raises(KubeError) as caught:
        await server.client.apply(SERVICE, {"metadata": {"namespace": "payments", "name": "fraud"}}, force=False)
    assert type(caught.value) is kind


async def test_a_process_that_does_not_lead_reads_and_writes_nothing(server: Server) -> None:
    follower = KubeClient(server.client._api, may_write=lambda: False)
    server.says(200)
    await follower.get(SERVICE, "payments", "fraud")
    body = {"metadata": {"namespace": "payments", "name": "fraud"}}
    for write in (follower.apply(SERVICE, body), follower.create(SERVICE, body)):
        with pytest.raises(KubeError, match="does not lead") as caught:
            await write
        assert caught.value.retryable
    with pytest.raises(KubeError, match="does not lead"):
        await follower.delete(SERVICE, "payments", "fraud")
    assert [request.method for request in server.seen] == ["GET"]
