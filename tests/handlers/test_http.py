"""Health checks and metrics over HTTP."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import Refused
from handlers.http import Parts, create_app, listener

GOOD = {"slack": (True, "connected"), "journal": (True, "answers")}
BAD = {**GOOD, "kafka": (False, "broker away for 30 s")}


async def three() -> list[Metric]:
    return [GaugeMetricFamily("ilbot_read", "Read at the scrape.", 3)]


def client(parts: Parts, registry: CollectorRegistry | None = None) -> httpx.AsyncClient:
    app = create_app(parts, three, registry or CollectorRegistry())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ilbot")


async def test_it_is_live_whatever_its_parts_say() -> None:
    async with client(lambda: BAD) as http:
        answer = await http.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"live": True})


async def test_it_is_ready_when_every_part_works() -> None:
    async with client(lambda: GOOD) as http:
        answer = await http.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "parts": {
            "slack": {"ready": True, "reason": "connected"},
            "journal": {"ready": True, "reason": "answers"},
        },
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_one_part_that_does_not_work_is_named_with_its_reason() -> None:
    async with client(lambda: BAD) as http:
        answer = await http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert answer.json()["parts"]["kafka"] == {"ready": False, "reason": "broker away for 30 s"}


async def test_it_is_not_ready_before_anything_was_started() -> None:
    async with client(dict) as http:
        answer = await http.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "parts": {}})


async def test_readiness_is_asked_each_time() -> None:
    parts = {"slack": (False, "connecting")}
    async with client(lambda: parts) as http:
        assert (await http.get("/health/ready")).status_code == 503
        parts["slack"] = (True, "connected")
        assert (await http.get("/health/ready")).status_code == 200


async def test_metrics_hold_what_was_counted_what_is_read_and_each_part() -> None:
    registry = CollectorRegistry()
    Counter("ilbot_things", "Things.", registry=registry).inc(3)
    async with client(lambda: BAD, registry) as http:
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    samples = {
        (sample.name, sample.labels.get("part", "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples[("ilbot_things_total", "")] == 3
    assert samples[("ilbot_read", "")] == 3
    assert samples[("ilbot_part_ready", "slack")] == 1
    assert samples[("ilbot_part_ready", "kafka")] == 0


@pytest.mark.parametrize("path", ["/", "/health", "/metrics/x", "/docs"])
async def test_there_is_nothing_else(path: str) -> None:
    async with client(lambda: GOOD) as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_it_can_only_be_read(path: str) -> None:
    async with client(lambda: GOOD) as http:
        assert (await http.head(path)).status_code == 200
        assert (await http.post(path)).status_code == 405


def test_a_port_that_is_taken_is_told_before_anything_is_served() -> None:
    with listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"127.0.0.1 port {port}: Address already in use"):
            listener("127.0.0.1", port)
