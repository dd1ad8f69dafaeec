"""Probe agents at the door: known by their token, and what they say is looked at first."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr, TypeAdapter

from bot.domain.probing import Failure, Pacing, Sample, Watched
from bot.errors import Refused, Transient
from bot.services.probing import Work
from handlers.http import create_app
from handlers.probe_agents import MOST_BYTES, MOST_SAMPLES, routes
from tests.services.vantage import Scripted

TOKEN, OTHER = "0123456789abcdef01234567", "fedcba9876543210fedcba98"
PLACE = Watched("10.20.1.10", 80)
SAMPLES: TypeAdapter[list[Sample]] = TypeAdapter(list[Sample])


@dataclass
class Desk:
    """Remembers what it was asked and told."""

    asked: list[str] = field(default_factory=list)
    kept: list[Sample] = field(default_factory=list)
    failure: Exception | None = None

    async def work_for(self, agent: str) -> Work:
        self.asked.append(agent)
        return Work(1000.5, (PLACE,), Pacing(10.0))

    async def take(self, agent: str, seen: tuple[Sample, ...]) -> int:
        if self.failure:
            raise self.failure
        self.kept += seen
        return len(seen)


@dataclass
class Door:
    desk: Desk
    http: httpx.AsyncClient

    async def get(self, token: str = TOKEN, **params: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.get("/probe/work", headers=headers, params=params)

    async def post(self, content: bytes, token: str = TOKEN) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.post("/probe/samples", headers=headers, content=content)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    desk = Desk()
    tokens = {"web-1": SecretStr(TOKEN), "web-2": SecretStr(OTHER)}
    app = create_app(dict, _none, CollectorRegistry(), routes(desk, tokens))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ilbot") as http:
        yield Door(desk, http)


async def _none() -> list[Any]:
    return []


def told(*samples: Sample) -> bytes:
    return SAMPLES.dump_json(list(samples or (sample(),)))


def sample(second: int = 1000) -> Sample:
    return Scripted("web-1", lambda place, due: Failure.REFUSED if due < 1000.3 else None).second(
        PLACE, second
    )


async def test_an_agent_hears_what_to_watch(door: Door) -> None:
    answer = await door.get()
    assert answer.json() == {
        "now": 1000.5,
        "places": [{"vip": "10.20.1.10", "port": 80, "counts": True, "tried": True}],
        "pacing": {"rate": 10.0, "held": 5, "hold_s": 15.0},
    }
    assert door.desk.asked == ["web-1"]


async def test_samples_arrive_as_they_were_sent(door: Door) -> None:
    answer = await door.post(told(sample(1000), sample(1001)))
    assert (answer.status_code, answer.json()) == (200, {"kept": 2})
    assert door.desk.kept == [sample(1000), sample(1001)]


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "0", "ä" * 24], ids=repr)
async def test_an_unknown_token_hears_and_tells_nothing(door: Door, token: str) -> None:
    header = [(b"Authorization", f"Bearer {token}".encode())]
    for answer in (
        await door.http.get("/probe/work", headers=header),
        await door.http.post("/probe/samples", headers=header, content=told()),
    ):
        assert answer.status_code == 401
        assert answer.json() == {"error": "this token is not known here"}
    assert (door.desk.asked, door.desk.kept) == ([], [])


async def test_another_way_to_log_in_is_none(door: Door) -> None:
    answer = await door.http.get("/probe/work", headers={"Authorization": f"Basic {TOKEN}"})
    assert answer.status_code == 401
    assert (await door.http.get("/probe/work")).status_code == 401


async def test_one_agent_cannot_be_another(door: Door) -> None:
    answer = await door.get(name="web-2")
    assert answer.status_code == 403
    assert answer.json() == {"error": "this token is that of web-1, and not of another agent"}
    door.desk.failure = Refused("some are filed under another name")
    assert (await door.post(told())).status_code == 403


async def test_a_journal_that_is_away_is_tried_again(door: Door) -> None:
    door.desk.failure = Transient("use the journal: the database refused")
    assert (await door.post(told())).status_code == 503


async def test_too_much_at_once_is_not_read(door: Door) -> None:
    assert (await door.post(b" " * (MOST_BYTES + 1))).status_code == 413
    many = told(*[sample()] * (MOST_SAMPLES + 1))
    assert len(many) <= MOST_BYTES
    assert (await door.post(many)).status_code == 413
    assert door.desk.kept == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[{}]", b"\xff", b"[" * 5000], ids=repr)
async def test_what_are_no_samples_is_refused(door: Door, body: bytes) -> None:
    assert (await door.post(body)).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"port": 0}, {"port": 70000}, {"vip": "10.20.1.010"}, {"vip": "localhost"},
        {"vip": "fe80::1"}, {"held": -1}, {"in_a_row": 11},
        {"seen": {"attempts": 9}}, {"seen": {"attempts": -10}}, {"seen": {"resets": 10**9}},
        {"seen": {"lag_s": "NaN"}}, {"seen": {"refused": 0}},
        {"seen": {"latency": {"buckets": [1, 2], "longest_s": 0.1}}},
        {"stretch": {"first_due": 1e12, "last_due": 1e12}}, {"renewed": -1},
        {"counted": {"open": -1}}, {"counted": {"total": 2**60}}, {"counted": {"down": 10**9}},
    ],
    ids=str,
)  # fmt: skip
async def test_numbers_that_cannot_be_are_refused(door: Door, change: dict[str, Any]) -> None:
    [document] = json.loads(told())
    for key, value in change.items():
        document[key] = (document[key] or {}) | value if isinstance(value, dict) else value
    answer = await door.post(json.dumps([document]).encode())
    assert answer.status_code == 422
    assert door.desk.kept == []


async def test_without_tokens_there_is_no_door() -> None:
    assert routes(Desk(), {}) == []
