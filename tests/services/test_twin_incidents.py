"""A hint about one of twins leads to its repair, as for any ILB; and never to a second one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.bus import RecordKind
from bot.domain.operation import Outcome, State
from bot.sandbox.cloud import Fault, FaultKind
from tests.services.test_incidents import _automatic, _desk, _dies, _hint
from tests.workflows.crowded import NEW, crowded
from tests.workflows.harness import House, house
from tests.workflows.paired import NAME, TWIN, VIP, VM, paired

BOTH = sorted([VIP, TWIN])


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house(named=True, watched=True) as made:
        paired(made)
        yield made


def published(home: House) -> list[str]:
    return sorted(home.nameserver.zone.record(NAME)[1])


async def test_one_of_twins_that_died_is_repaired_once_for_all_its_records(home: House) -> None:
    twin = home.vm_at(TWIN)
    _automatic(home, VM, twin)
    desk = _desk(home)
    await _dies(home, twin)
    for source in (RecordKind.ACTION, RecordKind.STATE, RecordKind.ALERT):
        await desk.hear(_hint(home, twin, source))
    (found,) = await home.journal.operations()
    ended = await home.quiet(found)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert home.effects().count(f"ilb_vm.started {twin}") == 1
    assert published(home) == BOTH


async def test_twins_that_die_together_are_both_repaired(home: House) -> None:
    twin = home.vm_at(TWIN)
    _automatic(home, VM, twin)
    desk = _desk(home)
    home.cloud.power_off(twin)
    await _dies(home, VM)
    for name in (VM, twin):
        await desk.hear(_hint(home, name))
    operations = await home.journal.operations()
    for one in operations:
        await home.quiet(one)
    ended = [await home.look(one) for one in operations]
    assert [one.outcome for one in ended] == [Outcome.DONE] * 2, [one.reason for one in ended]
    assert published(home) == BOTH


async def test_one_of_twins_that_is_missing_is_found_by_looking_and_deployed(home: House) -> None:
    _automatic(home, VM)
    home.cloud.lose_ilb_vm(VM)
    await _desk(home).sweep()
    (asked,) = await home.journal.operations()
    asked = await home.quiet(asked)
    assert asked.state is State.WAITING, "only the machine that is gone was listed by its id"
    ended = await home.approve(asked)
    assert ended.outcome is Outcome.DONE, ended.reason
    assert published(home) == BOTH


async def test_nothing_automatic_touches_one_that_stayed_withdrawn(home: House) -> None:
    _automatic(home, VM)
    desk = _desk(home)
    await _dies(home, VM)
    home.cloud.fail_next(Fault("startInternalLoadBalancerVM", FaultKind.JOB_FAILS, times=3))
    await desk.hear(_hint(home, VM))
    (found,) = await home.journal.operations()
    assert (await home.quiet(found)).outcome is Outcome.PARKED
    assert published(home) == [TWIN]
    home.later(3600.0)
    await desk.sweep()
    for one in await home.journal.operations():
        ended = await home.quiet(one)
        if one.id != found.id:
            assert ended.outcome is Outcome.REFUSED
            assert "is parked: nothing automatic touches it" in ended.reason
    assert published(home) == [TWIN]


@pytest.mark.slow
async def test_the_machine_that_an_operation_on_another_one_builds_is_left_to_it() -> None:
    async with house(named=True, watched=True) as home:
        crowded(home)
        home.cloud.open_sessions(VIP, 9090, 3)
        split = await home.do("split", VM, weights="app:3,grpc:1")
        assert await home.waits_for(split)
        new = home.vm_at(NEW)
        _automatic(home, new)
        desk = _desk(home)
        await _dies(home, new)
        await desk.hear(_hint(home, new))
        await desk.sweep()
        assert [one.id for one in await home.journal.operations()] == [split.id]
        (seen,) = await home.journal.newest_notes("decided")
        assert seen.data["decision"] == f"left alone: operation {split.id} of ours is at work on it"


@pytest.mark.slow
async def test_another_ilb_is_not_left_to_it() -> None:
    async with house(named=True, watched=True) as home:
        crowded(home)
        home.cloud.open_sessions(VIP, 9090, 3)
        split = await home.do("split", VM, weights="app:3,grpc:1")
        other = home.vm_at("10.20.2.10")
        _automatic(home, other)
        await _dies(home, other)
        await _desk(home).hear(_hint(home, other))
        runbooks = {one.wish.runbook for one in await home.journal.operations()}
        assert (await home.waits_for(split), runbooks) == (True, {"split", "recover"})
