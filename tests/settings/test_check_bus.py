"""`ilbot check` on the event bus: a broker that answers is no proof that CloudStack publishes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.kafka_newest import newest_record_at
from bot.cli.check_bus import LATE_S, check_bus
from bot.cli.check_line import CheckLine, Verdict
from bot.connections import kafka
from bot.engine.memory import VirtualClock
from bot.sandbox.broker import Broker
from bot.sandbox.cloud import READ_ONLY, Fault, FaultKind, World, create_app, seed_demo
from bot.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def settings(broker: Broker) -> Settings:
    bootstrap = broker.start()
    return Settings.model_validate({"kafka": {"enabled": True, "bootstrap": bootstrap}})


@pytest.fixture
def world() -> World:
    """A cloud whose newest event is of now; the broker stamps records with the same clock."""
    world = World(VirtualClock(datetime.now(UTC).timestamp()).now)
    seed_demo(world)
    return world


@pytest.fixture
async def cloud(world: World) -> AsyncIterator[CloudStackCloud]:
    keys = Keys(SecretStr(READ_ONLY.api_key), SecretStr(READ_ONLY.secret_key))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(world))) as http:
        clock = VirtualClock(world.at)
        yield CloudStackCloud(Client("http://cloud/client/api", keys, None, http, clock))


async def publishing(settings: Settings, cloud: CloudStackCloud | None) -> CheckLine:
    lines = await check_bus(settings, cloud)
    assert lines[0].verdict is Verdict.OK, lines
    return lines[1]


def event_of(world: World, at: float) -> None:
    """Let the cloud list one event, of that moment."""
    created = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    row = {"id": "e-1", "type": "INTERNALLBVM.STOP", "created": created}
    body = {"listeventsresponse": {"count": 1, "event": [row]}}
    world.fail_next(Fault("listEvents", FaultKind.BODY, status=200, text=json.dumps(body)))


async def test_a_record_as_new_as_the_newest_event_is_ok(
    settings: Settings, broker: Broker, cloud: CloudStackCloud
) -> None:
    broker.publish("cloudstack", None, b"{}")
    line = await publishing(settings, cloud)
    assert line.verdict is Verdict.OK
    assert "newest record of" in line.text


async def test_events_that_never_reach_the_topic_are_told_with_the_remedy(
    settings: Settings, broker: Broker, world: World, cloud: CloudStackCloud
) -> None:
    broker.publish("cloudstack", None, b"{}")
    event_of(world, world.at + LATE_S + 60)
    line = await publishing(settings, cloud)
    assert line.verdict is Verdict.WARNING
    assert "CloudStack does not publish any more" in line.text
    assert "ilbot init --cloudstack VERSION" in line.instead


async def test_a_topic_without_a_record_is_told(
    settings: Settings, broker: Broker, cloud: CloudStackCloud
) -> None:
    broker.publish("other", None, b"{}")
    other = settings.model_copy(
        update={"kafka": settings.kafka.model_copy(update={"topic": "other"})}
    )
    assert await newest_record_at(kafka(other)) is not None
    assert await newest_record_at(kafka(settings)) is None
    line = await publishing(settings, cloud)
    assert line.verdict is Verdict.WARNING
    assert line.text.startswith("no record in topic cloudstack, while CloudStack's newest event")


async def test_the_newest_record_of_all_partitions_counts(
    settings: Settings, broker: Broker
) -> None:
    before = datetime.now(UTC).timestamp()
    for number in range(30):
        broker.publish("cloudstack", str(number).encode(), b"{}")
    newest = await newest_record_at(kafka(settings))
    assert newest is not None
    assert before - 1 <= newest <= datetime.now(UTC).timestamp() + 1


async def test_a_cloud_that_is_not_reached_is_no_proof_either_way(
    settings: Settings, broker: Broker
) -> None:
    broker.publish("cloudstack", None, b"{}")
    line = await publishing(settings, None)
    assert line.verdict is Verdict.WARNING
    assert "CloudStack is not reached" in line.text


async def test_a_cloud_that_fails_to_tell_its_events_is_told(
    settings: Settings, broker: Broker, world: World, cloud: CloudStackCloud
) -> None:
    broker.publish("cloudstack", None, b"{}")
    world.fail_next(Fault("listEvents", FaultKind.ERROR, status=432))
    line = await publishing(settings, cloud)
    assert line.text.startswith("cannot be compared: list events")
