"""Turn the workspace into what its page and its scripts see of it as one person."""

from . import gestures, modals, wire
from .block_kit import texts
from .messages import Json, Message
from .workspace import Workspace


def message(workspace: Workspace, said: Message) -> Json:
    """Show a message with what a script needs: channel, audience, buttons, all its words."""
    words = [said.content.text, *(t for block in said.content.blocks for t in texts(block))]
    words += [str(one.get(key, "")) for one in said.content.files for key in ("title", "alt_txt")]
    return wire.message(workspace, said) | {
        "channel": said.channel,
        "visible_to": said.visible_to,
        "number": said.number,
        "is_deleted": said.is_deleted,
        "buttons": gestures.labels(said),
        "words": "\n".join(words),
    }


def messages(workspace: Workspace, person: str | None) -> list[Json]:
    """Show all a person sees, oldest first; None shows everything."""
    mine = set(_channels(workspace, person))
    seen = [m for m in workspace.timeline.visible(person) if m.channel in mine]
    return [message(workspace, m) for m in sorted(seen, key=lambda m: float(m.ts))]


def modal(workspace: Workspace, person: str | None) -> Json | None:
    """Show the modal that a person has open, with what is wrong in it; None where there is none."""
    found = workspace.modals.get(person or "")
    if found is None:
        return None
    content = texts([found.content["title"], *found.content["blocks"]])
    words = [*content, *found.errors.values(), found.trouble]
    return modals.shown(workspace, found) | {
        "errors": found.errors,
        "trouble": found.trouble,
        "words": "\n".join(words),
    }


def state(workspace: Workspace, person: str | None, connections: int) -> Json:
    """Show the whole workspace as one person's page needs it when it opens."""
    mine = set(_channels(workspace, person))
    return {
        "position": workspace.feed.position(workspace.feed.last),
        "team": {"name": workspace.seed.team_name},
        "app": {
            "user": workspace.app.user.id,
            "commands": [
                {"name": c.name, "description": c.description, "usage_hint": c.usage_hint}
                for c in workspace.app.commands
            ],
        },
        "connections": connections,
        "people": [
            {
                "id": p.id,
                "name": p.name,
                "real_name": p.real_name,
                "title": p.title,
                "is_bot": p.is_bot,
                "can_act": p in workspace.seed.people,
            }
            for p in workspace.people.values()
        ],
        "channels": [
            {"id": c.id, "name": c.name, "topic": c.topic, "is_im": c.is_im, "members": c.members}
            for c in workspace.channels.values()
            if c.id in mine
        ],
        "groups": [{"id": g.id, "handle": g.handle} for g in workspace.groups.values()],
        "messages": messages(workspace, person),
        "modal": modal(workspace, person),
    }


def _channels(workspace: Workspace, person: str | None) -> list[str]:
    return [c.id for c in workspace.channels.values() if person is None or person in c.members]
