"""A stock Bolt app opens modals in the pretend Slack as it would in the real one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack import Timings, Workspace
from bot.sandbox.slack.script import ScriptError

from .slack_world import Room, bolt_app, pretend_slack

pytestmark = pytest.mark.slow


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


TEXT: dict[str, Any] = {
    "type": "input",
    "block_id": "words",
    "label": plain("Words"),
    "element": {
        "type": "plain_text_input",
        "action_id": "said",
        "initial_value": "hello",
        "max_length": 20,
    },
}
CHOICE: dict[str, Any] = {
    "type": "input",
    "block_id": "choice",
    "optional": True,
    "label": plain("Choice"),
    "element": {
        "type": "checkboxes",
        "action_id": "chosen",
        "options": [
            {"text": plain("One"), "value": "one"},
            {"text": plain("Two"), "value": "two"},
        ],
    },
}
LOADING: dict[str, Any] = {
    "type": "modal",
    "title": plain("Loading"),
    "blocks": [{"type": "section", "text": plain("wait")}],
}
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "form",
    "private_metadata": "kept",
    "title": plain("A form"),
    "submit": plain("Send"),
    "blocks": [TEXT, CHOICE],
}


class Bot:
    """Opens a modal on its command and answers each submission with the next of `answers`."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any] | None] = []
        self.view: dict[str, Any] = FORM

    def __call__(self, app: AsyncApp) -> None:
        @app.command("/ilb")
        async def command(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
            self.seen.append(body)
            opened = await client.views_open(trigger_id=body["trigger_id"], view=self.view)
            self.opened.append(dict(opened["view"]))
            await ack()

        @app.view("form")
        async def form(ack: Any, body: dict[str, Any]) -> None:
            self.seen.append(body)
            answer = self.answers.pop(0)
            if answer is not None:
                await ack(**answer)

        @app.view_closed("form")
        async def closed(ack: Any, body: dict[str, Any]) -> None:
            self.seen.append(body)
            await ack()


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with pretend_slack(Workspace(timings=Timings(ack_s=0.5, trigger_s=0.3))) as room:
        yield room


@pytest.fixture
async def bot(room: Room) -> AsyncIterator[Bot]:
    made = Bot()
    async with bolt_app(room, made):
        yield made


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as refusal:
        await call
    return str(refusal.value.response["error"])


async def test_what_is_submitted_arrives_as_slack_sends_it(room: Room, bot: Bot) -> None:
    bot.answers = [{}]
    await room.script.says("ana", "/ilb form")
    shown = await room.script.sees_modal("ana", "A form", "Words")
    assert shown["id"] == bot.opened[0]["id"]
    await room.script.submits("ana", words="bonjour", chosen=["two"])
    body = bot.seen[-1]
    assert (body["type"], body["user"]["id"], body["team"]["id"]) == (
        "view_submission", "U0ANA00001", "T0SANDBOX1",
    )  # fmt: skip
    view = body["view"]
    assert (view["id"], view["hash"], view["callback_id"], view["private_metadata"]) == (
        bot.opened[0]["id"], bot.opened[0]["hash"], "form", "kept",
    )  # fmt: skip
    assert view["state"]["values"] == {
        "words": {"said": {"type": "plain_text_input", "value": "bonjour"}},
        "choice": {
            "chosen": {
                "type": "checkboxes",
                "selected_options": [{"text": plain("Two"), "value": "two"}],
            }
        },
    }
    assert (await room.script.modal("ana")) is None


async def test_what_is_not_touched_keeps_its_initial_value(room: Room, bot: Bot) -> None:
    bot.answers = [{}]
    await room.script.says("ana", "/ilb form")
    await room.script.submits("ana")
    values = bot.seen[-1]["view"]["state"]["values"]
    assert values["words"]["said"]["value"] == "hello"
    assert values["choice"]["chosen"]["selected_options"] == []


async def test_errors_stay_at_their_fields_until_the_next_submission(room: Room, bot: Bot) -> None:
    bot.answers = [{"response_action": "errors", "errors": {"words": "Say it in French."}}, {}]
    await room.script.says("ana", "/ilb form")
    await room.script.submits("ana")
    shown = await room.script.sees_modal("ana", "Say it in French.")
    assert shown["errors"] == {"words": "Say it in French."}
    await room.script.submits("ana", words="bonjour")
    assert (await room.script.modal("ana")) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"response_action": "errors", "errors": {"nowhere": "no such block"}},
        {"response_action": "update", "view": {**FORM, "title": plain("x" * 25)}},
        None,
    ],
    ids=["an error at no field", "an unusable view", "no acknowledgement"],
)
async def test_an_unusable_answer_keeps_the_modal_and_says_so(
    room: Room, bot: Bot, answer: dict[str, Any] | None
) -> None:
    bot.answers = [answer]
    await room.script.says("ana", "/ilb form")
    await room.script.submits("ana")
    shown = await room.script.modal("ana")
    assert shown is not None
    assert "trouble connecting" in shown["trouble"]


async def test_an_answer_may_replace_the_content(room: Room, bot: Bot) -> None:
    bot.answers = [{"response_action": "update", "view": LOADING}]
    await room.script.says("ana", "/ilb form")
    await room.script.submits("ana")
    shown = await room.script.sees_modal("ana", "Loading")
    assert (shown["id"], shown["hash"] != bot.opened[0]["hash"]) == (bot.opened[0]["id"], True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"words": ""}, "complete this required field"),
        ({"words": "x" * 21}, "20 characters or fewer"),
        ({"nobody": "x"}, "no such field"),
    ],
)
async def test_the_client_does_not_send_what_a_field_does_not_take(
    room: Room, bot: Bot, values: dict[str, str], told: str
) -> None:
    await room.script.says("ana", "/ilb form")
    with pytest.raises(ScriptError, match=told):
        await room.script.submits("ana", **values)
    assert [one.get("type") for one in bot.seen] == [None]
    assert await room.script.modal("ana") is not None


async def test_closing_is_told_only_where_it_was_asked_for(room: Room, bot: Bot) -> None:
    await room.script.says("ana", "/ilb form")
    await room.script.dismisses("ana")
    assert len(bot.seen) == 1
    bot.view = {**FORM, "notify_on_close": True}
    await room.script.says("ana", "/ilb form")
    await room.script.dismisses("ana")
    assert (bot.seen[-1]["type"], bot.seen[-1]["is_cleared"]) == ("view_closed", False)
    with pytest.raises(ScriptError, match="no modal open"):
        await room.script.dismisses("ana")


async def test_a_trigger_opens_one_modal_and_soon(room: Room, bot: Bot) -> None:
    await room.script.says("ana", "/ilb form")
    used, client = bot.seen[0]["trigger_id"], room.client()
    assert await refused(client.views_open(trigger_id=used, view=FORM)) == "exchanged_trigger_id"
    fresh = room.workspace.mint_trigger("U0ANA00001")
    await asyncio.sleep(0.35)  # the trigger's own 0.3 s
    assert await refused(client.views_open(trigger_id=fresh, view=FORM)) == "expired_trigger_id"
    assert await refused(client.views_open(trigger_id="1.2.x", view=FORM)) == "invalid_trigger_id"


async def test_an_update_is_for_the_content_that_was_meant(room: Room, bot: Bot) -> None:
    await room.script.says("ana", "/ilb form")
    view, client = bot.opened[0], room.client()
    changed = await client.views_update(view_id=view["id"], hash=view["hash"], view=LOADING)
    assert changed["view"]["hash"] != view["hash"]
    late = client.views_update(view_id=view["id"], hash=view["hash"], view=FORM)
    assert await refused(late) == "hash_conflict"
    await room.script.dismisses("ana")
    assert await refused(client.views_update(view_id=view["id"], view=FORM)) == "not_found"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"type": "home"}, "must be a modal"),
        ({"title": None}, "title"),
        ({"title": plain("x" * 25)}, "title"),
        ({"title": {"type": "mrkdwn", "text": "*x*"}}, "plain_text object: title"),
        ({"submit": None}, "submit"),
        ({"blocks": []}, "blocks"),
        ({"blocks": [LOADING["blocks"][0]] * 101}, "no more than 100"),
        ({"private_metadata": "x" * 3001}, "private_metadata"),
        ({"callback_id": "x" * 256}, "callback_id"),
        ({"blocks": [{**TEXT, "element": {**TEXT["element"], "max_length": 3001}}]}, "max_length"),
        ({"blocks": [{**TEXT, "element": {**TEXT["element"], "initial_value": "x" * 21}}]},
         "initial_value"),
        ({"blocks": [{**TEXT, "label": {"type": "mrkdwn", "text": "x"}}]}, "label"),
        ({"blocks": [{**CHOICE, "element": {**CHOICE["element"], "options": []}}]}, "options"),
        ({"blocks": [TEXT, TEXT]}, "already exists"),
    ],
)  # fmt: skip
async def test_a_view_outside_slacks_limits_is_refused_with_the_place(
    room: Room, change: dict[str, Any], says: str
) -> None:
    trigger = room.workspace.mint_trigger("U0ANA00001")
    view = {key: value for key, value in (FORM | change).items() if value is not None}
    with pytest.raises(SlackApiError) as refusal:
        await room.client().api_call("views.open", json={"trigger_id": trigger, "view": view})
    answer = refusal.value.response
    assert answer["error"] == "invalid_arguments"
    assert says in str(answer["response_metadata"]["messages"])
