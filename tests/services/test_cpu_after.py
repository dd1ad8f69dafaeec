"""What a change for a load did to it is told where the change is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.domain.detect import Edge, Moment
from bot.domain.load import Proposal
from bot.domain.operation import Outcome, State
from bot.sandbox.cloud import Fault, FaultKind
from bot.services.account import account_of
from bot.services.cpu_after import GIVE_UP_S
from bot.services.relief import relief_in
from bot.services.saturation import ADVICE
from tests.services.office import ON_ONE_HOST, RULE, Office, an_office

FOLLOW_S = 2 * RULE.dwell_s
PENDING = (
    "CPU after: not measured yet, since CloudStack has no sample of it; the thread tells it in "
    "about 6 min."
)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with an_office() as made:
        yield made


async def test_a_receipt_shows_the_load_before_and_says_that_after_is_not_known_yet(
    office: Office,
) -> None:
    await office.changed("b-31-VM")
    assert office.chat.titles()[-1].startswith("Receipt of ")
    (receipt,) = office.chat.replies[-1].body[-1:]
    assert f"CPU before: b-31-VM 97 %.\n{PENDING}" in receipt
    assert office.chat.last.body[-1] == f"CPU before: b-31-VM 97 %.\n{PENDING}"
    await office.look()
    assert len(office.chat.replies) == 2


async def test_once_it_is_calm_the_card_and_its_thread_tell_the_load_after(office: Office) -> None:
    edges, done = await office.changed("b-31-VM")
    await office.calms_down(edges)
    for _ in range(2):
        await office.look()
    assert office.chat.titles()[2:] == ["b-31-VM is calm again"]
    lines = "CPU before: b-31-VM 97 %.\nCPU after: b-31-VM 54 %, 2 min 59 s after the end."
    assert office.chat.replies[-1].body == ("*b-31-VM is calm again*", lines)
    assert office.chat.last.body[-1] == lines
    assert len(office.chat.posts) == 1, "the channel hears of it by the card alone"
    assert await office.home.journal.has_note(done.id, "", "card final")
    notes = await office.home.journal.notes(done.id)
    page = account_of(done, notes, (), str)
    (load,) = [one for one in page.sections if one.heading == "Load"]
    assert [row[0] for row in load.rows] == lines.split("\n")


async def test_a_load_that_no_change_helped_is_told_too_and_its_end_later(office: Office) -> None:
    edges, _ = await office.changed("b-31-VM")
    office.home.later(FOLLOW_S - 60)
    await office.look()
    assert len(office.chat.replies) == 2
    office.home.later(60)
    await office.look()
    assert office.chat.titles()[2:] == ["The incident of b-31-VM is not over yet"]
    assert "CPU after: b-31-VM 97 %, " in office.chat.last.body[-1]
    await office.calms_down(edges, 40.0)
    await office.look()
    assert office.chat.titles()[3:] == ["b-31-VM is calm again"]
    assert "CPU after: b-31-VM 40 %, " in office.chat.last.body[-1]


async def test_without_a_sample_of_after_the_load_is_told_to_be_not_known(office: Office) -> None:
    await office.changed("b-31-VM")
    office.home.cloud.settings["vm.stats.interval"].value = "0"
    office.home.later(FOLLOW_S)
    await office.look()
    assert len(office.chat.replies) == 2
    office.home.later(GIVE_UP_S - FOLLOW_S)
    await office.look()
    assert office.chat.titles()[2:] == ["It is not known how busy b-31-VM is"]
    assert "CPU after: not known, CloudStack had no sample in 60 min." in office.chat.last.body[-1]


async def test_a_cloudstack_that_does_not_answer_is_asked_again(office: Office) -> None:
    edges, _ = await office.changed("b-31-VM")
    await office.calms_down(edges)
    office.home.cloud.fail_next(Fault("listSystemVmsUsageHistory", FaultKind.ERROR, status=530))
    await office.look()
    assert len(office.chat.replies) == 2
    await office.look()
    assert office.chat.titles()[2:] == ["b-31-VM is calm again"]


async def test_a_receipt_that_comes_late_tells_the_load_after_at_once(office: Office) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.home.approve(found)
    await office.calms_down(edges)
    for _ in range(2):
        await office.look()
        await office.cards.show(found.id)
    assert len(office.chat.replies) == 2
    assert "CPU after: b-31-VM 54 %, 2 min 59 s after the end." in office.chat.replies[-1].body[-1]


async def test_a_migration_tells_the_load_of_all_that_were_busy_on_the_host(office: Office) -> None:
    host = office.share_a_full_host()
    edges, done = await office.changed(*ON_ONE_HOST)
    assert done.wish.runbook == "migrate"
    before, _ = office.chat.last.body[-1].split("\n")
    assert before.startswith(f"CPU before (busy together on host {host}): b-3")
    await office.calms_down(edges[:2])
    await office.look()
    assert len(office.chat.replies) == 2
    await office.calms_down(edges[2:], 30.0)
    await office.look()
    assert office.chat.titles()[-1].endswith(
        f" and b-31-VM, which were busy together on {host}, are calm again"
    )
    _, after = office.chat.last.body[-1].split("\n")
    for said in ("b-31-VM 54 %", "b-32-VM 54 %", "b-33-VM 30 %"):
        assert said in after


async def advised(office: Office) -> Edge:
    """A machine is busy, and what is advised changes nothing."""
    office.advisor.says = Proposal("", "the members are slow")
    office.home.cloud.set_cpu("b-31-VM", 97.0)
    office.home.later(240)
    busy = office.edge("b-31-VM")
    await office.hears([busy], Moment.ENTERED)
    await office.saturation.hear(busy)
    return busy


async def test_what_a_person_does_because_of_an_advice_tells_the_load_too(office: Office) -> None:
    home = office.home
    busy = await advised(office)
    other = await home.ask("migrate", "b-32-VM")
    asked = await home.ask("migrate", "b-31-VM")
    await office.look()
    done = await home.approve(asked)
    await office.cards.show(done.id)
    assert f"CPU before: b-31-VM 97 %.\n{PENDING}" in office.chat.replies[-1].body[-1]
    await office.calms_down([busy])
    await office.look()
    assert "CPU after: b-31-VM 54 %, 2 min 59 s after the end." in office.chat.replies[-1].body[-1]
    await home.approve(other)
    await office.cards.show(other.id)
    assert "CPU" not in office.chat.replies[-1].body[-1]


async def test_what_was_asked_for_before_an_advice_is_not_told_as_done_for_it(
    office: Office,
) -> None:
    home = office.home
    asked = await home.ask("migrate", "b-31-VM")
    home.later(600)
    await advised(office)
    await office.look()
    assert relief_in(await home.journal.notes(asked.id)) is None


async def test_an_advice_is_followed_as_long_as_its_incident_is_open(office: Office) -> None:
    home = office.home
    busy = await advised(office)
    (advice,) = await home.journal.newest_notes(ADVICE)
    for other in range(20):  # so many advices of others came since
        await home.journal.note(f"cpu:{other}:2027", "", ADVICE, advice.data)
    asked = await home.ask("migrate", "b-31-VM")
    await office.look()
    assert relief_in(await home.journal.notes(asked.id)) is not None
    await office.hears([busy], Moment.LOST)
    late = await home.ask("resize", "b-31-VM")
    await office.look()
    assert relief_in(await home.journal.notes(late.id)) is None


async def test_the_end_of_what_nobody_approved_is_told_in_its_thread(office: Office) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.home.decide(found, approve=False)
    await office.calms_down(edges)
    await office.look()
    assert office.chat.titles()[-1].startswith("b-31-VM is calm again: CPU 54 %")
    assert len(office.chat.posts) == 1


async def test_a_proposal_for_a_load_that_is_over_is_withdrawn_with_the_reason(
    office: Office,
) -> None:
    edges, found = await office.proposed("b-31-VM")
    await office.look()
    assert (await office.home.look(found)).state is State.WAITING
    await office.calms_down(edges)
    await office.look()
    withdrawn = await office.home.quiet(found)
    await office.cards.show(found.id)
    assert (withdrawn.state, withdrawn.outcome) == (State.ENDED, Outcome.STALE)
    assert office.chat.last.body[0] == (
        "*:arrows_counterclockwise: Withdrawn before anybody decided*"
    )
    assert office.chat.last.body[-1] == "b-31-VM is calm again: CPU 54 %, and it was 97 %"
    assert office.chat.last.buttons == ()
    assert office.chat.titles() == ["Evidence"]
    verdict = await office.home.decide(found)
    assert "has ended: stale (b-31-VM is calm again" in verdict.text


async def test_what_was_withdrawn_is_proposed_again_when_it_is_busy_again(office: Office) -> None:
    edges, first = await office.proposed("b-31-VM")
    await office.calms_down(edges)
    await office.look()
    _, second = await office.proposed("b-31-VM")
    assert second.id != first.id
    assert second.state is State.WAITING
