"""The prober on real sockets: what becomes of each connection is counted, once.

Nothing here is about time: a prober that lagged says so, and its counts are right all the same.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bot.adapters.prober import Prober
from bot.domain.address_map import AddressMap
from bot.domain.counted import Counted, Period
from bot.domain.evidence import add_up
from bot.domain.probing import Pacing, Sample, Seen, Watched, Watching
from bot.errors import Transient
from tests.adapters.servers import answering, free_port
from tests.waiting import until

pytestmark = pytest.mark.slow

VIP = "10.20.1.10"
REACH = AddressMap.of({"10.20.0.0/16": "127.77.0.0/16", "10.20.1.10/32": "127.0.0.1/32"})
QUICK = Pacing(rate=20.0, held=3, hold_s=30.0)


class Seeing:
    """A prober, and all that it told until now."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self.samples: list[Sample] = []

    def watch(self, *places: Watched, pacing: Pacing = QUICK) -> None:
        self.prober.set_places(places, pacing)

    def look(self) -> Seen:
        self.samples += self.prober.collect(0.0)
        return sum((one.seen for one in self.samples), Seen())

    async def until(self, so: Callable[[Seen], bool]) -> Seen:
        await until(lambda: so(self.look()))
        return self.look()


@pytest.fixture
async def seeing() -> AsyncIterator[Seeing]:
    one = Seeing(Prober("bot", REACH))
    yield one
    await one.prober.close()


async def test_every_due_attempt_is_made_and_counted_once(seeing: Seeing) -> None:
    async with answering() as server:
        seeing.watch(Watched(VIP, server.port))
        await seeing.until(lambda seen: seen.attempts >= 40)
        seeing.watch()
        await until(lambda: not seeing.prober._ending or (seeing.look() and False))
    seen = seeing.look()
    assert (seen.failed, seen.resets, seen.unable) == (0, 0, 0)
    assert seen.latency.answers == seen.attempts
    assert seen.attempts + 3 == server.accepted
    keys = [(one.at, one.second) for one in seeing.samples]
    assert len(keys) == len(set(keys))
    assert all(one.seen.attempts <= 20 for one in seeing.samples)
    assert all(one.held == 3 for one in seeing.samples[1:-1])


async def test_nobody_who_listens_is_a_refusal(seeing: Seeing) -> None:
    seeing.watch(Watched(VIP, free_port()))
    seen = await seeing.until(lambda seen: seen.attempts >= 10)
    assert (seen.refused, seen.failed, seen.resets) == (seen.attempts, seen.attempts, 0)
    assert seeing.samples[0].in_a_row == 0


async def test_accepted_and_closed_at_once_is_a_failure(seeing: Seeing) -> None:
    async with answering(closes_at_once=True) as server:
        seeing.watch(Watched(VIP, server.port))
        seen = await seeing.until(lambda seen: seen.attempts >= 10)
    assert (seen.closed, seen.failed) == (seen.attempts, seen.attempts)
    assert seen.resets == 0


async def test_an_attempt_that_hangs_has_failed_at_its_deadline(seeing: Seeing) -> None:
    async def hangs(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        await asyncio.Event().wait()
        raise AssertionError

    seeing.prober = Prober("bot", REACH, hangs, timeout_s=0.5)
    seeing.watch(Watched(VIP, 80))
    seen = await seeing.until(lambda seen: seen.attempts >= 10)
    assert (seen.timed_out, seen.failed) == (seen.attempts, seen.attempts)
    await seeing.prober.close()


async def test_a_full_backlog_keeps_its_second_from_being_told(seeing: Seeing) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        place = Watched(VIP, full.getsockname()[1])
        seeing.watch(place, pacing=Pacing(rate=20.0, held=0))
        life = seeing.prober._lives[place.at]
        await until(lambda: sum(one.pending for one in life._seconds.values()) >= 30)
        assert seeing.look().attempts < 30
        assert seeing.look().failed == 0


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_a_held_connection_that_is_cut_is_counted_once_and_opened_again(
    seeing: Seeing, reset: bool
) -> None:
    async with answering() as server:
        seeing.watch(Watched(VIP, server.port), pacing=Pacing(rate=1.0, held=3, hold_s=60.0))
        await until(lambda: server.held >= 3 and len(_open(seeing)) == 3)
        cut = server.cut(reset=reset)
        assert cut >= 3
        await until(lambda: len(_open(seeing)) == 3 and server.held >= 3)
        seen = await seeing.until(lambda seen: seen.resets >= 3 and seen.attempts >= 3)
    assert seen.resets == 3


async def test_one_that_stops_counting_is_let_go_of_and_that_is_no_reset(seeing: Seeing) -> None:
    async with answering() as server:
        place = Watched(VIP, server.port)
        slow = Pacing(rate=1.0, held=3, hold_s=60.0)
        seeing.watch(place, pacing=slow)
        await until(lambda: len(_open(seeing)) == 3)
        seeing.watch(Watched(VIP, server.port, counts=False), pacing=slow)
        await until(lambda: not _open(seeing))
        before = seeing.look().attempts
        seen = await seeing.until(lambda seen: seen.attempts >= before + 2)
        assert seen.resets == 0
        seeing.watch(place, pacing=slow)
        await until(lambda: len(_open(seeing)) == 3)
    assert seeing.look().resets == 0


async def test_a_held_connection_is_renewed_before_somebody_tires_of_it(seeing: Seeing) -> None:
    async with answering() as server:
        seeing.watch(Watched(VIP, server.port), pacing=Pacing(rate=1.0, held=2, hold_s=0.2))
        seen = await seeing.until(lambda seen: seen.attempts >= 2 and server.accepted > 10)
    assert seen.resets == 0


async def test_a_machine_without_descriptors_blames_nobody(seeing: Seeing) -> None:
    async def none(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise OSError(errno.EMFILE, "Too many open files")

    seeing.prober = Prober("bot", REACH, none)
    seeing.watch(Watched(VIP, 80))
    seen = await seeing.until(lambda seen: seen.unable >= 10)
    assert (seen.attempts, seen.failed) == (0, 0)
    await seeing.prober.close()


async def test_a_clock_that_was_set_begins_anew(seeing: Seeing) -> None:
    ahead = 0.0
    loop = asyncio.get_running_loop()
    seeing.prober = Prober("bot", REACH, now=lambda: 1000.0 + loop.time() + ahead)
    async with answering() as server:
        place = Watched(VIP, server.port)
        seeing.watch(place)
        await seeing.until(lambda seen: seen.attempts > 0)
        ahead = 3600.0
        seeing.watch(place)
        await until(lambda: seeing.look() and seeing.samples[-1].second - 3600 > 1000.0)
    seconds = [one.second for one in seeing.samples]
    assert seconds == sorted(set(seconds))
    await seeing.prober.close()


async def test_another_address_is_reached_in_place_of_the_vip(seeing: Seeing) -> None:
    asked: set[tuple[str, int]] = set()

    async def connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        asked.add((host, port))
        raise ConnectionRefusedError

    reach = AddressMap.of({"10.20.0.0/16": "127.77.0.0/16"}, port_offset=20_000)
    seeing.prober = Prober("bot", reach, connect)
    seeing.watch(Watched(VIP, 80))
    await seeing.until(lambda seen: seen.refused > 0)
    assert asked == {("127.77.1.10", 20_080)}
    assert {(one.vip, one.port) for one in seeing.samples} == {(VIP, 80)}
    await seeing.prober.close()


async def test_closing_leaves_nothing_open() -> None:
    async with answering() as server:
        seeing = Seeing(Prober("bot", REACH))
        seeing.watch(Watched(VIP, server.port))
        await seeing.until(lambda seen: seen.attempts > 0)
        await seeing.prober.close()
        await until(lambda: server.held == 0)


def _open(seeing: Seeing) -> set[int]:
    [life] = seeing.prober._lives.values()
    return life._open


# what HAProxy counts


async def test_what_was_counted_is_told_with_the_second_it_is_of() -> None:
    async with answering() as server:

        async def read(vip: str) -> dict[int, Counted]:
            assert vip == VIP
            return {server.port: Counted(server.held, 0, server.accepted)}

        seeing = Seeing(Prober("bot", REACH, read=read))
        seeing.watch(Watched(VIP, server.port), Watched(VIP, free_port()))
        await seeing.until(lambda _: len(seeing.samples) >= 8)
        await seeing.prober.close()
    ours = [one for one in seeing.samples if one.port == server.port]
    assert all(one.counted for one in ours)
    assert not any(one.counted for one in seeing.samples if one.port != server.port)
    assert clients_of(ours).new <= 1  # one that was late is counted a second later


async def test_one_that_is_left_alone_is_read_and_nothing_else() -> None:
    async with answering() as server:

        async def read(_vip: str) -> dict[int, Counted]:
            return {server.port: Counted(server.held, 0, server.accepted)}

        seeing = Seeing(Prober("bot", REACH, read=read))
        place = Watched(VIP, server.port)
        seeing.watch(place)
        await seeing.until(lambda seen: seen.attempts >= 20)
        seeing.watch(replace(place, counts=False, tried=False))
        await seeing.until(lambda _: seeing.samples[-1].seen.attempts == 0)
        before = server.accepted
        await seeing.until(lambda _: [one.held for one in seeing.samples[-2:]] == [0, 0])
        assert server.accepted == before
        newest = seeing.samples[-1].counted
        assert newest == Counted(0, 0, before)
        await seeing.prober.close()
    keys = [(one.at, one.second) for one in seeing.samples]
    assert len(keys) == len(set(keys))


async def test_a_page_that_cannot_be_read_is_asked_less_often_and_costs_nothing() -> None:
    asked: list[float] = []

    async def read(vip: str) -> dict[int, Counted]:
        asked.append(asyncio.get_running_loop().time())
        raise Transient(f"read HAProxy's stats page of {vip}: ConnectError")

    async with answering() as server:
        seeing = Seeing(Prober("bot", REACH, read=read))
        seeing.watch(Watched(VIP, server.port))
        seen = await seeing.until(lambda seen: seen.attempts >= 40)
        await seeing.prober.close()
    assert (seen.failed, len(asked)) == (0, 1)
    assert not any(one.counted for one in seeing.samples)


async def test_a_bug_in_reading_keeps_nothing_back() -> None:
    async def read(_vip: str) -> dict[int, Counted]:
        raise ZeroDivisionError

    async with answering() as server:
        seeing = Seeing(Prober("bot", REACH, read=read))
        seeing.watch(Watched(VIP, server.port))
        await seeing.until(lambda seen: seen.attempts >= 40)
        await seeing.prober.close()


def clients_of(samples: list[Sample]) -> Period:
    place = Watched(VIP, samples[0].port)
    history = [Watching(samples[0].second, (place,))]
    [found] = add_up(history, samples, samples[-1].second + 1.0).clients
    return found.periods[0]
