"""Turn people, channels and messages into the JSON objects that Slack's API shows.

https://docs.slack.dev/reference/objects/
"""

from .messages import Json, Message
from .seed import Channel, Person, UserGroup
from .workspace import Workspace


def user(workspace: Workspace, person: Person) -> Json:
    profile: Json = {
        "real_name": person.real_name,
        "display_name": person.name,
        "title": person.title,
        "team": workspace.seed.team_id,
    }
    if person.email is not None:
        profile["email"] = person.email
    if person.id == workspace.app.user.id:
        profile |= {"api_app_id": workspace.app.id, "bot_id": workspace.app.bot_id}
    return {
        "id": person.id,
        "team_id": workspace.seed.team_id,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": False,
        "tz": "Etc/UTC",
        "tz_label": "UTC",
        "tz_offset": 0,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "is_admin": False,
        "profile": profile,
    }


def conversation(workspace: Workspace, channel: Channel) -> Json:
    shown: Json = {
        "id": channel.id,
        "is_channel": not channel.is_im,
        "is_im": channel.is_im,
        "is_private": channel.is_im,
        "is_archived": False,
        "context_team_id": workspace.seed.team_id,
    }
    if channel.is_im:
        others = [member for member in channel.members if member != workspace.app.user.id]
        return shown | {"user": others[0]}
    return shown | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_member": workspace.app.user.id in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic},
        "purpose": {"value": ""},
    }


def usergroup(group: UserGroup) -> Json:
    return {
        "id": group.id,
        "handle": group.handle,
        "name": group.name,
        "is_usergroup": True,
        "user_count": len(group.members),
    }


def message(workspace: Workspace, said: Message) -> Json:
    """Show a message as conversations.history does, thread counts included."""
    shown: Json = {
        "type": "message",
        "user": said.user,
        "text": said.content.text,
        "ts": said.ts,
        "team": workspace.seed.team_id,
    }
    if said.is_deleted:
        shown |= {"subtype": "tombstone", "hidden": True}
    if said.bot_id is not None:
        shown |= {"bot_id": said.bot_id, "app_id": workspace.app.id}
    if said.content.blocks:
        shown["blocks"] = list(said.content.blocks)
    if said.content.files:
        shown |= {"files": list(said.content.files), "upload": True}
    if said.content.metadata is not None:
        shown["metadata"] = said.content.metadata
    if said.edited_ts is not None and not said.content.blocks:
        # https://docs.slack.dev/reference/methods/chat.update: an edit of blocks is not flagged.
        shown["edited"] = {"user": said.user, "ts": said.edited_ts}
    if said.reactions:
        shown["reactions"] = [
            {"name": r.name, "users": list(r.users), "count": len(r.users)} for r in said.reactions
        ]
    if said.visible_to is not None:
        shown["is_ephemeral"] = True
    return shown | _thread(workspace, said)


def _thread(workspace: Workspace, said: Message) -> Json:
    if said.is_reply:
        parent = workspace.timeline.get(said.channel, said.thread_ts or "")
        return {"thread_ts": said.thread_ts, "parent_user_id": parent.user if parent else None}
    replies = workspace.timeline.replies(said.channel, said.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.user for reply in replies))
    return {
        "thread_ts": said.ts,
        "reply_count": len(replies),
        "reply_users": people,
        "reply_users_count": len(people),
        "latest_reply": replies[-1].ts,
    }
