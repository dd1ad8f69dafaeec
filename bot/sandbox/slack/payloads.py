"""Turn a command, a click, a form or a mention into the payload that Slack sends to the app.

https://docs.slack.dev/interactivity/implementing-slash-commands/ ·
https://docs.slack.dev/reference/interaction-payloads/block_actions-payload ·
https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload ·
https://docs.slack.dev/reference/events/app_mention
"""

import secrets
import uuid
from dataclasses import dataclass

from . import wire
from .messages import Json, Message
from .seed import Channel, Person
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person is: a channel, perhaps a thread of it."""

    person: Person
    channel: Channel
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """A button and the message it belongs, or once belonged, to."""

    message: Message
    block_id: str
    element: Json
    option: Json | None = None


def command(workspace: Workspace, place: Place, name: str, text: str) -> Json:
    """Build a slash command, but for its response_url. Flags are strings: it was a form once."""
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.seed.team_id,
        "team_domain": workspace.seed.team_domain,
        "channel_id": place.channel.id,
        "channel_name": place.channel.name or "directmessage",
        "user_id": place.person.id,
        "user_name": place.person.name,
        "command": name,
        "text": workspace.escaper.command(text),
        "api_app_id": workspace.app.id,
        "is_enterprise_install": "false",
        "trigger_id": workspace.mint_trigger(place.person.id),
    }


def click(workspace: Workspace, person: Person, press: Press) -> Json:
    """Build a click, but for its response_url. An ephemeral's click carries no message."""
    message = press.message
    channel = workspace.channels[message.channel]
    is_ephemeral = message.visible_to is not None
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": is_ephemeral,
    }
    if message.is_reply:
        container["thread_ts"] = message.thread_ts
    payload: Json = {
        "type": "block_actions",
        **_of(workspace, person),
        "container": container,
        "trigger_id": workspace.mint_trigger(person.id),
        "channel": {"id": channel.id, "name": channel.name or "directmessage"},
        "state": {"values": {}},
        "actions": [_action(press, workspace.timeline.mint_ts(workspace.now()))],
    }
    return payload if is_ephemeral else payload | {"message": wire.message(workspace, message)}


def submission(workspace: Workspace, person: Person, view: Json) -> Json:
    """Build what is sent when a person submits a modal; `view` has its state."""
    return {
        "type": "view_submission",
        **_of(workspace, person),
        "trigger_id": workspace.mint_trigger(person.id),
        "view": view,
        "response_urls": [],
    }


def closing(workspace: Workspace, person: Person, view: Json) -> Json:
    """Build what is sent when a person closes a modal that asked for it."""
    return {
        "type": "view_closed",
        **_of(workspace, person),
        "view": view,
        "is_cleared": False,
    }


def mention(workspace: Workspace, message: Message) -> Json:
    """Build the event of a message that names the app."""
    seed = workspace.seed
    event: Json = {
        "type": "app_mention",
        "client_msg_id": str(uuid.uuid4()),
        "user": message.user,
        "text": message.content.text,
        "ts": message.ts,
        "team": seed.team_id,
        "channel": message.channel,
        "event_ts": message.ts,
    }
    if message.thread_ts is not None:
        event["thread_ts"] = message.thread_ts
    authorization: Json = {
        "enterprise_id": None,
        "team_id": seed.team_id,
        "user_id": workspace.app.user.id,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": workspace.app.verification_token,
        "team_id": seed.team_id,
        "api_app_id": workspace.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(float(message.ts)),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_urlsafe(24)}",
    }


def _of(workspace: Workspace, person: Person) -> Json:
    """Build what every interaction says of who did it, and where."""
    seed = workspace.seed
    return {
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": seed.team_id,
        },
        "api_app_id": workspace.app.id,
        "token": workspace.app.verification_token,
        "team": {"id": seed.team_id, "domain": seed.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _action(press: Press, action_ts: str) -> Json:
    element = press.element
    action: Json = {
        "action_id": element["action_id"],
        "block_id": press.block_id,
        "type": element.get("type", "button"),
        "action_ts": action_ts,
    }
    for key in ("text", "value", "style", "placeholder"):
        if key in element:
            action[key] = element[key]
    if press.option is not None:
        action["selected_option"] = press.option
    return action
