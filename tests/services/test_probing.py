"""The desk of the probes: what is watched and seen outlives the bot, and is counted once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.domain.counted import Counted, Drain
from bot.domain.operation import Outcome, State
from bot.domain.probing import MOST_PER_VIP, Pacing, Sample, Watched
from bot.errors import Refused
from bot.services.journal import Journal
from bot.services.probing import SEEN_S, ProbeDesk
from tests.services.journals import Disk, asked, disk
from tests.services.vantage import Scripted, refused_between

VIP = "10.20.1.10"
HTTP, HTTPS = Watched(VIP, 80), Watched(VIP, 443)
START = 1_800_000_000.0


@dataclass
class Place:
    """A desk on a disk that survives it."""

    disk: Disk
    vantage: Scripted | None = field(default_factory=Scripted)
    run: str = ""

    async def boot(self) -> ProbeDesk:
        """Start a process on what the earlier one left behind."""
        self.journal: Journal = await self.disk.journal()
        if self.vantage is not None:
            self.vantage._next, self.vantage.places = None, ()
        self.desk = ProbeDesk(self.journal, self.disk.clock, self.vantage)
        return self.desk

    async def open_run(self, number: int = 1) -> str:
        """Open an operation; return the id of its run."""
        one = asked(number)
        await self.journal.open_operation(one, f"click-{number}", {})
        return one.apply_run

    async def end(self, run: str) -> None:
        await self.journal.move(
            run.partition(":")[0], tuple(State), "ended", state=State.ENDED,
            outcome=Outcome.DONE, ended_at=self.disk.clock.now(),
        )  # fmt: skip

    async def later(self, seconds: int) -> None:
        """Let time pass, with a look each second."""
        for _ in range(seconds):
            self.disk.clock.advance(1.0)
            await self.desk.once()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/j.db" if on_sqlite else request.getfixturevalue("postgres_url")
    async with disk(url) as one:
        place = Place(one)
        await place.boot()
        yield place


async def test_what_is_watched_is_seen_and_added_up(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP, HTTPS])
    await here.later(10)
    found = await here.desk.evidence(run)
    assert (found.vantage_points, found.attempts, found.lost) == (("bot",), 200, 0)
    assert (found.watched_s, found.blind_s) == (10, 0)
    assert await here.desk.answered_in_a_row(run, VIP) == 100
    assert await here.desk.answered_in_a_row(run, "10.20.9.9") == 0


async def test_what_is_said_twice_is_seen_once(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    assert (await here.desk.evidence(run)).attempts == 100


async def test_a_loss_is_in_the_row_and_in_the_sums(here: Place) -> None:
    assert here.vantage is not None
    run = await here.open_run()
    here.vantage.answer = refused_between(START + 3.0, START + 3.5)
    here.vantage.cut[int(START) + 3] = 5
    await here.desk.watch(run, [HTTP])
    await here.later(6)
    found = await here.desk.evidence(run)
    assert (found.failed, found.resets, round(found.longest_gap_s, 3)) == (5, 5, 0.5)
    assert await here.desk.answered_in_a_row(run, VIP) == 25


async def test_what_was_withdrawn_from_its_name_loses_nothing(here: Place) -> None:
    assert here.vantage is not None
    run = await here.open_run()
    other = Watched("10.20.1.11", 80)
    here.vantage.answer = refused_between(START + 3.0, START + 5.0, VIP)
    await here.desk.watch(run, [HTTP, other])
    await here.later(3)
    await here.desk.watch(run, [Watched(VIP, 80, counts=False), other])
    await here.later(5)
    found = await here.desk.evidence(run)
    assert (found.lost, found.blind_s) == (0, 0)
    assert [one.seen.failed for one in found.tallies if not one.counts] == [20]
    assert await here.desk.answered_in_a_row(run, VIP) == 30


async def test_the_numbers_survive_a_crash_and_the_hole_is_blind_time(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    here.disk.clock.advance(7.0)
    await here.boot()
    await here.desk.once()
    await here.later(5)
    found = await here.desk.evidence(run)
    assert (found.attempts, found.watched_s, found.blind_s) == (100, 17, 7)


async def test_a_start_takes_up_the_runs_of_open_operations(here: Place) -> None:
    assert here.vantage is not None
    open_run, ended = await here.open_run(1), await here.open_run(2)
    await here.desk.watch(open_run, [HTTP])
    await here.desk.watch(ended, [Watched("10.20.2.10", 80)])
    await here.end(ended)
    await here.boot()
    await here.desk.once()
    assert here.vantage.places == (HTTP,)


async def test_the_watch_of_a_run_ends_with_its_operation(here: Place) -> None:
    assert here.vantage is not None
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    await here.end(run)
    await here.later(60)
    assert here.vantage.places == ()
    found = await here.desk.evidence(run)
    assert (found.attempts, found.watched_s, found.blind_s) == (50, 5, 0)


async def test_a_place_that_two_runs_watch_counts_if_it_does_for_one(here: Place) -> None:
    assert here.vantage is not None
    one, two = await here.open_run(1), await here.open_run(2)
    await here.desk.watch(one, [Watched(VIP, 80, counts=False)])
    await here.desk.watch(two, [HTTP])
    assert here.vantage.places == (HTTP,)


async def test_without_a_vantage_point_there_is_nothing(here: Place) -> None:
    here.vantage = None
    await here.boot()
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(60)
    found = await here.desk.evidence(run)
    assert (await here.desk.vantage_points(), found.vantage_points) == ((), ())
    assert (found.attempts, found.blind_s) == (0, found.watched_s)
    assert await here.desk.answered_in_a_row(run, VIP) == 0
    assert here.desk.health() == (True, "probing: from nowhere: changes stay unproven")


async def test_samples_are_kept_as_long_as_they_are_said_to(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    await here.end(run)
    here.disk.clock.advance(6.9 * 86400.0)
    await here.desk.once()
    assert (await here.desk.evidence(run)).attempts == 50
    here.disk.clock.advance(0.2 * 86400.0)
    await here.desk.once()
    assert (await here.desk.evidence(run)).attempts == 0


# agents


def web(*seconds: int, place: Watched = HTTP, name: str = "web-1") -> list[Sample]:
    """What an agent saw."""
    return [Scripted(name).second(place, int(START) + second) for second in seconds]


async def test_an_agent_looks_as_long_as_it_asks_for_work(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    work = await here.desk.work_for("web-1")
    assert (work.now, work.places, work.pacing) == (here.disk.clock.now(), (HTTP,), Pacing())
    assert await here.desk.vantage_points() == ("bot", "web-1")
    here.disk.clock.advance(SEEN_S + 0.1)
    assert await here.desk.vantage_points() == ("bot",)


async def test_samples_told_twice_are_counted_once(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(3)
    assert await here.desk.take("web-1", web(0, 1)) == 2
    assert await here.desk.take("web-1", web(1, 2)) == 1
    found = await here.desk.evidence(run)
    assert {one.vantage: one.seen.attempts for one in found.tallies} == {"bot": 30, "web-1": 30}


async def test_a_row_is_that_of_the_vantage_point_that_saw_least(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(6)
    await here.desk.work_for("web-1")
    assert await here.desk.answered_in_a_row(run, VIP) == 0
    await here.desk.take("web-1", web(4, 5))
    assert await here.desk.answered_in_a_row(run, VIP) == 20


async def test_an_agent_speaks_for_itself_alone(here: Place) -> None:
    with pytest.raises(Refused, match="filed under another name"):
        await here.desk.take("web-1", web(0, name="web-2"))


async def test_what_nobody_asked_for_is_not_kept(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(2)
    assert await here.desk.take("web-1", web(0, place=Watched("10.9.9.9", 22))) == 0
    assert await here.desk.take("web-1", web(3600, -7200)) == 0


async def test_more_agents_probe_more_slowly(here: Place) -> None:
    run = await here.open_run()
    await here.desk.watch(run, [Watched(VIP, port) for port in range(80, 85)])
    for number in range(4):
        await here.desk.work_for(f"web-{number}")
    work = await here.desk.work_for("web-0")
    assert work.pacing.rate * 5 * 5 == MOST_PER_VIP


# other clients


def counted(place: Watched, second: int) -> Counted:
    """Three clients that stay, and the ten attempts of each second of ours."""
    ours = 10 * place.tried * (second - int(START))
    return Counted(3 if place.port == 80 else 0, 0, ours if place.tried else 10_000)


async def test_a_drain_is_by_what_is_counted_since_the_place_is_left_alone(here: Place) -> None:
    here.vantage = Scripted(counted=counted)
    await here.boot()
    run = await here.open_run()
    await here.desk.watch(run, [HTTP, HTTPS])
    await here.later(10)
    await here.desk.watch(run, [replace(one, counts=False, tried=False) for one in (HTTP, HTTPS)])
    assert await here.desk.drain(run, VIP) == Drain()
    await here.later(8)
    assert await here.desk.drain(run, VIP) == Drain(is_visible=True, quiet_s=0, open=3)
    assert await here.desk.drain(run, "10.20.9.9") == Drain()
    await here.desk.watch(run, [replace(HTTPS, counts=False, tried=False)])
    await here.later(8)
    assert (await here.desk.drain(run, VIP)).is_quiet
    assert here.vantage.places == (replace(HTTPS, counts=False, tried=False),)


async def test_what_one_run_leaves_alone_another_may_try(here: Place) -> None:
    one, other = await here.open_run(1), await here.open_run(2)
    await here.desk.watch(one, [replace(HTTP, counts=False, tried=False)])
    assert here.vantage is not None
    assert here.vantage.places == (replace(HTTP, counts=False, tried=False),)
    await here.desk.watch(other, [HTTP])
    assert here.vantage.places == (HTTP,)


async def test_what_was_counted_outlives_the_bot(here: Place) -> None:
    here.vantage = Scripted(counted=counted)
    await here.boot()
    run = await here.open_run()
    await here.desk.watch(run, [HTTP])
    await here.later(5)
    await here.boot()
    [found] = (await here.desk.evidence(run)).clients
    [period] = found.periods
    assert (period.new, period.known_s) == (0, 4)


async def test_a_drain_of_one_port_leaves_the_others_out(here: Place) -> None:
    here.vantage = Scripted(counted=counted)
    await here.boot()
    run = await here.open_run()
    await here.desk.watch(run, [replace(HTTP, tried=False), replace(HTTPS, tried=False)])
    await here.later(10)
    assert not (await here.desk.drain(run, VIP)).is_quiet
    assert (await here.desk.drain(run, VIP, [HTTPS.port])).is_quiet
