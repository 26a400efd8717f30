"""The heartbeat behind /healthz, the endpoints, and the operator's own metrics."""

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry, generate_latest

from leadsman.shell.http import application, serve_http
from leadsman.shell.telemetry import OVERDUE, Heartbeat, Metrics
from support.objects import NOW

KEY = ("payments", "fraud")
SECOND = timedelta(seconds=1)


class TestHeartbeat:
    def test_nothing_is_overdue_at_first(self) -> None:
        assert Heartbeat().overdue(NOW) == {}

    @pytest.mark.parametrize(("after", "late"), [(timedelta(0), False), (OVERDUE, False), (OVERDUE + SECOND, True)])
    def test_a_pass_may_be_late_by_five_minutes(self, after: timedelta, late: bool) -> None:
        heartbeat = Heartbeat()
        heartbeat.expect(KEY, NOW)
        assert heartbeat.overdue(NOW + after) == ({KEY: after} if late else {})

    def test_the_next_pass_is_waited_for_anew(self) -> None:
        heartbeat = Heartbeat()
        heartbeat.expect(KEY, NOW)
        heartbeat.expect(KEY, NOW + timedelta(hours=1))
        assert heartbeat.overdue(NOW + timedelta(minutes=30)) == {}

    def test_one_that_is_gone_is_not_waited_for(self) -> None:
        heartbeat = Heartbeat()
        heartbeat.expect(KEY, NOW)
        heartbeat.forget(KEY)
        heartbeat.forget(KEY)
        assert heartbeat.overdue(NOW + timedelta(days=1)) == {}


class TestEndpoints:
    async def get(self, heartbeat: Heartbeat, path: str, now: datetime = NOW) -> tuple[int, str]:
        registry = CollectorRegistry()
        Metrics(registry).passes.labels("done").inc()
        async with TestClient(TestServer(application(registry, heartbeat, lambda: now))) as client:
            response = await client.get(path)
            return response.status, await response.text()

    async def test_healthy(self) -> None:
        assert await self.get(Heartbeat(), "/healthz") == (200, "ok\n")

    async def test_unhealthy_says_who_waits_and_for_how_long(self) -> None:
        heartbeat = Heartbeat()
        heartbeat.expect(KEY, NOW)
        found = await self.get(heartbeat, "/healthz", NOW + timedelta(minutes=10))
        assert found == (503, "no pass has finished in time for payments/fraud by 600 s\n")

    async def test_metrics(self) -> None:
        status, text = await self.get(Heartbeat(), "/metrics")
        assert status == 200
        assert 'leadsman_passes_total{result="done"} 1.0' in text

    async def test_the_port_is_given_back(self) -> None:
        for _ in range(2):
            async with serve_http(0, CollectorRegistry(), Heartbeat(), lambda: datetime(2026, 1, 1, tzinfo=UTC)):
                pass


class TestMetrics:
    def test_a_model_that_is_gone_leaves_no_series(self) -> None:
        registry = CollectorRegistry()
        metrics = Metrics(registry)
        metrics.weight.labels(*KEY).set(25)
        assert 'model="fraud"' in generate_latest(registry).decode()
        metrics.forget(KEY)
        metrics.forget(KEY)
        metrics.forget(("payments", "never-seen"))
        assert 'model="fraud"' not in generate_latest(registry).decode()
