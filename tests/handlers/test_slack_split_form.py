"""`/ilb split TARGET` opens a form with the proposed groups; changed or not, it is one wish."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.directory.exchange import Server
from bot.adapters.directory.manual import ManualDirectory
from bot.sandbox.cloud.model import Rule
from bot.sandbox.dns.seed import demo_nameserver
from bot.sandbox.slack import Workspace
from bot.services.split_form import as_lines, from_lines
from handlers.slack import SlackHandler
from tests.directory.nameservers import in_process
from tests.handlers.slack_house import House, house, listening
from tests.sandbox.slack_world import Room, pretend_slack

GRPC = "grpc.shop.internal"


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack(Workspace(rate_scale=0)) as opened:
        yield opened


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[House]:
    nameserver = demo_nameserver()
    nameserver.zone.set_record(GRPC, 5, "A", "10.20.1.10")
    directory = ManualDirectory(Server("127.0.0.1"), in_process(nameserver), 5)
    async with house(tmp_path, directory) as opened:
        rule = opened.world.one(Rule, "app-grpc")
        rule.tags |= {"ilbot.service": "grpc", "ilbot.name": GRPC}
        yield opened


@pytest.fixture
async def bot(room: Room, inside: House) -> AsyncIterator[SlackHandler]:
    async with listening(room, inside) as handler:
        yield handler


async def opened(room: Room, words: str = "Groups of services") -> dict[str, Any]:
    await room.script.says("ana", "/ilb split app-tier")
    return await room.script.sees_modal("ana", words)


def text_in(modal: dict[str, Any]) -> str:
    [field] = [one for one in modal["blocks"] if one.get("block_id") == "spec"]
    return str(field["element"]["initial_value"])


@pytest.mark.slow
@pytest.mark.usefixtures("bot")
async def test_the_form_starts_from_groups_and_says_what_they_rest_on(room: Room) -> None:
    modal = await opened(room)
    assert text_in(modal) == "app\ngrpc"
    assert "= 10.20.1.10 (b-31-VM): app" in modal["words"]
    assert "was not counted" in modal["words"]


@pytest.mark.slow
@pytest.mark.usefixtures("bot")
async def test_what_was_changed_in_it_is_what_is_asked_for(room: Room, inside: House) -> None:
    await opened(room)
    await room.script.submits("ana", spec="grpc\napp", because="grpc is quiet")
    assert await room.script.modal("ana") is None
    wish = (await inside.newest()).wish
    assert (wish.runbook, wish.target, wish.because) == ("split", "app-tier", "grpc is quiet")
    assert wish.parameters == (("groups", "grpc|app"),)
    await room.script.sees("ana", "split `app-tier` is being planned")


@pytest.mark.slow
@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("typed", "words"),
    [("app\ngrcp", "Did you mean `grpc`?"), ("app, grpc", "is 1 group"), ("  ", "no groups")],
)
async def test_what_is_wrong_is_said_at_the_field(
    room: Room, inside: House, typed: str, words: str
) -> None:
    await opened(room)
    await room.script.submits("ana", spec=typed)
    modal = await room.script.sees_modal("ana", words)
    assert list(modal["errors"]) == ["spec"]
    assert await inside.journal.operations() == ()


@pytest.mark.slow
@pytest.mark.usefixtures("bot")
async def test_what_cannot_be_split_is_said_in_place_of_the_form(room: Room) -> None:
    await room.script.says("ana", "/ilb split 10.20.2.10")
    modal = await room.script.sees_modal("ana", "Introduce a name first")
    assert "submit" not in modal or not modal["submit"]


@pytest.mark.slow
@pytest.mark.usefixtures("bot")
async def test_with_an_option_it_is_asked_for_at_once(room: Room, inside: House) -> None:
    await room.script.says("ana", "/ilb split app-tier weights=app:3,grpc:1")
    await room.script.sees("ana", "split `app-tier` is being planned")
    assert (await inside.newest()).wish.parameters == (("weights", "app:3,grpc:1"),)


def test_lines_are_groups_whatever_people_leave_in_them() -> None:
    assert from_lines(" web, api ,\n\n  admin\n") == "web,api|admin"
    assert from_lines(as_lines("web,api|admin")) == "web,api|admin"
