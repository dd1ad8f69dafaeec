"""The pretend cloud's VIPs as real sockets: what a client's kernel says of each behaviour."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo.processes import Child
from bot.sandbox.cloud import seed_demo
from bot.sandbox.cloud.model import Rule
from bot.sandbox.cloud.traffic import Behaviour
from bot.sandbox.cloud.world import World
from bot.sandbox.dataplane import DataPlane
from bot.sandbox.loopback import Loopback
from tests.sandbox.cloud_caller import Clock
from tests.waiting import WITHIN_S, cancelled

APP = ("10.20.1.10", 80)
GRPC = ("10.20.1.10", 9090)
SILENCE_S = 0.2
"""How long a client waits here before it says that nothing came: a loopback answers in 1 ms."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Plane:
    """A world whose clock stands, its sockets, and a client."""

    world: World
    clock: Clock
    loopback: Loopback
    sockets: DataPlane

    def passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.sockets.follow()

    async def open(self, place: tuple[str, int]) -> Streams:
        address = self.loopback.address(*place)
        assert address is not None
        return await asyncio.open_connection(*address)

    async def hangs(self, place: tuple[str, int]) -> bool:
        return await self.try_(place, patience_s=SILENCE_S) == "hangs"

    async def try_(self, place: tuple[str, int], patience_s: float = WITHIN_S) -> str:
        """Return what a new connection meets, in the words of Behaviour."""
        try:
            async with asyncio.timeout(patience_s):
                reader, writer = await self.open(place)
        except ConnectionRefusedError:
            return "refuses"
        except ConnectionResetError:  # so soon that the client has not yet seen it connected
            return "resets"
        except TimeoutError:
            return "hangs"
        try:
            writer.write(b"ping")
            return "answers" if await reader.read(4) == b"ping" else "closes"
        except ConnectionResetError:
            return "resets"
        finally:
            writer.close()


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    async with served() as one:
        yield one


@asynccontextmanager
async def served() -> AsyncIterator[Plane]:
    clock = Clock()
    world = World(clock)
    seed_demo(world)
    loopback = Loopback.claim(["10.20.0.0/16"])
    if not loopback.blocks:
        pytest.skip("this system binds no loopback address but 127.0.0.1")
    sockets = DataPlane(world, loopback)
    following = asyncio.create_task(sockets.run())
    sockets.follow()
    try:
        yield Plane(world, clock, loopback, sockets)
    finally:
        await cancelled(following)
        loopback.close()


async def ends(streams: Streams) -> str:
    """Return how a held connection ends."""
    try:
        async with asyncio.timeout(WITHIN_S):
            return "closed" if await streams[0].read() == b"" else "answered"
    except ConnectionResetError:
        return "reset"
    finally:
        streams[1].close()


async def echoes(streams: Streams, patience_s: float = WITHIN_S) -> bool:
    """Tell whether a held connection still sends back what it is sent."""
    streams[1].write(b"ping")
    try:
        async with asyncio.timeout(patience_s):
            return await streams[0].readexactly(4) == b"ping"
    except TimeoutError:
        return False


async def test_a_vip_answers_at_its_address(plane: Plane) -> None:
    assert await plane.try_(APP) == await plane.try_(("10.20.2.11", 8443)) == "answers"


async def test_without_members_a_connection_is_closed_at_once(plane: Plane) -> None:
    for member in plane.world.one(Rule, "app-http").members:
        member.powered_on = False
    plane.passes(1.0)
    assert await plane.try_(APP) == "closes"


async def test_a_dead_haproxy_refuses_and_resets_what_it_held(plane: Plane) -> None:
    held = await plane.open(APP)
    assert await echoes(held)
    plane.world.stop_haproxy("b-31-VM")
    plane.passes(0.1)
    assert await ends(held) == "reset"
    assert await plane.try_(APP) == "refuses"
    plane.world.start_haproxy("b-31-VM")
    plane.passes(0.1)
    assert await plane.try_(APP) == "answers"


async def test_a_crash_leaves_clients_hanging_until_the_machine_is_back(plane: Plane) -> None:
    held = await plane.open(APP)
    assert await echoes(held)
    plane.world.power_off("b-31-VM")
    plane.passes(0.1)
    assert not await echoes(held, SILENCE_S)
    assert await plane.hangs(APP)
    waiting = asyncio.create_task(plane.open(APP))
    await asyncio.sleep(0)
    machine = plane.world.machine("b-31-VM")
    machine.powered_on, machine.boots = True, machine.boots + 1
    plane.passes(0.1)
    assert await ends(held) == "reset"
    assert await plane.try_(APP) == "answers"
    async with asyncio.timeout(WITHIN_S):
        late = await waiting  # by its second SYN, as at a real machine
    assert await echoes(late)
    late[1].close()


async def test_a_graceful_stop_resets_refuses_and_hangs(plane: Plane) -> None:
    held = await plane.open(APP)
    assert await echoes(held)
    plane.world.stop_by_hand("b-31-VM")
    plane.passes(2.5)
    assert await ends(held) == "reset"
    assert await plane.try_(APP) == "refuses"
    plane.passes(1.0)
    assert await plane.hangs(APP)


async def test_a_rule_taken_away_refuses_and_keeps_what_is_established(plane: Plane) -> None:
    held = await plane.open(APP)
    assert await echoes(held)
    plane.world.one(Rule, "app-http").removed = True
    plane.passes(0.1)
    assert await plane.try_(APP) == "refuses"
    assert await echoes(held)
    assert await plane.try_(GRPC) == "answers"
    held[1].close()


async def test_a_counted_loss_resets_just_so_many(plane: Plane) -> None:
    held = await plane.open(APP)
    assert await echoes(held)
    plane.world.lose_connections(*APP, count=2)
    assert [await plane.try_(APP) for _ in range(3)] == ["resets", "resets", "answers"]
    assert await ends(held) == "reset"


async def test_a_loss_for_some_seconds_is_one_on_the_sockets_too(plane: Plane) -> None:
    plane.world.lose_connections(*APP, Behaviour.REFUSES, seconds=3.0)
    plane.passes(1.0)
    assert await plane.try_(APP) == "refuses"
    plane.passes(2.0)
    assert await plane.try_(APP) == "answers"


async def test_a_vip_made_later_has_its_address_by_the_same_rule(plane: Plane) -> None:
    rule = plane.world.one(Rule, "app-http")
    rule.source_port = 8081
    plane.passes(0.1)
    assert await plane.try_((APP[0], 8081)) == "answers"
    assert await plane.try_(APP) == "refuses"


async def test_a_cut_does_not_hit_who_connects_after_it(plane: Plane) -> None:
    plane.world.stop_haproxy("b-31-VM")
    plane.world.start_haproxy("b-31-VM")
    held = await plane.open(APP)
    assert await echoes(held)
    plane.passes(1.0)
    assert await echoes(held)
    held[1].close()


async def test_two_worlds_side_by_side_have_addresses_of_their_own(plane: Plane) -> None:
    async with served() as other:
        assert other.loopback.address(*APP) != plane.loopback.address(*APP)
        other.world.stop_haproxy("b-31-VM")
        other.passes(0.1)
        assert await other.try_(APP) == "refuses"
        assert await plane.try_(APP) == "answers"


async def test_nothing_listens_after_the_world_is_gone() -> None:
    async with served() as gone:
        assert await gone.try_(APP) == "answers"
    assert await gone.try_(APP) == "refuses"


def test_where_no_prefix_is_free_nothing_is_served() -> None:
    first = Loopback.claim(["10.20.0.0/16"])
    try:
        taken = [int(one.split(".")[1]) for one in first.shown().values()]
        second = Loopback.claim(["10.20.0.0/16"], taken)
        assert second.shown() == {}
        assert second.address("10.20.1.10", 80) is None
    finally:
        first.close()


def test_a_block_is_mapped_bit_for_bit() -> None:
    loopback = Loopback.claim(["10.20.16.0/20", "10.20.16.0/20", "10.0.0.0/8"])
    try:
        [(block, here)] = loopback.shown().items()
        assert block == "10.20.16.0/20"
        assert here.startswith("127.")
        assert here.endswith(".16.0/20")
        address = loopback.address("10.20.17.5", 443)
        assert address is not None
        assert address[0].endswith(".17.5")
        assert address[1] == 20_443
        assert loopback.address("10.20.40.1", 443) is None
        assert loopback.address("10.20.17.5", 60_000) is None
    finally:
        loopback.close()


@pytest.mark.slow
async def test_the_sandbox_says_where_its_vips_are_and_breaks_them_on_demand(
    tmp_path: Path,
) -> None:
    arguments = ["sandbox", "--no-bus", "--parent", str(os.getpid())]
    sandbox = Child("pretend world", arguments, {}, tmp_path / "sandbox.log")
    await sandbox.start()
    try:
        where = await sandbox.said()
        if not where["vips"]:
            pytest.skip("this system binds no loopback address but 127.0.0.1")
        assert set(where["vips"]) == {"10.20.0.0/16", "10.30.0.0/16", "10.40.0.0/16"}
        block = where["vips"]["10.20.0.0/16"]
        address = f"127.{block.split('.')[1]}.1.10", 80 + where["port_offset"]
        reader, writer = await asyncio.open_connection(*address)
        body = {"target": "b-31-VM"}
        async with httpx.AsyncClient(base_url=where["cloud"].removesuffix("/client/api")) as cloud:
            assert (await cloud.post("/control/stop-haproxy", json=body)).status_code == 200
        assert await ends((reader, writer)) == "reset"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
    finally:
        await sandbox.stop()
