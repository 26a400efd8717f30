"""A recording made of raw counters comes to what the operator came to, who read the same counters."""

from typing import Any

from leadsman.api.checks import Check, ErrorRateCheck, PrometheusCheck
from leadsman.core.backtest import Fate, Finding, Release, judge, releases
from leadsman.core.backtest.scrapes import Scrape, minutes, recorded, with_readings
from leadsman.core.evidence import Minute, PodSample, Reading
from support.simulated import careful, world
from support.world import BEGIN, Model, World

STEP = 15.0


def story(version: str, *ends: str, **changes: Any) -> tuple[World, list[Scrape]]:
    """A rollout to its end, and what somebody has scraped of it every 15 s."""
    at = world(policy=careful(**changes))
    at.models["poor"] = Model(errors=0.03)
    at.apply(version)
    scraped: list[Scrape] = []
    for _ in at.run(1800):
        if not scraped or BEGIN.timestamp() + at.now - scraped[-1].at >= STEP:
            samples = tuple(pod.sample() for pod in at.pods.values() if pod.ready(at.now))
            scraped.append(Scrape(BEGIN.timestamp() + at.now, samples))
        if set(at.reasons[2:]) & set(ends) and BEGIN.timestamp() + at.now - release_of(at).last.at.timestamp() > 40:
            return at, scraped
    raise AssertionError(at.reasons)


def release_of(at: World) -> Release:
    found, problems = releases([raw for (kind, _), raw in at.objects.items() if kind == "ModelRevision"])
    assert problems == []
    return found[-1]


def finding(at: World, scraped: list[Scrape], **changes: Any) -> Finding:
    policy = careful(**changes)
    release = release_of(at)
    return judge(release, recorded(release, policy, scraped), policy)


def test_a_bad_version_is_found_by_its_counters_too() -> None:
    """The operator looks every second or two, which is worth something; what it has missed comes with later scrapes."""
    at, scraped = story("poor", "EvidenceFailed")
    found = finding(at, scraped)
    assert found.fate is Fate.ROLLED_BACK
    assert found.seconds is not None
    assert abs(found.seconds) <= 2 * STEP


def test_what_was_found_between_two_scrapes_is_not_known_from_them() -> None:
    at, scraped = story("bad", "EvidenceFailed")
    found = finding(at, scraped)
    assert found.fate is Fate.COLLECTING
    assert "errors" in found.why


def test_a_good_version_is_promoted_or_nearly() -> None:
    at, scraped = story("2", "Promoted")
    found = finding(at, scraped)
    assert found.fate in (Fate.PROMOTED, Fate.COLLECTING)
    assert "this is tolerable" in found.why or "more requests needed" in found.why


def test_an_end_that_was_not_for_the_evidence_is_the_same_end() -> None:
    at, scraped = story("fails", "ModelFailed")
    found = finding(at, scraped)
    assert (found.fate, found.seconds) == (Fate.ROLLED_BACK, 0)
    assert found.why.endswith("its model failed, as was recorded")


def test_a_release_that_was_superseded_is_superseded() -> None:
    at = world()
    at.apply("2")
    at.until("StepStarted")
    at.apply("1")
    at.until("Superseded")
    found = finding(at, [])
    assert (found.fate, found.seconds) == (Fate.SUPERSEDED, 0)


def test_without_any_counters_the_verdict_is_blind_and_decides_nothing() -> None:
    at, scraped = story("bad", "EvidenceFailed")
    found = finding(at, [Scrape(one.at, ()) for one in scraped])
    assert found.fate is Fate.COLLECTING


def test_what_prometheus_checks_were_told_comes_with_the_next_scrape() -> None:
    scraped = [Scrape(10.0, ()), Scrape(25.0, ()), Scrape(40.0, ())]
    told = [(12.0, Reading("revenue", 1.0)), (24.0, Reading("revenue", 2.0)), (39.0, Reading("clicks", None))]
    with_them = with_readings(scraped, told)
    assert [one.readings for one in with_them] == [(), (Reading("revenue", 2.0),), (Reading("clicks", None),)]


def test_a_number_out_of_bounds_rolls_back() -> None:
    at, scraped = story("2", "Promoted")
    checks = (
        Check(error_rate=ErrorRateCheck()),
        Check(prometheus=PrometheusCheck(name="revenue", query="up", min=0.98, failures=2)),
    )
    told = [(one.at, Reading("revenue", 0.5)) for one in scraped]
    policy = careful(checks=checks)
    release = release_of(at)
    found = judge(release, recorded(release, policy, with_readings(scraped, told)), policy)
    assert found.fate is Fate.ROLLED_BACK
    assert "revenue" in found.why


def sample(pod: str, requests: int, errors: int, started: float = 0.0, revision: str = "a") -> PodSample:
    return PodSample(pod, started, revision, requests, errors)


def test_the_past_is_differenced_per_pod_and_minute_and_a_restart_starts_again() -> None:
    scraped = [
        Scrape(0.0, (sample("x", 100, 5), sample("y", 50, 1), sample("z", 9, 9, revision="b"))),
        Scrape(60.0, (sample("x", 160, 6), sample("y", 60, 1))),
        Scrape(120.0, (sample("x", 200, 9, started=100.0), sample("y", 70, 3))),
        Scrape(180.0, (sample("x", 220, 9, started=100.0), sample("y", 80, 3))),
    ]
    assert minutes(scraped, "a") == (Minute(1, 70, 1), Minute(2, 10, 2), Minute(3, 30, 0))
