"""An incident of a load is called over only where somebody saw that, and each end is told once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.detect import Moment
from bot.domain.operation import Operation, Outcome, State
from bot.services.cpu_after import GIVE_UP_S
from tests.services.office import ON_ONE_HOST, Office, an_office


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as made:
        yield made


def sees_nothing(office: Office) -> None:
    """Let CloudStack keep no sample any more."""
    office.home.cloud.settings["vm.stats.interval"].value = "0"


async def is_final(office: Office, done: Operation) -> bool:
    return await office.home.journal.has_note(done.id, "", "card final")


async def test_a_machine_that_is_gone_is_not_called_calm(office: Office) -> None:
    edges, done = await office.changed("b-31-VM")
    await office.seen_gone(edges[0])
    await office.look()
    assert office.chat.titles()[2:] == ["b-31-VM is gone: no load after the change"]
    assert "CPU after: none, b-31-VM is gone." in office.chat.last.body[-1]
    assert await is_final(office, done)


async def test_what_stays_unknown_when_the_incident_ends_is_told_once(office: Office) -> None:
    edges, done = await office.changed("b-31-VM")
    sees_nothing(office)
    office.home.later(GIVE_UP_S)
    await office.look()
    assert not await is_final(office, done)
    await office.hears(edges, Moment.LOST)
    await office.look()
    assert office.chat.titles()[2:] == ["It is not known how busy b-31-VM is"]
    assert await is_final(office, done)


async def test_a_machine_that_is_calm_is_called_so_where_cloudstack_has_no_sample(
    office: Office,
) -> None:
    edges, _ = await office.changed("b-31-VM")
    sees_nothing(office)
    office.home.later(GIVE_UP_S)
    await office.look()
    await office.hears(edges, Moment.LEFT, 40.0)
    await office.look()
    assert office.chat.titles()[2:] == [
        "It is not known how busy b-31-VM is", "b-31-VM is calm again",
    ]  # fmt: skip


async def test_a_load_whose_samples_stop_after_a_change_has_an_end_that_nobody_knows(
    office: Office,
) -> None:
    edges, done = await office.changed("b-31-VM")
    office.home.later(3_600)
    await office.hears(edges, Moment.LOST)
    await office.look()
    assert office.chat.titles()[2:] == ["It is not known whether the incident of b-31-VM is over"]
    assert await is_final(office, done)


async def test_a_host_whose_samples_stop_after_a_change_is_not_called_calm(office: Office) -> None:
    host = office.share_a_full_host()
    edges, done = await office.changed(*ON_ONE_HOST)
    office.home.later(3_600)
    await office.hears(edges[:1], Moment.LEFT, 40.0)
    await office.hears(edges[1:], Moment.LOST)
    await office.look()
    told = office.chat.titles()[-1]
    assert told.startswith("It is not known whether the incident of b-3")
    assert told.endswith(f", which were busy together on {host}, is over")
    assert await is_final(office, done)


async def test_of_a_host_it_is_told_which_machine_is_gone(office: Office) -> None:
    office.share_a_full_host()
    edges, _ = await office.changed(*ON_ONE_HOST)
    await office.seen_gone(edges[0])
    await office.calms_down(edges[1:])
    await office.look()
    assert office.chat.titles()[-1] == (
        "b-32-VM and b-33-VM are calm again, and b-31-VM is gone: no load after the change"
    )


async def test_a_proposal_stands_while_nobody_knows_whether_its_load_is_over(
    office: Office,
) -> None:
    office.share_a_full_host()
    edges, found = await office.proposed(*ON_ONE_HOST)
    await office.hears(edges, Moment.LOST)
    await office.look()
    assert (await office.home.look(found)).state is State.WAITING


async def test_a_move_off_a_hot_host_is_withdrawn_once_what_would_move_is_calm(
    office: Office,
) -> None:
    office.share_a_full_host()
    edges, found = await office.proposed(*ON_ONE_HOST)
    (moved,) = [one for one in edges if one.target_name == found.target_name]
    await office.calms_down([moved])
    await office.look()
    now = await office.home.look(found)
    assert now.outcome is Outcome.STALE
    assert now.reason == f"{found.target_name} is calm again: CPU 54 %, and it was 97 %"


async def test_a_move_off_a_hot_host_is_withdrawn_once_too_few_are_busy(office: Office) -> None:
    host = office.share_a_full_host()
    edges, found = await office.proposed(*ON_ONE_HOST)
    other = next(one for one in edges if one.target_name != found.target_name)
    await office.calms_down([other])
    await office.look()
    now = await office.home.look(found)
    assert now.outcome is Outcome.STALE
    assert now.reason == (
        f"{other.target_name} is calm again: CPU 54 %, and it was 97 %: "
        f"2 of 3 are left, too few to be a matter of host {host}"
    )


async def test_what_is_busy_again_before_anybody_looked_gets_a_proposal_of_its_own(
    office: Office,
) -> None:
    edges, first = await office.proposed("b-31-VM")
    await office.hears(edges, Moment.LEFT, 50.0)
    office.home.later(240)
    again = office.edge("b-31-VM")
    for moment in (Moment.ENTERED, Moment.DUE):
        await office.saturation.hear(replace(again, moment=moment))
    await office.look()
    second, was = await office.home.journal.operations()
    assert (was.id, was.outcome) == (first.id, Outcome.STALE)
    assert (await office.home.quiet(second)).state is State.WAITING
