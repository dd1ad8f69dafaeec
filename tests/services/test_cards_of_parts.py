"""A change of many targets is one card in the channel; its parts are told in that card's thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.operation import Operation, Outcome, State, Wish
from bot.domain.plan import FLEET, Exposure, Fact, Plan, PlannedStep, Target
from bot.domain.waves import Lot, Toll, as_parameter, lots_in
from bot.engine.memory import VirtualClock
from bot.ports import Posted
from bot.services.child_words import MANY, lines_of_waves
from bot.services.children import JournalChildren
from bot.services.journal import Journal
from bot.services.schema import operation as table
from tests.services.bulletin import CHANNEL, NOON, Desk, a_roll

TARGET = Target(FLEET, "fleet/z-1", "zone fra-1", "fra-1", "", "", "", "")


def a_fleet(*waves: int) -> Plan:
    """Return a plan of waves of those sizes."""
    inside = [wave for wave, size in enumerate(waves, 1) for _ in range(size)]
    lots = tuple(
        Lot(f"{n:02d}", wave, f"vm-{n}", f"b-{n}-VM", "outage", "4.22.0", Toll.EVERYTHING)
        for n, wave in enumerate(inside, 1)
    )
    return Plan(
        runbook="roll-fleet", target=TARGET, summary="Roll 4 targets of zone fra-1",
        facts=(Fact("b-1-VM", "Running"),), steps=(PlannedStep("Wave 1, the canary: b-1-VM"),),
        exposure=Exposure("4 of 4 targets", None, "not known"), blast_radius=(),
        parameters=(as_parameter(lots), ("version", "4.22.0")),
    )  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = VirtualClock(NOON)
    journal = Journal(f"sqlite:///{tmp_path}/journal.db", clock)
    await journal.open()
    yield Desk(journal, clock)
    await journal.close()


async def a_part(desk: Desk, parent: Operation, number: str) -> Operation:
    """Open the part of one target and let it be at work."""
    parts = JournalChildren(desk.journal, desk.clock, lambda _: None)
    wish = Wish("roll", f"vm-{int(number)}")
    name = f"b-{int(number)}-VM"
    found = await desk.journal.operation(await parts.open(parent.apply_run, number, wish, name))
    assert found is not None
    planned = await desk.plan(found, a_roll(name), State.APPROVED)
    return await desk.move(planned, State.APPLYING, started_at=desk.clock.now())


async def show(desk: Desk, *shown: Operation) -> None:
    for one in shown:
        desk.cards.changed(one.id)
        await desk.cards.flush()
    await desk.cards.flush()


def body(desk: Desk) -> str:
    """The card in the channel as people see it now."""
    root = [card for at, card in zip(desk.chat.updated, desk.chat.updates, strict=True)
            if at.ts == "17.1"]  # fmt: skip
    return "\n".join((root or desk.chat.posts)[-1].body)


async def test_a_part_stands_in_the_thread_and_the_channel_hears_of_the_whole(desk: Desk) -> None:
    parent = await desk.applying(a_fleet(1, 2))
    await show(desk, parent)
    part = await a_part(desk, parent, "01")
    await show(desk, part)
    assert len(desk.chat.posts) == 1
    assert desk.chat.threads[-1] == Posted(CHANNEL, "17.1")
    assert "Part of" in dict(desk.chat.replies[-1].facts)
    assert f"b-1-VM: is being carried out ({part.id})" in body(desk)


async def test_a_part_that_went_well_is_told_by_its_card_alone(desk: Desk) -> None:
    parent = await desk.applying(a_fleet(1, 2))
    await show(desk, parent)
    told = len(desk.chat.replies)
    part = await a_part(desk, parent, "01")
    await show(desk, part)
    await show(desk, await desk.move(part, State.ENDED, outcome=Outcome.DONE))
    assert len(desk.chat.replies) == told + 1
    assert Posted(CHANNEL, f"18.{told + 1}") in desk.chat.updated
    assert ":white_check_mark: Wave 1, the canary: 1 of 1 done" in body(desk)
    assert ":white_small_square: Wave 2: 0 of 2 done" in body(desk)


async def test_a_part_that_failed_has_its_receipt_in_the_thread(desk: Desk) -> None:
    parent = await desk.applying(a_fleet(1, 2))
    await show(desk, parent)
    part = await a_part(desk, parent, "01")
    ended = await desk.move(part, State.ENDED, outcome=Outcome.FAILED, reason="no host has room")
    await show(desk, ended)
    assert f"Receipt of {part.id}" in desk.chat.titles()
    assert f":x: b-1-VM: failed: no host has room ({part.id})" in body(desk)


async def test_a_part_waits_until_the_card_of_the_whole_is_there(desk: Desk) -> None:
    parent = await desk.applying(a_fleet(1))
    part = await a_part(desk, parent, "01")
    await show(desk, part)
    assert len(desk.chat.posts) == 1  # its parent's, which it asked for
    assert desk.chat.replies[-1].title


async def test_opening_a_part_again_is_the_same_part(desk: Desk) -> None:
    parent = await desk.applying(a_fleet(1))
    one, other = [await a_part(desk, parent, "01") for _ in range(2)]
    assert one.id == other.id == f"{parent.id}-01"
    assert len(await desk.journal.operations(table.c.parent == parent.id)) == 1


def test_a_long_fleet_shows_only_what_is_not_as_wished() -> None:
    planned = a_fleet(1, 1, *([4] * 8))
    lines = lines_of_waves(planned, ())
    assert len(lots_in(planned)) > MANY
    assert [line["lines"] for line in lines] == [[]] * 10
