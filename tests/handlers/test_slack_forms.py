"""`/ilb provision` opens a form; what is submitted is one operation, or is said at the field."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.cloud.model import Kind, Rule
from bot.sandbox.slack import Workspace
from bot.services.spec_file import read_spec
from handlers.slack import SlackHandler
from tests.handlers.slack_house import House, house, listening
from tests.sandbox.slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow

OTHER = """
tier: shop-prod/db-tier
ilbs:
  - vip: 10.20.3.10
    services:
      - rules: [{port: 5432, algorithm: source, members: [db-1]}]
"""


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack(Workspace(rate_scale=0)) as opened:
        yield opened


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def bot(room: Room, inside: House) -> AsyncIterator[SlackHandler]:
    async with listening(room, inside) as handler:
        yield handler


async def opened(room: Room, said: str = "provision db-tier") -> dict[str, Any]:
    await room.script.says("ana", f"/ilb {said}")
    return await room.script.sees_modal("ana", "Spec")


def text_in(modal: dict[str, Any]) -> str:
    [field] = [one for one in modal["blocks"] if one.get("block_id") == "spec"]
    return str(field["element"]["initial_value"])


@pytest.mark.usefixtures("bot")
async def test_the_form_starts_from_what_the_tier_has(room: Room) -> None:
    modal = await opened(room)
    assert "What tier db-tier has now" in modal["words"]
    spec = read_spec(text_in(modal), "spec")
    assert (spec.tier, spec.ilbs[0].vip) == ("shop-prod/db-tier", "10.20.3.10")


@pytest.mark.usefixtures("bot")
async def test_without_a_tier_it_starts_from_an_example_that_is_a_spec(room: Room) -> None:
    modal = await opened(room, "provision")
    assert "An example" in modal["words"]
    assert read_spec(text_in(modal), "spec").tier == "VPC/TIER"


@pytest.mark.usefixtures("bot")
async def test_in_a_tier_that_balances_nothing_it_starts_from_the_vms_that_are_there(
    room: Room, inside: House
) -> None:
    for rule in [one for one in inside.world.all(Rule) if one.tier.name == "db-tier"]:
        rule.removed = True
    hidden = await opened(room)
    assert "whose rules are hidden" in hidden["words"]
    for vm in [one for one in inside.world.machines(Kind.ILB) if one.tier.name == "db-tier"]:
        vm.removed = True
    modal = await opened(room)
    assert "balances nothing yet" in modal["words"]
    [wanted] = read_spec(text_in(modal), "spec").ilbs[0].services[0].rules
    assert [member.value for member in wanted.members] == ["db-1", "db-2"]


@pytest.mark.usefixtures("bot")
async def test_a_tier_that_is_not_there_is_said_in_the_form(room: Room) -> None:
    modal = await opened(room, "provision db-teir")
    assert "db-tier" in modal["words"]
    assert read_spec(text_in(modal), "spec").tier == "VPC/TIER"


@pytest.mark.usefixtures("bot")
async def test_a_submitted_spec_is_stored_when_the_form_closes(room: Room, inside: House) -> None:
    await opened(room)
    await room.script.submits("ana", spec=OTHER, overwrite=["overwrite"], because="one is enough")
    assert await room.script.modal("ana") is None
    wish = (await inside.newest()).wish
    assert (wish.runbook, wish.target, wish.because) == (
        "provision", "shop-prod/db-tier", "one is enough",
    )  # fmt: skip
    assert (wish.parameter("spec").strip(), wish.parameter("overwrite")) == (OTHER.strip(), "True")
    told = await room.script.sees("ana", "provision `shop-prod/db-tier` is being planned")
    assert (told["visible_to"], told["channel"]) == ("U0ANA00001", "C0ILBOPS01")


@pytest.mark.usefixtures("bot")
async def test_what_is_wrong_is_said_at_the_field_with_its_line_and_nothing_is_lost(
    room: Room, inside: House
) -> None:
    await opened(room)
    await room.script.submits("ana", spec=OTHER.replace("algorithm", "algoritm"))
    modal = await room.script.sees_modal("ana", "algoritm")
    assert list(modal["errors"]) == ["spec"]
    assert "spec, line 6, column 30" in modal["errors"]["spec"]
    assert await inside.journal.operations() == ()
    await room.script.submits("ana", spec=OTHER)
    assert (await inside.newest()).wish.target == "shop-prod/db-tier"


@pytest.mark.usefixtures("bot")
async def test_what_cloudstack_cannot_do_is_refused_at_the_field(room: Room) -> None:
    await opened(room)
    await room.script.submits("ana", spec=OTHER.replace("port: 5432", "port: 5432, protocol: udp"))
    modal = await room.script.sees_modal("ana", "works instead")
    assert "UDP" in modal["errors"]["spec"]


@pytest.mark.usefixtures("bot")
async def test_a_form_delivered_twice_is_one_operation(room: Room, inside: House) -> None:
    await opened(room)
    await room.script.breaks("duplicate_envelope")
    await room.script.submits("ana", spec=OTHER)
    await room.counts("acks.repeated")
    assert len(await inside.journal.operations()) == 1


@pytest.mark.usefixtures("bot")
async def test_a_stranger_is_told_before_typing(room: Room, inside: House) -> None:
    await room.script.says("dora", "/ilb provision db-tier")
    await room.script.sees("dora", "do not know you")
    assert await room.script.modal("dora") is None
    assert await inside.journal.operations() == ()


@pytest.mark.usefixtures("bot")
async def test_when_everything_is_stopped_the_form_stays_with_what_was_typed(
    room: Room, inside: House
) -> None:
    await opened(room)
    await room.script.says("chen", "/ilb stop broken switch")
    await room.script.submits("ana", spec=OTHER)
    modal = await room.script.sees_modal("ana", "Nothing starts now")
    assert list(modal["errors"]) == ["spec"]


@pytest.mark.usefixtures("bot")
async def test_when_nothing_can_be_stored_the_form_stays_with_what_was_typed(
    room: Room, tmp_path: Path
) -> None:
    await opened(room)
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("ALTER TABLE operation RENAME TO gone")
    await room.script.submits("ana", spec=OTHER)
    assert (await room.script.sees_modal("ana", "That was not done"))["errors"]


async def test_when_storing_is_slow_the_person_hears_so_and_then_the_outcome(
    room: Room, inside: House, tmp_path: Path
) -> None:
    async with listening(room, inside, patience_s=0.2):
        await opened(room)
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        await room.script.submits("ana", spec=OTHER)
        await room.script.sees_modal("ana", "takes longer than usual")
        other.execute("ROLLBACK")
        other.close()
        await room.script.sees("ana", "is being planned")
    assert len(await inside.journal.operations()) == 1


@pytest.mark.usefixtures("bot")
async def test_where_no_form_opens_the_person_hears_of_another_way(
    room: Room, inside: House
) -> None:
    await room.script.breaks("fail_call", method="views.open", error="expired_trigger_id")
    await room.script.says("ana", "/ilb provision db-tier")
    await room.script.sees("ana", "could not be opened (`expired_trigger_id`)")
    await room.script.says("ana", "@ilbot provision db-tier")
    await room.script.sees("ana", "`ilbot provision -f FILE`")
    assert await inside.journal.operations() == ()


@pytest.mark.usefixtures("bot")
async def test_a_form_that_was_closed_meanwhile_troubles_nobody(room: Room, inside: House) -> None:
    await room.script.breaks("hang_call", method="views.update", seconds=0.3)
    await room.script.says("ana", "/ilb provision db-tier")
    await room.script.dismisses("ana")
    await room.counts("errors.views.update.not_found")
    assert (await room.script.says("ana", "/ilb help"))["delivery"] == "acked"
    assert await inside.journal.operations() == ()
