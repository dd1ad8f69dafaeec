"""`ilbot sample` fills the CPU topic, and `ilbot check` says whether anybody does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from aiokafka import ConsumerRecord
from pydantic import SecretStr

from bot.adapters.clock import SystemClock
from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.adapters.kafka import looker
from bot.cli.check_bus import check_cpu
from bot.cli.check_line import Verdict
from bot.cli.sample import sample
from bot.connections import cpu_topic
from bot.errors import Permanent
from bot.sandbox.broker import Broker
from bot.sandbox.cloud import READ_ONLY, World, create_app, seed_demo
from bot.settings import Settings
from handlers.kafka_cpu_records import samples_of
from tests.adapters.servers import free_port
from tests.settings.checking import keys
from tests.settings.test_check import served

pytestmark = pytest.mark.slow


@pytest.fixture
def world() -> World:
    world = World(time.time)
    seed_demo(world)
    world.machine("b-31-VM").cpu_percent = 97.5
    return world


@pytest.fixture
async def endpoint(world: World) -> AsyncIterator[str]:
    async with served(create_app(world)) as address:
        yield f"{address}/client/api"


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


def settings_of(bootstrap: str, endpoint: str = "", source: str = "kafka") -> Settings:
    return Settings.model_validate(
        {
            "cloudstack": {"endpoint": endpoint} | keys(READ_ONLY),
            "kafka": {"bootstrap": bootstrap, "client_mode": "assign"},
            "cpu": {"source": source},
        }
    )


async def test_what_cloudstack_kept_is_on_the_topic_keyed_by_machine(
    broker: Broker, endpoint: str, world: World
) -> None:
    settings = settings_of(broker.start(), endpoint)
    published = await sample(settings, asyncio.Event(), once=True)
    found: list[ConsumerRecord] = []
    reader = looker(cpu_topic(settings), settings.cpu.topic)
    await reader.start()
    try:
        await reader.seek_to_beginning()
        while len(found) < published:
            for records in (await reader.getmany(timeout_ms=200)).values():
                found += records
    finally:
        await reader.stop()
    machine = world.machine("b-31-VM")
    assert machine.host is not None
    rows = [samples_of(one.value, one.key)[1][0] for one in found]
    of_it = [row for row in rows if row[0] == machine.id]
    assert {row[2:] for row in of_it} == {(97.5, "b-31-VM", machine.host.name)}
    assert len({row[1] for row in of_it}) == len(of_it) > 10
    assert all(one.key.decode() == row[0] for one, row in zip(found, rows, strict=True))
    assert all(one.timestamp == row[1] * 1000 for one, row in zip(found, rows, strict=True))
    line = await check_cpu(settings, None)
    assert (line.verdict, line.text[:34]) == (Verdict.OK, "topic ilbot-cpu; newest sample of ")


async def test_a_sampler_that_is_told_to_stop_stops(broker: Broker, endpoint: str) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(sample(settings_of(broker.start(), endpoint), stop))
    await asyncio.sleep(0)
    stop.set()
    assert await asyncio.wait_for(working, 30) >= 0


async def test_a_broker_that_is_away_is_told_with_what_to_do(endpoint: str) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with pytest.raises(Permanent, match="nobody listens there"):
        await sample(settings_of(nobody, endpoint), asyncio.Event(), once=True)
    line = await check_cpu(settings_of(nobody), None)
    assert line.verdict is Verdict.REFUSED
    assert "nobody listens there" in line.text


async def test_a_topic_that_is_not_there_is_told(broker: Broker) -> None:
    bootstrap = broker.start()
    broker.publish("other", None, b"{}")
    line = await check_cpu(settings_of(bootstrap), None)
    assert (line.verdict, line.text) == (
        Verdict.REFUSED, f"Kafka at {bootstrap} shows no topic ilbot-cpu",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "text"),
    [("poll", "CloudStack's statistics are read every 60 s"), ("off", "off; nobody looks")],
)
async def test_without_a_topic_there_is_nothing_to_connect_to(source: str, text: str) -> None:
    line = await check_cpu(settings_of("127.0.0.1:1", source=source), None)
    assert line.verdict is Verdict.OK
    assert line.text.startswith(text)


async def test_samples_that_are_too_far_apart_are_told(world: World) -> None:
    world.settings["vm.stats.interval"].value = "600000"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(world))) as http:
        secret = SecretStr(READ_ONLY.secret_key)
        client = Client(
            "http://cloud/client/api", Keys(SecretStr(READ_ONLY.api_key), secret), None, http,
            SystemClock(),
        )  # fmt: skip
        cloud = CloudStackCloud(client)
        line = await check_cpu(settings_of("127.0.0.1:1", source="poll"), cloud)
        assert line.verdict is Verdict.WARNING
        assert line.text.startswith("CloudStack takes a sample every 600 s (vm.stats.interval)")
        world.settings["vm.stats.interval"].value = "60000"
        line = await check_cpu(settings_of("127.0.0.1:1", source="poll"), cloud)
        assert line.verdict is Verdict.OK
