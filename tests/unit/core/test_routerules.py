"""What becomes of other people's rules: all that is theirs stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadsman.core.backends import Backends
from leadsman.core.narrowing import GrpcRequests, HttpRequests
from leadsman.core.routerules import Pinned, Rules, Split, desired_rules, mirrors_of, shares_of
from leadsman.core.situation import Mirror

STABLE, CANDIDATE = "bcdfghjk", "kjhgfdcb"
BACKENDS = Backends("fraud", "payments", home=STABLE)
HTTP = HttpRequests("fraud")
INFER = "/v2/models/fraud/infer"
ALL, SOME = {STABLE: 100}, {STABLE: 90, CANDIDATE: 10}
MIRROR = Mirror(CANDIDATE, 20)
COPY = {
    "type": "RequestMirror",
    "requestMirror": {"backendRef": {"name": f"fraud-{CANDIDATE}", "port": 80}, "percent": 20},
}
TESTERS = Pinned(CANDIDATE, "x-tester", "yes")
TESTER = {"type": "Exact", "name": "x-tester", "value": "yes"}
OTHER = {"name": "other", "port": 80}


def refs(**weights: int) -> list[dict[str, Any]]:
    """Backends on port 80 by revision; home is the Service that stays."""
    names = {"home": "fraud", "stable": f"fraud-{STABLE}", "candidate": f"fraud-{CANDIDATE}"}
    return [{"name": names[name], "port": 80, "weight": weight} for name, weight in weights.items()]


def path(value: str, kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
    """A match by path."""
    return {"path": {"type": kind, "value": value}, **more}


def headed(name: str) -> list[dict[str, Any]]:
    """Header matches."""
    return [{"name": name, "value": "1"}]


def rewritten(replaced: str) -> list[dict[str, Any]]:
    """A filter that replaces a prefix."""
    change = {"type": "ReplacePrefixMatch", "replacePrefixMatch": replaced}
    return [{"type": "URLRewrite", "urlRewrite": {"path": change}}]


def full(replaced: str) -> list[dict[str, Any]]:
    """A filter that replaces the path."""
    change = {"type": "ReplaceFullPath", "replaceFullPath": replaced}
    return [{"type": "URLRewrite", "urlRewrite": {"path": change}}]


HOME = refs(home=1)
PLAIN = {"backendRefs": HOME}


def theirs(live: list[dict[str, Any]], split: Split) -> Rules:
    """The rules of somebody else's HTTPRoute."""
    return desired_rules(live, BACKENDS, split, HTTP, own=False)


SPLITS: dict[str, tuple[list[dict[str, Any]], Split, list[dict[str, Any]]]] = {
    "a rule for everything": ([PLAIN], Split(SOME), [{"backendRefs": refs(stable=90, candidate=10)}]),
    "stable has it all": ([PLAIN], Split(ALL), [PLAIN]),
    "stable has it all again": ([{"backendRefs": refs(stable=90, candidate=10)}], Split(ALL), [PLAIN]),
    "what else a rule says": (
        [{"name": "a", "matches": [path("/v2")], "timeouts": {"request": "3s"}, "backendRefs": HOME}],
        Split(SOME),
        [
            {
                "name": "a",
                "matches": [path("/v2")],
                "timeouts": {"request": "3s"},
                "backendRefs": refs(stable=90, candidate=10),
            }
        ],
    ),
    "what else a backend says": (
        [{"backendRefs": [{"name": "fraud", "port": 8080, "filters": [{"type": "ExtensionRef"}]}]}],
        Split(SOME),
        [
            {
                "backendRefs": [
                    {"name": f"fraud-{one}", "port": 8080, "filters": [{"type": "ExtensionRef"}], "weight": weight}
                    for one, weight in SOME.items()
                ]
            }
        ],
    ),
    "rules of others": (
        [{"backendRefs": [OTHER]}, PLAIN, {"matches": [path("/old")], "filters": [{"type": "RequestRedirect"}]}],
        Split(SOME),
        [
            {"backendRefs": [OTHER]},
            {"backendRefs": refs(stable=90, candidate=10)},
            {"matches": [path("/old")], "filters": [{"type": "RequestRedirect"}]},
        ],
    ),
    "a Service of the model's name elsewhere, and one that begins like it": (
        [
            PLAIN,
            {"backendRefs": [{"name": "fraud", "namespace": "else"}]},
            {"backendRefs": [{"name": "fraud-feedback"}]},
        ],
        Split(SOME),
        [
            {"backendRefs": refs(stable=90, candidate=10)},
            {"backendRefs": [{"name": "fraud", "namespace": "else"}]},
            {"backendRefs": [{"name": "fraud-feedback"}]},
        ],
    ),
    "a rule that is given back": ([{"backendRefs": refs(stable=1, candidate=99)}], Split({}), [PLAIN]),
    "copies": (
        [PLAIN],
        Split(ALL, MIRROR),
        [{"matches": [path(INFER, "Exact")], "filters": [COPY], "backendRefs": HOME}, PLAIN],
    ),
    "copies of sessions that go by a cookie, which is of its rule's path": (
        [{"sessionPersistence": {"sessionName": "basket"}, "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {
                "sessionPersistence": {"sessionName": "basket-copied"},
                "matches": [path(INFER, "Exact")],
                "filters": [COPY],
                "backendRefs": HOME,
            },
            {"sessionPersistence": {"sessionName": "basket"}, "backendRefs": HOME},
        ],
    ),
    "copies of sessions that go by a header": (
        [{"sessionPersistence": {"sessionName": "basket", "type": "Header"}, "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {
                "sessionPersistence": {"sessionName": "basket", "type": "Header"},
                "matches": [path(INFER, "Exact")],
                "filters": [COPY],
                "backendRefs": HOME,
            },
            {"sessionPersistence": {"sessionName": "basket", "type": "Header"}, "backendRefs": HOME},
        ],
    ),
    "copies end": (
        [{"matches": [path(INFER, "Exact")], "filters": [COPY], "backendRefs": HOME}, PLAIN],
        Split(ALL),
        [PLAIN],
    ),
    "copies behind a prefix that is replaced": (
        [{"matches": [path("/fraud")], "filters": rewritten("/"), "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {"matches": [path(f"/fraud{INFER}", "Exact")], "filters": [*full(INFER), COPY], "backendRefs": HOME},
            {"matches": [path("/fraud")], "filters": rewritten("/"), "backendRefs": HOME},
        ],
    ),
    "copies of a rule that is for inference alone": (
        [{"matches": [path("/score")], "filters": full(INFER), "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {"matches": [path("/score")], "filters": [*full(INFER), COPY], "backendRefs": HOME},
            {"matches": [path("/score")], "filters": full(INFER), "backendRefs": HOME},
        ],
    ),
    "copies of what two rules let through, the one that decides first": (
        [PLAIN, {"matches": [path("/v2", headers=headed("gold"))], "timeouts": {"request": "1s"}, "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {
                "matches": [path(INFER, "Exact", headers=headed("gold"))],
                "timeouts": {"request": "1s"},
                "filters": [COPY],
                "backendRefs": HOME,
            },
            {"matches": [path(INFER, "Exact")], "filters": [COPY], "backendRefs": HOME},
            PLAIN,
            {"matches": [path("/v2", headers=headed("gold"))], "timeouts": {"request": "1s"}, "backendRefs": HOME},
        ],
    ),
    "no copies of what cannot be inference": (
        [PLAIN, {"matches": [path("/v2/health"), path("/", method="GET")], "backendRefs": HOME}],
        Split(ALL, MIRROR),
        [
            {"matches": [path(INFER, "Exact")], "filters": [COPY], "backendRefs": HOME},
            PLAIN,
            {"matches": [path("/v2/health"), path("/", method="GET")], "backendRefs": HOME},
        ],
    ),
    "testers": (
        [PLAIN, {"backendRefs": [OTHER]}],
        Split(ALL, None, TESTERS),
        [
            PLAIN,
            {"backendRefs": [OTHER]},
            {"name": "leadsman-testers-1", "matches": [{"headers": [TESTER]}], "backendRefs": refs(candidate=100)},
        ],
    ),
    "testers while requests are copied: theirs are not": (
        [PLAIN],
        Split(ALL, MIRROR, TESTERS),
        [
            {"matches": [path(INFER, "Exact")], "filters": [COPY], "backendRefs": HOME},
            PLAIN,
            {
                "name": "leadsman-testers-1",
                "matches": [path(INFER, "Exact", headers=[TESTER])],
                "backendRefs": refs(candidate=100),
            },
            {"name": "leadsman-testers-2", "matches": [{"headers": [TESTER]}], "backendRefs": refs(candidate=100)},
        ],
    ),
}


@pytest.mark.parametrize(("live", "split", "wanted"), SPLITS.values(), ids=SPLITS.keys())
def test_rules(live: list[dict[str, Any]], split: Split, wanted: list[dict[str, Any]]) -> None:
    assert theirs(live, split) == Rules(wanted)


BEFORE = (
    "requests cannot be copied: rule {} decides before another about some of them; give what asks for inference a rule "
    "of its own that names the model"
)
REFUSED: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], str]] = {
    "no rule names the model": (
        [{"backendRefs": [OTHER]}],
        [{"backendRefs": [OTHER]}],
        "no rule of it names Service fraud in its backendRefs",
    ),
    "a rule mixes: it is not copied, and what is the candidate's goes to stable": (
        [{"backendRefs": [*refs(stable=60, candidate=20), {**OTHER, "weight": 20}]}],
        [{"backendRefs": [*refs(home=80), {**OTHER, "weight": 20}]}],
        "rule 1 of it names other backends beside Service fraud, so it cannot be split, and its requests for the model "
        "all go to stable: give the model a rule of its own",
    ),
    "a pattern": (
        [{"matches": [path("/v2/.*", "RegularExpression")], "backendRefs": HOME}],
        [{"matches": [path("/v2/.*", "RegularExpression")], "backendRefs": HOME}],
        "requests cannot be copied: which requests the pattern /v2/.* lets through is known to the gateway alone",
    ),
    "no rule lets inference through": (
        [{"matches": [path("/v2/health")], "backendRefs": HOME}],
        [{"matches": [path("/v2/health")], "backendRefs": HOME}],
        "requests cannot be copied: no rule that names the model lets inference through",
    ),
    "another's rule decides before": (
        [
            {"matches": [path("/v2", headers=headed("beta"))], "backendRefs": [OTHER]},
            {"matches": [path("/v2")], **PLAIN},
        ],
        [
            {"matches": [path("/v2", headers=headed("beta"))], "backendRefs": [OTHER]},
            {"matches": [path("/v2")], **PLAIN},
        ],
        BEFORE.format(1),
    ),
    "another's pattern may": (
        [PLAIN, {"matches": [path(".*", "RegularExpression")], "backendRefs": [OTHER]}],
        [PLAIN, {"matches": [path(".*", "RegularExpression")], "backendRefs": [OTHER]}],
        BEFORE.format(2),
    ),
    "two rules of the model whose order would turn round": (
        [{"matches": [path("/v2")], **PLAIN}, {"matches": [{"headers": headed("gold")}], **PLAIN}],
        [{"matches": [path("/v2")], **PLAIN}, {"matches": [{"headers": headed("gold")}], **PLAIN}],
        BEFORE.format(1),
    ),
    "one rule more than there may be": (
        [{"matches": [path(f"/{number}")], "backendRefs": [OTHER]} for number in range(15)] + [PLAIN],
        [{"matches": [path(f"/{number}")], "backendRefs": [OTHER]} for number in range(15)] + [PLAIN],
        "it would have more than the 16 rules or 128 matches that the Gateway API allows: have fewer that name the "
        "model",
    ),
}


@pytest.mark.parametrize(("live", "wanted", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_had_is_said(live: list[dict[str, Any]], wanted: list[dict[str, Any]], why: str) -> None:
    assert theirs(live, Split(ALL, MIRROR)) == Rules(wanted, why)


def test_another_s_rule_that_never_decided_about_inference_is_no_obstacle() -> None:
    others = [
        {"matches": [path("/")], "backendRefs": [OTHER]},
        {"matches": [path("/v2/models/fraudster")], "backendRefs": [OTHER]},
        {"matches": [path(INFER, "Exact", method="GET")], "backendRefs": [OTHER]},
    ]
    assert theirs([{"matches": [path("/v2")], **PLAIN}, *others], Split(ALL, MIRROR)).problem == ""


def test_in_a_route_of_the_model_a_rule_of_it_has_no_other_backends() -> None:
    found = desired_rules([{"backendRefs": [*HOME, OTHER]}], BACKENDS, Split(SOME), HTTP, own=True)
    assert found == Rules([{"backendRefs": refs(stable=90, candidate=10)}])


def test_of_grpc_inference_alone_is_copied() -> None:
    method = {"type": "Exact", "service": "inference.GRPCInferenceService", "method": "ModelInfer"}
    health = {"matches": [{"method": {"service": "grpc.health.v1.Health"}}], "backendRefs": [OTHER]}
    found = desired_rules([PLAIN, health], BACKENDS, Split(ALL, MIRROR), GrpcRequests(), own=False)
    assert found == Rules([{"matches": [{"method": method}], "filters": [COPY], "backendRefs": HOME}, PLAIN, health])


# Rules as people write them. Whether each names the model is drawn too.
MATCHES = st.builds(
    path,
    st.sampled_from(["/", "/v2", "/fraud", INFER, "/v2/models/fraud", "/other"]),
    st.sampled_from(["PathPrefix", "Exact", "RegularExpression"]),
    headers=st.sampled_from([[], headed("beta"), headed("x-tester")]),
)
OF_PEOPLE = st.fixed_dictionaries(
    {"backendRefs": st.sampled_from([HOME, HOME, [OTHER], [{"name": "fraud", "port": 80}], [*HOME, OTHER]])},
    optional={
        "matches": st.lists(MATCHES, min_size=1, max_size=2),
        "filters": st.sampled_from([rewritten("/"), full(INFER), [{"type": "ExtensionRef", "extensionRef": {}}]]),
        "timeouts": st.just({"request": "2s"}),
        "name": st.sampled_from(["mine", "yours"]),
    },
)
WEIGHTS = st.integers(0, 100).map(lambda share: {STABLE: 100 - share, CANDIDATE: share} if share else ALL)
STEPS = st.builds(
    Split,
    WEIGHTS,
    st.none() | st.builds(Mirror, st.just(CANDIDATE), st.integers(1, 100)),
    st.none() | st.just(TESTERS),
)


@given(st.lists(OF_PEOPLE, min_size=1, max_size=6), st.lists(STEPS, max_size=5), st.booleans())
def test_after_any_steps_people_have_their_rules_again(
    rules: list[dict[str, Any]], steps: list[Split], own: bool
) -> None:
    live = rules
    for split in steps:
        found = desired_rules(live, BACKENDS, split, HTTP, own=own)
        assert desired_rules(found.rules, BACKENDS, split, HTTP, own=own) == found, "what is as wanted stays as it is"
        assert all(sum(shares.values()) == 100 for shares in shares_of(found.rules, BACKENDS))
        assert set(mirrors_of(found.rules, BACKENDS)) <= {split.mirror}
        assert len(found.rules) <= 16
        live = found.rules
    ended = desired_rules(live, BACKENDS, Split(ALL), HTTP, own=own).rules
    assert [without_backends(rule) for rule in ended] == [without_backends(rule) for rule in rules]
    assert [rule for rule in ended if not BACKENDS.shares(rule)] == [
        rule for rule in rules if not BACKENDS.shares(rule)
    ]


@given(st.lists(OF_PEOPLE, min_size=1, max_size=6), STEPS)
def test_a_route_of_somebody_else_that_is_given_back_names_no_revision(
    rules: list[dict[str, Any]], split: Split
) -> None:
    split_up = theirs(rules, split).rules
    given_back = theirs(split_up, Split({})).rules
    named = {backend["name"] for rule in given_back for backend in rule["backendRefs"]}
    assert named <= {"fraud", "other"}
    assert [without_backends(rule) for rule in given_back] == [without_backends(rule) for rule in rules]


def without_backends(rule: dict[str, Any]) -> dict[str, Any]:
    """What is people's of a rule."""
    return {key: value for key, value in rule.items() if key != "backendRefs"}
