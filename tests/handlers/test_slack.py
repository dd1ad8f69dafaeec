"""What is said and clicked in Slack reaches the door once, and people hear what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.domain.operation import Outcome, State
from bot.errors import Refused
from bot.sandbox.slack import Timings, Workspace
from handlers.conversation import Conversation
from handlers.slack import SlackHandler
from tests.handlers.slack_house import House, access, house, listening
from tests.sandbox.slack_world import Room, pretend_slack

pytestmark = pytest.mark.slow


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    timings = Timings(event_retries_s=(0.0, 0.0, 0.0))
    async with pretend_slack(Workspace(timings=timings, rate_scale=0)) as opened:
        yield opened


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def bot(room: Room, inside: House) -> AsyncIterator[SlackHandler]:
    async with listening(room, inside) as handler:
        yield handler


async def card_of(room: Room, inside: House, operation_id: str) -> str:
    """Post a card with the buttons of an operation, and return its ts."""
    found = await inside.plans(operation_id)
    value = f"{found.id}:{found.fingerprint[:12]}"
    elements = [
        {
            "type": "button", "action_id": name.lower(), "value": value,
            "text": {"type": "plain_text", "text": name},
        }
        for name in ("Approve", "Reject")
    ]  # fmt: skip
    posted = await room.client().chat_postMessage(
        channel="#ilb-ops", text="card", blocks=[{"type": "actions", "elements": elements}]
    )
    return str(posted["ts"])


async def asked(room: Room, inside: House, person: str = "ana") -> str:
    await room.script.says(person, "/ilb roll app-tier restart")
    await room.script.sees(person, "is being planned")
    return (await inside.newest()).id


@pytest.mark.usefixtures("bot")
async def test_a_wish_is_stored_when_slack_hears_that_it_was_taken(
    room: Room, inside: House
) -> None:
    sent = await room.script.says("ana", '/ilb roll app-tier version=4.22.0 because="CVE"')
    assert sent["delivery"] == "acked"
    told = await room.script.sees("ana", "roll `app-tier` is being planned")
    assert told["visible_to"] == "U0ANA00001"
    found = await inside.newest()
    assert (found.wish.runbook, found.wish.target) == ("roll", "app-tier")
    assert (found.wish.parameters, found.wish.because) == ((("version", "4.22.0"),), "CVE")
    assert (found.requested_by.id, found.requested_by.name) == ("U0ANA00001", "Ana")
    assert found.channel == "C0ILBOPS01"


@pytest.mark.usefixtures("bot")
async def test_a_command_delivered_twice_is_one_operation(room: Room, inside: House) -> None:
    await room.script.breaks("duplicate_envelope")
    await room.script.says("ana", "/ilb recover web-tier")
    await room.counts("acks.repeated")
    assert len(await inside.journal.operations()) == 1


@pytest.mark.usefixtures("bot")
async def test_a_mention_takes_the_same_commands_and_answers_only_that_person(
    room: Room, inside: House
) -> None:
    await room.script.says("ana", "@ilbot roll app-tier restart")
    told = await room.script.sees("ana", "is being planned")
    assert told["visible_to"] == "U0ANA00001"
    assert (await inside.newest()).wish.parameters == (("restart", "True"),)


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("rol app-tier", "Did you mean `roll`?"),
        ("roll", "needs a target"),
        ("roll app-tier verson=4.22.0", "Did you mean `version`?"),
        ("roll app-tier version=latest", "is no version"),
        ("ｒｏｌｌ app-tier", "I know no command"),
        ("$(reboot); `id`", "I know no command"),
        ("x" * 3000, "too long"),
        ('roll "app-tier', "quotation mark"),
    ],
)
async def test_what_is_not_understood_gets_one_sentence_and_opens_nothing(
    room: Room, inside: House, said: str, told: str
) -> None:
    await room.script.says("ana", f"/ilb {said}")
    answer = await room.script.sees("ana", told)
    assert answer["visible_to"] == "U0ANA00001"
    assert await inside.journal.operations() == ()


@pytest.mark.usefixtures("bot")
async def test_nobody_is_rung_by_what_is_repeated(room: Room) -> None:
    await room.script.says("ana", "/ilb <!channel> *bold* @bruno")
    answer = await room.script.sees("ana", "I know no command")
    assert "<!channel>" not in answer["text"]
    assert "<@" not in answer["text"]


@pytest.mark.usefixtures("bot")
async def test_a_stranger_may_look_and_not_ask(room: Room, inside: House) -> None:
    await room.script.says("dora", "/ilb roll app-tier")
    await room.script.sees("dora", "The policies do not know you")
    await room.script.says("dora", "/ilb status")
    await room.script.sees("dora", "Internal load balancers")
    assert await inside.journal.operations() == ()


@pytest.mark.usefixtures("bot")
async def test_an_approval_counts_once_and_the_second_click_is_told_so(
    room: Room, inside: House
) -> None:
    operation_id = await asked(room, inside)
    ts = await card_of(room, inside, operation_id)
    await room.script.clicks("bruno", "Approve", ts=ts)
    await room.script.sees("bruno", f"You approved {operation_id}")
    await room.script.clicks("chen", "Approve", ts=ts)
    late = await room.script.sees("chen", "this changes nothing")
    assert late["visible_to"] == "U0CHEN0001"
    found = await inside.journal.operation(operation_id)
    assert found is not None
    assert (found.state, found.decided_by) == (State.APPROVED, "U0BRUNO001")


@pytest.mark.usefixtures("bot")
async def test_a_click_delivered_twice_is_answered_once(room: Room, inside: House) -> None:
    ts = await card_of(room, inside, await asked(room, inside))
    await room.script.breaks("duplicate_envelope")
    await room.script.clicks("bruno", "Approve", ts=ts)
    await room.script.sees("bruno", "You approved")
    await room.counts("acks.repeated")
    texts = [m["text"] for m in await room.script.messages(**{"as": "bruno"})]
    assert not [text for text in texts if "changes nothing" in text]


@pytest.mark.usefixtures("bot")
async def test_who_asked_may_withdraw_and_not_approve(room: Room, inside: House) -> None:
    operation_id = await asked(room, inside, "bruno")
    ts = await card_of(room, inside, operation_id)
    await room.script.clicks("bruno", "Approve", ts=ts)
    await room.script.sees("bruno", "somebody else decides")
    await room.script.clicks("bruno", "Reject", ts=ts)
    await room.script.sees("bruno", f"You rejected {operation_id}")
    found = await inside.journal.operation(operation_id)
    assert found is not None
    assert (found.outcome, found.reason) == (Outcome.REJECTED, "withdrawn by Bruno")


@pytest.mark.usefixtures("bot")
async def test_a_strangers_click_decides_nothing(room: Room, inside: House) -> None:
    operation_id = await asked(room, inside)
    ts = await card_of(room, inside, operation_id)
    await room.script.clicks("dora", "Approve", ts=ts)
    await room.script.sees("dora", "The policies do not know")
    found = await inside.journal.operation(operation_id)
    assert found is not None
    assert found.state is State.WAITING


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("action", "value", "told"),
    [
        ("approve", "{id}:0123456789ab", "The plan of"),
        ("approve", "{id}", "no longer does anything"),
        ("approve", "{id}:", "no longer does anything"),
        ("approve", "nowhere:0123456789ab", "There is no operation nowhere"),
        ("reroll", "{id}:0123456789ab", "no longer does anything"),
    ],
)
async def test_an_old_or_forged_button_decides_nothing(
    room: Room, inside: House, action: str, value: str, told: str
) -> None:
    operation_id = await asked(room, inside)
    ts = await card_of(room, inside, operation_id)
    await room.script.clicks("bruno", action_id=action, ts=ts, value=value.format(id=operation_id))
    await room.script.sees("bruno", told)
    found = await inside.journal.operation(operation_id)
    assert found is not None
    assert found.state is State.WAITING


@pytest.mark.usefixtures("bot")
async def test_a_dead_response_url_does_not_lose_the_answer(room: Room, inside: House) -> None:
    ts = await card_of(room, inside, await asked(room, inside))
    await room.script.breaks("response_url_404")
    await room.script.clicks("bruno", "Approve", ts=ts)
    await room.script.sees("bruno", "You approved")


@pytest.mark.usefixtures("bot")
async def test_when_nothing_can_be_stored_the_person_hears_that_it_was_not_done(
    room: Room, inside: House, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("ALTER TABLE operation RENAME TO gone")
    sent = await room.script.says("ana", "/ilb roll app-tier")
    assert sent["delivery"] == "acked"
    await room.script.sees("ana", "That was not done")
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("ALTER TABLE gone RENAME TO operation")
    assert await inside.journal.operations() == ()


@pytest.mark.usefixtures("bot")
async def test_what_nobody_foresaw_is_a_sentence_with_an_error_id(
    room: Room, inside: House, tmp_path: Path
) -> None:
    await asked(room, inside)
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("UPDATE operation SET state = 'nonsense'")
    sent = await room.script.says("ana", "/ilb status")
    assert sent["delivery"] == "acked"
    told = await room.script.sees("ana", "Something broke here (error ")
    assert "nonsense" not in told["text"]


async def test_when_storing_is_slow_the_person_hears_so_and_then_the_outcome(
    room: Room, inside: House, tmp_path: Path
) -> None:
    async with listening(room, inside, patience_s=0.2):
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        sent = await room.script.says("ana", "/ilb roll app-tier")
        assert sent["delivery"] == "acked"
        await room.script.sees("ana", "takes longer than usual")
        other.execute("ROLLBACK")
        other.close()
        await room.script.sees("ana", "is being planned")
    assert len(await inside.journal.operations()) == 1


@pytest.mark.usefixtures("bot")
async def test_somebody_of_another_workspace_is_turned_away(room: Room, inside: House) -> None:
    object.__setattr__(room.workspace.seed, "team_id", "T0OTHER001")
    await room.script.says("ana", "/ilb roll app-tier")
    await room.script.sees("ana", "serves another workspace")
    assert await inside.journal.operations() == ()


async def test_it_heals_a_lost_connection_and_tells_its_health(room: Room, inside: House) -> None:
    async with listening(room, inside) as handler:
        assert handler.health() == (True, "slack: connected")
        await room.script.breaks("refuse_handshake", count=2)
        await room.script.disconnects("cut")
        await room.counts("sockets.opened", at_least=2)
        await room.has_connections(1)
        assert (await room.script.says("ana", "/ilb help"))["delivery"] == "acked"
    assert handler.health()[0] is False


@pytest.mark.parametrize("which", ["bot_token", "app_token"])
async def test_a_wrong_token_is_refused_at_the_start(room: Room, inside: House, which: str) -> None:
    right, bad = access(room), SecretStr("xoxb-wrong")
    wrong = replace(right, bot_token=bad) if which == "bot_token" else replace(right, app_token=bad)
    handler = SlackHandler(wrong, Conversation(inside.operations, inside.answers))
    with pytest.raises(Refused, match="invalid_auth") as refusal:
        await handler.start()
    assert "xoxb" not in str(refusal.value)


async def test_a_slack_that_is_not_there_at_the_start_is_found_when_it_comes(
    inside: House,
) -> None:
    async with pretend_slack() as gone:
        port = int(gone.url.rpartition(":")[2])
        how = replace(access(gone), watch_s=0.1)
    handler = SlackHandler(how, Conversation(inside.operations, inside.answers))
    await handler.start()
    assert handler.health()[0] is False
    assert "connect to Slack" in handler.health()[1]
    async with pretend_slack(port=port) as room:
        await room.has_connections(1)
        assert (await room.script.says("ana", "/ilb help"))["delivery"] == "acked"
        await handler.stop()


async def test_a_decision_that_takes_long_is_answered_when_it_is_taken(
    room: Room, inside: House, tmp_path: Path
) -> None:
    async with listening(room, inside, patience_s=0.2):
        operation_id = await asked(room, inside)
        ts = await card_of(room, inside, operation_id)
        other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        sent = await room.script.clicks("bruno", "Approve", ts=ts)
        assert sent["delivery"] == "acked"
        await room.script.sees("bruno", "takes longer than usual")
        other.execute("ROLLBACK")
        other.close()
        await room.script.sees("bruno", f"You approved {operation_id}")


@pytest.mark.usefixtures("bot")
async def test_an_administrator_stops_everything_and_nobody_else(room: Room) -> None:
    await room.script.says("ana", "/ilb stop")
    await room.script.sees("ana", "Ana may not administer the bot. Chen may.")
    await room.script.says("chen", "/ilb stop storage is &lt;slow&gt;")
    await room.script.sees("chen", "Nothing new starts")
    await room.script.says("ana", "/ilb roll app-tier")
    await room.script.sees("ana", "Chen stopped all changes: storage is")
