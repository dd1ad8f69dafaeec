"""What people, clicks and a failing disk do to the Slack edge ends in one true sentence."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.operation import Actor, Operation, Source, State, Wish
from bot.errors import Permanent
from bot.sandbox.cloud.faults import Fault, FaultKind
from bot.services.operations import standing
from handlers.conversation import Click, Conversation, Speaker
from tests.handlers.slack_house import House, house

ANA, BRUNO, CHEN = "U0ANA00001", "U0BRUNO001", "U0CHEN0001"
CHANNEL = "C0ILBOPS01"


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


def conversation(inside: House) -> Conversation:
    return Conversation(inside.operations, inside.answers)


async def said(inside: House, text: str, who: str = ANA) -> str:
    return await conversation(inside).said(text, Speaker(who, CHANNEL), text)


async def waiting(inside: House) -> Operation:
    found, _ = await inside.operations.open_for_person(
        Wish("roll", "app-tier"), Source.SLACK, Actor(ANA, "ana"), dedupe="one"
    )
    return await inside.plans(found.id)


def refuse_the_switch(folder: Path) -> None:
    """Let SQLite refuse what touches the stop switch, as a failing disk does."""
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        connection.execute("alter table switch rename to lost")
        connection.commit()


@pytest.mark.parametrize("seen", ["", "{one}", "{eleven}"])
async def test_a_button_with_less_than_the_plan_it_showed_decides_nothing(
    inside: House, seen: str
) -> None:
    found = await waiting(inside)
    prefix = seen.format(one=found.fingerprint[:1], eleven=found.fingerprint[:11])
    click = Click("approve", f"{found.id}:{prefix}", Speaker(CHEN, CHANNEL))
    assert "approved" not in await conversation(inside).clicked(click)
    again = await inside.journal.operation(found.id)
    assert again is not None
    assert again.state is State.WAITING


async def test_a_name_nobody_has_is_answered_with_the_nearest_and_no_list_of_tenants(
    inside: House,
) -> None:
    assert await said(inside, "why ap-tier") == (
        ":no_entry: No ILB, tier, router or VPC is called “ap-tier”. Did you mean `app-tier`?"
    )
    assert await said(inside, "why 261122-000000-abcd") == (
        ":no_entry: No ILB, tier, router or VPC is called “261122-000000-abcd”. "
        "`status` lists every ILB."
    )


async def test_a_failure_ends_its_sentence_once(inside: House) -> None:
    html = "<html><body>Bad Gateway</body></html>"
    inside.world.fail_next(Fault("*", FaultKind.BODY, times=30, status=502, text=html))
    text = await said(inside, "why nope")
    assert text.startswith(":warning: That was not done: list the ")
    assert ".." not in text
    assert "html" not in text


async def test_a_reason_of_several_lines_stands_in_a_sentence_as_its_first(inside: House) -> None:
    found, _ = await inside.operations.open_for_person(
        Wish("roll", "db-tier"), Source.SLACK, Actor(ANA, "ana"), dedupe="two"
    )
    await inside.journal.move(
        found.id, (State.ASKED,), "ended",
        state=State.ENDED, outcome="nothing to do", reason="It is well.\n• host kvm-1",
    )  # fmt: skip
    ended = await inside.journal.operation(found.id)
    assert ended is not None
    assert standing(ended) == "has ended: nothing to do (It is well)"


async def test_a_stop_that_the_journal_cannot_keep_is_kept_by_the_file(
    inside: House, tmp_path: Path
) -> None:
    found = await waiting(inside)
    refuse_the_switch(tmp_path)
    text = await said(inside, "stop the disk is full", CHEN)
    assert "Nothing new starts" in text
    assert f"remove the stop file {tmp_path / 'STOP'}" in text
    assert (tmp_path / "STOP").exists()
    verdict = await inside.operations.decide(
        found.id, BRUNO, approve=True, seen=found.fingerprint[:12]
    )
    assert verdict.text == f"Nothing starts now: the stop file {tmp_path / 'STOP'} exists."


async def test_a_stop_that_nothing_can_keep_is_said_to_be_none(
    inside: House, tmp_path: Path
) -> None:
    inside.switch._file = tmp_path / "journal.db" / "STOP"  # a file is no folder
    refuse_the_switch(tmp_path)
    text = await said(inside, "stop", CHEN)
    assert text.startswith(":warning: That was not done: stop all changes: ")
    with pytest.raises(Permanent):
        await inside.switch.set("Chen")


async def test_a_switch_that_cannot_be_read_is_said_once(inside: House, tmp_path: Path) -> None:
    inside.switch._file = tmp_path / "journal.db" / "STOP"
    text = await said(inside, "roll app-tier")
    assert text.startswith(":no_entry: Nothing starts now: the stop switch cannot be read (")
    assert text.count("starts") == 1
