"""A stock Bolt app lives in the pretend Slack as it would in the real one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.app.async_app import AsyncApp

from bot.sandbox.slack import Timings, Workspace
from bot.sandbox.slack.script import ScriptError

from .slack_world import Room, bolt_app, pretend_slack

pytestmark = pytest.mark.slow

CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Plan* for `web`"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": "Approve"},
                "style": "primary",
                "value": "op-1",
            }
        ],
    },
]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    timings = Timings(ack_s=0.5, event_retries_s=(0.0, 0.0, 0.0), refresh_warning_s=0.2)
    async with pretend_slack(Workspace(timings=timings)) as room:
        yield room


class Bot:
    """A small app that remembers every payload it was given."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def __call__(self, app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any, body: dict[str, Any], respond: Any) -> None:
            self.seen.append(body)
            await ack("on it")
            await respond(text="plan", blocks=CARD, response_type="in_channel")

        @app.action("approve")
        async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
            await ack()
            self.seen.append(body)
            await client.chat_update(
                channel=body["channel"]["id"],
                ts=body["container"]["message_ts"],
                text=f"approved by <@{body['user']['id']}>",
            )

        @app.event("app_mention")
        async def mention(body: dict[str, Any], say: Any) -> None:
            self.seen.append(body)
            await say(text="you called", thread_ts=body["event"]["ts"])


async def test_a_command_is_acknowledged_for_one_and_answered_for_all(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        sent = await room.script.says("ana", "/ilb pair web with @bruno in #general")
        assert sent["delivery"] == "acked"
        ack = await room.script.sees("ana", "on it")
        card = await room.script.sees("chen", "Plan", button="Approve")
    assert ack["visible_to"] == "U0ANA00001"
    assert card["visible_to"] is None
    body = bot.seen[0]
    assert body["command"] == "/ilb"
    assert body["text"] == "pair web with <@U0BRUNO001|bruno> in <#C0GENERAL1|general>"
    assert body["user_id"] == "U0ANA00001"
    assert body["channel_name"] == "ilb-ops"
    assert {"trigger_id", "response_url", "team_id", "team_domain", "api_app_id"} <= body.keys()


async def test_others_do_not_see_what_only_one_was_told(room: Room) -> None:
    async with bolt_app(room, Bot()):
        await room.script.says("ana", "/ilb help")
        await room.script.sees("ana", "on it")
    assert "on it" not in [m["text"] for m in await room.script.messages(**{"as": "bruno"})]


async def test_a_click_carries_message_and_person_and_can_edit_the_card(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        await room.script.says("ana", "/ilb pair web")
        card = await room.script.sees("ana", button="Approve")
        await room.script.clicks("bruno", "Approve")
        edited = await room.script.sees("ana", "approved by", ts=card["ts"])
    assert edited["buttons"] == []
    assert edited["edited"]["ts"] > card["ts"]
    body = bot.seen[-1]
    assert body["user"]["id"] == "U0BRUNO001"
    assert body["message"]["blocks"][1]["elements"][0]["value"] == "op-1"
    assert body["container"] == {
        "type": "message",
        "message_ts": card["ts"],
        "channel_id": "C0ILBOPS01",
        "is_ephemeral": False,
    }
    action = body["actions"][0]
    assert (action["action_id"], action["value"], action["type"]) == ("approve", "op-1", "button")
    assert action["block_id"] == card["blocks"][1]["block_id"]


async def test_a_button_that_is_gone_can_still_be_clicked_by_a_slow_client(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        await room.script.says("ana", "/ilb pair web")
        card = await room.script.sees("ana", button="Approve")
        await room.script.clicks("bruno", "Approve")
        await room.script.sees("ana", "approved by", ts=card["ts"])
        late = await room.script.clicks("dora", action_id="approve", ts=card["ts"])
    assert late["delivery"] == "acked"
    assert bot.seen[-1]["user"]["id"] == "U0DORA0001"
    assert bot.seen[-1]["actions"][0]["value"] == "op-1"
    assert "blocks" not in bot.seen[-1]["message"]


async def test_a_label_means_the_newest_card_that_still_has_the_button(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        await room.script.says("ana", "/ilb pair one")
        older = await room.script.sees("ana", button="Approve")
        second = await room.script.says("ana", "/ilb pair two")
        newer = await room.script.sees("ana", button="Approve", after=second["number"])
        for card in (newer, older):
            await room.script.clicks("bruno", "Approve")
            await room.script.sees("ana", "approved by", ts=card["ts"])
        with pytest.raises(ScriptError, match="no such button"):
            await room.script.clicks("bruno", "Approve")


async def test_a_forged_click_is_delivered_as_it_was_forged(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        posted = await room.client().chat_postMessage(channel="#ilb-ops", text="no buttons")
        await room.script.clicks("dora", action_id="approve", ts=posted["ts"], value="op-99")
    assert bot.seen[0]["actions"][0]["value"] == "op-99"


async def test_a_mention_reaches_the_app_as_an_event_and_is_answered_in_its_thread(
    room: Room,
) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        said = await room.script.says("ana", "@ilbot what about <web> & co?")
        answer = await room.script.sees("chen", "you called")
    event = bot.seen[0]["event"]
    assert event["text"] == "<@U0ILBOT001> what about &lt;web&gt; &amp; co?"
    assert bot.seen[0]["event_id"].startswith("Ev")
    assert answer["thread_ts"] == said["message"]["ts"] == event["ts"]


async def test_an_unacknowledged_command_tells_the_person_so(room: Room) -> None:
    def deaf(app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command() -> None:
            pass

    async with bolt_app(room, deaf):
        sent = await room.script.says("ana", "/ilb status")
    assert sent["delivery"] == "operation_timeout"
    told = await room.script.sees("ana", '/ilb failed with the error "operation_timeout"')
    assert told["visible_to"] == "U0ANA00001"
    assert room.workspace.counters["acks.missing"] == 1


async def test_an_ack_that_comes_late_is_counted(room: Room) -> None:
    release = asyncio.Event()

    def slow(app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any) -> None:
            await release.wait()
            await ack()

    async with bolt_app(room, slow):
        await room.script.says("ana", "/ilb status")
        release.set()
        await room.counts("acks.late")
    assert room.workspace.counters["acks.in_time"] == 0


async def test_with_nobody_connected_a_command_fails_at_once(room: Room) -> None:
    sent = await room.script.says("ana", "/ilb status")
    assert sent["delivery"] == "dispatch_failed"
    await room.script.sees("ana", '/ilb failed with the error "dispatch_failed"')


async def test_an_unacknowledged_event_is_sent_again_with_its_reason(room: Room) -> None:
    await room.script.breaks("drop_ack", count=1)
    bot = Bot()
    async with bolt_app(room, bot):
        await room.script.says("ana", "@ilbot hello")
        await room.counts("acks.in_time")
    first, second = bot.seen
    assert first["event_id"] == second["event_id"]


async def test_a_duplicated_envelope_runs_the_listener_twice(room: Room) -> None:
    await room.script.breaks("duplicate_envelope")
    bot = Bot()
    async with bolt_app(room, bot):
        await room.script.says("ana", "/ilb status")
        await room.counts("acks.repeated")
    first, second = bot.seen
    assert first["trigger_id"] == second["trigger_id"]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "cut"])
async def test_an_app_survives_losing_its_connection(room: Room, reason: str) -> None:
    async with bolt_app(room, Bot()):
        await room.script.disconnects(reason)
        await room.counts("sockets.opened", at_least=2)
        await room.has_connections(1)
        assert (await room.script.says("ana", "/ilb status"))["delivery"] == "acked"


async def test_a_refused_handshake_is_tried_again_with_a_fresh_url(room: Room) -> None:
    async with bolt_app(room, Bot()):
        await room.script.breaks("refuse_handshake")
        await room.script.disconnects("cut")
        await room.counts("sockets.opened", at_least=2)
        await room.has_connections(1)
    assert room.workspace.counters["sockets.refused"] == 1
    assert room.workspace.counters["calls.apps.connections.open"] == 3


async def test_of_two_connected_apps_only_one_gets_a_payload(room: Room) -> None:
    one, other = Bot(), Bot()
    async with bolt_app(room, one), bolt_app(room, other):
        for _ in range(4):
            await room.script.says("ana", "/ilb status")
    assert (len(one.seen), len(other.seen)) == (2, 2)


async def test_a_command_in_a_thread_or_unknown_is_refused_by_slack_itself(room: Room) -> None:
    bot = Bot()
    async with bolt_app(room, bot):
        said = await room.script.says("ana", "hello")
        with pytest.raises(ScriptError, match="not supported in threads"):
            await room.script.says("ana", "/ilb x", thread_ts=said["message"]["ts"])
        with pytest.raises(ScriptError, match="not a valid command"):
            await room.script.says("ana", "/nope")
    assert bot.seen == []


async def test_a_response_url_serves_five_times_and_then_no_more(room: Room) -> None:
    answers: list[int] = []

    def chatty(app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any, respond: Any) -> None:
            await ack()
            answers.extend([(await respond(f"number {n}")).status_code for n in range(6)])

    async with bolt_app(room, chatty):
        await room.script.says("ana", "/ilb status")
        await room.script.sees("ana", "number 4")
        await room.counts("response_url.refused")
    assert answers == [200] * 5 + [404]


async def test_an_ephemeral_is_replaced_and_deleted_through_its_response_url(room: Room) -> None:
    def private(app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any) -> None:
            await ack(text="card", blocks=CARD)

        @app.action("approve")
        async def approve(ack: Any, body: dict[str, Any], respond: Any) -> None:
            await ack()
            assert body["container"]["is_ephemeral"] is True
            assert "message" not in body
            await respond(text="beside it", replace_original=False)
            await respond(text="replaced")

    async with bolt_app(room, private):
        await room.script.says("ana", "/ilb status")
        card = await room.script.sees("ana", button="Approve")
        with pytest.raises(ScriptError, match="no such button"):
            await room.script.clicks("bruno", "Approve")
        await room.script.clicks("ana", "Approve")
        replaced = await room.script.sees("ana", "replaced", ts=card["ts"])
        beside = await room.script.sees("ana", "beside it")
    assert replaced["visible_to"] == beside["visible_to"] == "U0ANA00001"
    assert beside["ts"] != card["ts"]
