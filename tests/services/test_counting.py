"""What HAProxy counts on a VIP is read for a moment by who looks, without an attempt of ours."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.clients import spans
from bot.domain.counted import Counted, MemberTimes, Span
from bot.domain.probing import Pacing, Sample, Watched, is_possible
from bot.errors import Refused, Transient
from bot.services.probing import COUNT_WITHIN_S, ProbeDesk
from tests.services.journals import Disk, disk
from tests.services.test_probing import HTTP, HTTPS, START, VIP, Place
from tests.services.vantage import Scripted

TIMES = MemberTimes(0.0, 0.001, 0.25)
LEFT_ALONE = replace(HTTP, counts=False, tried=False)


def busy(place: Watched, second: int) -> Counted:
    """A hundred new connections a second at port 80, and one at any other."""
    passed = second - int(START)
    per_s = 100 if place.port == 80 else 1
    return Counted(7, per_s, per_s * passed, 2, 1, 125_000 * passed, TIMES)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Place]:
    async with disk(f"sqlite:///{tmp_path}/j.db") as one:
        place = Place(one, Scripted(counted=busy))
        await place.boot()
        yield place


async def test_rates_are_those_between_two_readings(here: Place) -> None:
    found = await here.desk.count(VIP, [80, 443])
    assert {port: (one.per_s, one.bits_per_s) for port, one in found.items()} == {
        80: (100.0, 1e6), 443: (1.0, 1e6),
    }  # fmt: skip
    assert found[80].seconds >= 3
    assert (found[80].last.open, found[80].last.down, found[80].last.times) == (7, 1, TIMES)


async def test_nothing_is_tried_and_it_ends(here: Place) -> None:
    tried: list[Watched] = []

    def count(place: Watched, second: int) -> Counted:
        tried.append(place)
        return busy(place, second)

    assert here.vantage is not None
    here.vantage.counted = count
    await here.desk.count(VIP, [80])
    assert set(tried) == {LEFT_ALONE}
    await here.later(1)
    assert here.vantage.places == ()


async def test_what_a_change_tries_stays_tried(here: Place) -> None:
    await here.desk.watch(await here.open_run(), [HTTP])
    await here.desk.count(VIP, [80, 443])
    assert here.vantage is not None
    assert here.vantage.places == (HTTP, replace(HTTPS, counts=False, tried=False))


async def test_who_is_not_shown_the_page_counts_nothing(here: Place) -> None:
    here.vantage = Scripted()
    await here.boot()
    before = here.disk.clock.now()
    with pytest.raises(Transient, match="nobody read HAProxy's stats page of each of its ports"):
        await here.desk.count(VIP, [80])
    assert COUNT_WITHIN_S <= here.disk.clock.now() - before < COUNT_WITHIN_S + 1
    await here.later(1)
    assert here.vantage.places == ()


async def test_where_nobody_looks_nobody_counts(here: Place) -> None:
    here.vantage = None
    await here.boot()
    with pytest.raises(Refused, match="nobody looks from where its clients are"):
        await here.desk.count(VIP, [80])


async def test_an_agent_is_asked_and_delivers(tmp_path: Path) -> None:
    async with disk(f"sqlite:///{tmp_path}/j.db") as one:
        desk = Agent(one).desk_of(await one.journal())
        await desk.work_for("web-1")
        found = await desk.count(VIP, [80])
    assert found[80].per_s == 100.0


class Agent:
    """One that asks for work whenever the desk waits, and tells of each second that is over."""

    def __init__(self, on: Disk) -> None:
        self.clock = on.clock
        self.told = math.floor(on.clock.now())
        self.desk: ProbeDesk

    def desk_of(self, journal: object) -> ProbeDesk:
        self.desk = ProbeDesk(journal, self)  # type: ignore[arg-type]  # this is its clock
        return self.desk

    def now(self) -> float:
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        work = await self.desk.work_for("web-1")
        vantage = Scripted(name="web-1", counted=busy)
        vantage.set_places(work.places, Pacing())
        vantage._next, self.told = self.told, math.floor(self.clock.now())
        await self.desk.take("web-1", vantage.collect(self.clock.now()))


# what is made of readings


def test_a_reload_leaves_the_rate_of_the_last_second() -> None:
    first, last = Counted(0, 5, 1000, bytes=9000), Counted(0, 40, 80, bytes=100)
    assert (Span(first, last, 4.0).per_s, Span(first, last, 4.0).bits_per_s) == (40.0, 0.0)


def test_what_was_read_for_a_moment_only_is_no_rate() -> None:
    vantage = Scripted(counted=busy)
    short = [vantage.second(HTTP, int(START) + n) for n in range(3)]
    assert spans(short) == {}
    assert spans([*short, vantage.second(HTTP, int(START) + 3)])[80].seconds == 3.0


@pytest.mark.parametrize(
    "times",
    [
        replace(TIMES, queued=-1),
        replace(TIMES, connect_s=-0.1),
        replace(TIMES, response_s=math.inf),
        replace(TIMES, queue_s=math.nan),
    ],
)
def test_times_that_cannot_be_are_not_taken(times: MemberTimes) -> None:
    def told(these: MemberTimes | None) -> Sample:
        one = Scripted().second(HTTP, int(START))
        return replace(one, counted=Counted(times=these))

    assert is_possible(told(TIMES))
    assert not is_possible(told(times))
