"""What `spec.traffic` can say, as users of a real gateway see it: gRPC, testers, sessions, a route of one's own."""

from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest

from support import iris
from support.cluster import apply, eventually, kubectl, run
from support.grpcusers import GrpcUsers, wait_until_called
from support.iris import GATEWAY, MODEL, REQUEST, host, pairs, route_weights, rules, source, stable_version, status
from support.loaded import show, told
from support.sessions import Session
from support.users import Answer, Users, gateway_address, wait_until_served

pytestmark = pytest.mark.cluster

RPS = 40
WINDOW = 300
"""Requests by which a share is measured: 20 % by chance are less than 10 % or more than 30 % once in 60,000 times."""
ERRORS = {"errorRate": {"tolerate": 0.02}}


def go_on(users: Users, requests: int) -> list[Answer]:
    """Let users ask so often; returns what they were answered."""
    before = len(users.answers)
    eventually("users ask", lambda: len(users.answers) >= before + requests)
    return users.answers[before : before + requests]


def share(answers: list[Answer], revision: str) -> float:
    """How much of it a revision has answered."""
    found = sum(answer.revision == revision for answer in answers) / len(answers)
    print(f"\n{found:.1%} of {len(answers)} requests")
    return found


def candidate_of(namespace: str) -> str:
    """The revision that is on its way."""
    return str(status(namespace)["rollout"]["candidate"]["revision"])


def act(namespace: str, verb: str) -> None:
    """Intervene as people do."""
    run("leadsman", verb, MODEL, "-n", namespace, "--yes")


def test_calls_of_grpc_are_copied_and_split_and_testers_are_always_answered_by_the_candidate(
    namespace: str, store: str
) -> None:
    grpc_host, tester = f"grpc.{host(namespace)}", {"x-tester": "alice"}
    traffic = {
        "gateway": GATEWAY,
        "hostnames": [host(namespace)],
        "grpc": {"hostnames": [grpc_host]},
        "testers": {"header": {"name": "x-tester", "value": "alice"}},
    }
    steps = [
        {"shadow": {}, "minDuration": "5s", "maxDuration": "1h"},
        iris.step(20, "12s"),
        iris.step(50, "0s"),
    ]
    checks = [ERRORS, {"agreement": {"atLeast": 0.95}}]
    first, second = (iris.model(namespace, source(store, version), traffic=traffic) for version in ("v1", "v2"))
    apply(iris.policy(namespace, *steps, checks=checks, interval="1s"), first)
    stable = stable_version(namespace, "v1")
    wait_until_served(host(namespace), MODEL)
    wait_until_called(grpc_host, MODEL, REQUEST)
    with (
        GrpcUsers(grpc_host, MODEL, REQUEST, RPS) as callers,
        GrpcUsers(grpc_host, MODEL, REQUEST, 2, headers=tester) as calling_tester,
        Users(host(namespace), MODEL, REQUEST, 2, headers=tester) as asking_tester,
    ):
        go_on(callers, RPS)
        apply(second)
        eventually("version 2 gets its share", lambda: route_weights(namespace, "grpcroute") == [80, 20])
        candidate = candidate_of(namespace)
        eventually("callers are answered by it", lambda: callers.by(candidate))
        window = go_on(callers, WINDOW)
        assert route_weights(namespace) == route_weights(namespace, "grpcroute") == [80, 20]
        assert stable_version(namespace, "v2") == candidate
        go_on(callers, 3 * RPS)
    for users in (callers, calling_tester, asking_tester):
        show(users)
    assert not callers.failed(), told(callers.failed(), callers)
    assert 0.1 <= share(window, candidate) <= 0.3
    assert callers.answers[-1].revision == candidate
    for users in (calling_tester, asking_tester):
        revisions = [answer.revision for answer in sorted(users.answers, key=lambda answer: answer.at)]
        pinned = revisions.index(candidate)
        assert users.by(candidate)[0].at < callers.by(candidate)[0].at, "testers come first"
        # Envoy may have the new rule some milliseconds before the rule's cluster: docs/traffic.md.
        assert all(one.at < users.by(candidate)[0].at for one in users.failed()), told(users.failed(), users)
        assert len(users.failed()) <= 1
        assert set(revisions[:pinned]) <= {stable, ""}
        assert set(revisions[pinned:]) == {candidate}
    copied = pairs(iris.record(namespace, candidate)["receipts"][2])
    print(f"{copied} answers by gRPC compared before the first caller saw one")
    assert copied > 50


def test_a_session_stays_where_it_began_until_nobody_serves_there(namespace: str, store: str) -> None:
    def model(version: str, how: str = "Cookie") -> dict[str, Any]:
        traffic = {"gateway": GATEWAY, "hostnames": [host(namespace)], "affinity": {"type": how}}
        return iris.model(namespace, source(store, version), traffic=traffic, scaling={"minReplicas": 2})

    steps = [{"shadow": {}, "minDuration": "30m", "maxDuration": "1h"}, iris.step(50, "30m")]
    apply(iris.policy(namespace, *steps, checks=[ERRORS], interval="1s", watch={"copies": 0}), model("v1"))
    stable = stable_version(namespace, "v1")
    wait_until_served(host(namespace), MODEL)
    with Users(host(namespace), MODEL, REQUEST, 10) as users, ExitStack() as stack:

        def begin(sessions: int) -> list[Session]:
            return [stack.enter_context(closing(Session(host(namespace)))) for _ in range(sessions)]

        def asked(sessions: list[Session]) -> set[frozenset[str]]:
            """Who answers a session, at its fifth request at the latest without beginning it anew."""
            found = {frozenset(session.ask(times=5)) for session in sessions}
            assert [session.told for session in sessions] == [""] * len(sessions)
            return found

        def go_by(how: str) -> None:
            apply(model("v2", how))
            [probe] = begin(1)
            eventually(f"sessions go by {how}", lambda: probe.ask() and probe.told == how)

        old = begin(10)
        assert asked(old) == {frozenset({stable})}
        apply(model("v2"))
        eventually("version 2 gets copies", lambda: len(rules(namespace)) == 2)
        candidate = candidate_of(namespace)
        either = {frozenset({stable}), frozenset({candidate})}
        while_copied = begin(10)
        assert asked([*old, *while_copied]) == {frozenset({stable})}
        act(namespace, "skip")
        eventually("version 2 gets its share", lambda: route_weights(namespace) == [50, 50])
        eventually("users are answered by it", lambda: users.by(candidate))
        assert asked(old) == {frozenset({stable})}, "a weight says where sessions begin"
        new = begin(20)
        assert asked(new) == either
        go_by("Header")
        assert asked(begin(20)) == either
        go_by("Cookie")
        act(namespace, "promote")
        stable_version(namespace, "v2")
        eventually("version 2 has everything", lambda: {one.revision for one in go_on(users, 10)} == {candidate})
        assert asked([*old, *while_copied, *new]) == {frozenset({candidate})}
    show(users)
    assert not users.failed(), told(users.failed(), users)


def own_route(namespace: str) -> dict[str, Any]:
    """An HTTPRoute as people have one: the model behind a prefix, with a header of theirs; a rule for what moved."""
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    header = {"set": [{"name": "x-served-by", "value": "the shop"}]}
    moved = {"type": "RequestRedirect", "requestRedirect": {"hostname": "new.example.com", "statusCode": 301}}
    flowers = {
        "matches": [{"path": {"value": "/flowers"}}],
        "filters": [
            {"type": "URLRewrite", "urlRewrite": rewrite},
            {"type": "ResponseHeaderModifier", "responseHeaderModifier": header},
        ],
        "timeouts": {"request": "9s"},
        "backendRefs": [{"name": MODEL, "port": 80}],
    }
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "own", "namespace": namespace},
        "spec": {
            "parentRefs": [GATEWAY],
            "hostnames": [host(namespace)],
            "rules": [flowers, {"matches": [{"path": {"value": "/old"}}], "filters": [moved]}],
        },
    }


def test_a_route_of_ones_own_is_split_keeps_what_it_does_and_outlives_the_model(namespace: str, store: str) -> None:
    def model(version: str) -> dict[str, Any]:
        return iris.model(namespace, source(store, version), traffic={"route": {"name": "own"}})

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"http://{gateway_address()}{path}", headers={"host": host(namespace)}, trust_env=False)

    def check_redirect() -> None:
        assert ask("/old/page").headers["location"] == "http://new.example.com/old/page"

    def check_filters() -> set[str]:
        """Returns the revisions that answered."""
        answers = [ask(f"/flowers/v2/models/{MODEL}") for _ in range(30)]
        assert {answer.headers["x-served-by"] for answer in answers} == {"the shop"}
        return {answer.headers["x-leadsman-revision"] for answer in answers}

    def weights() -> list[int]:
        return route_weights(namespace, name="own")

    def as_it_was() -> bool:
        return rules(namespace, name="own") == before

    apply(own_route(namespace))
    before = rules(namespace, name="own")
    policy = iris.policy(namespace, iris.step(50, "30m"), interval="1s", preflight=iris.ALLOW_ANY_SIGNATURE)
    apply(policy, model("v1"))
    stable = stable_version(namespace, "v1")
    wait_until_served(host(namespace), MODEL, "/flowers")
    assert as_it_was()
    with Users(host(namespace), MODEL, REQUEST, 20, prefix="/flowers") as users:
        apply(model("v2"))
        eventually("version 2 gets its share", lambda: weights() == [50, 50])
        candidate = candidate_of(namespace)
        eventually("users are answered by it", lambda: users.by(candidate))
        window = go_on(users, WINDOW // 2)
        assert check_filters() == {stable, candidate}
        check_redirect()
        act(namespace, "promote")
        assert stable_version(namespace, "v2") == candidate
        eventually("the route has the model's Service again", as_it_was)
        go_on(users, 60)
        assert check_filters() == {candidate}
        apply(model("touchy"))
        eventually("a third version gets its share", lambda: weights() == [50, 50])
        go_on(users, 20)
    show(users)
    assert not users.failed(), told(users.failed(), users)
    assert 0.35 <= share(window, candidate) <= 0.65
    kubectl("-n", namespace, "delete", "mdep", MODEL, "--timeout=60s")
    assert as_it_was()
    check_redirect()
