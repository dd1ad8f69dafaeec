"""Turn calls about people, channels, groups and the app itself into the objects Slack shows.

https://docs.slack.dev/reference/methods/
"""

from . import wire
from .chat_methods import conversation, cut
from .limits import OFTEN, TIER_1, TIER_2, TIER_3, TIER_4
from .messages import Json
from .seed import Person
from .web_api import Call, Method, SlackError


def api_test(call: Call) -> Json:
    if error := call.text("error"):
        raise SlackError(error)
    return {"args": {k: v for k, v in call.arguments.items() if k != "token"}}


def auth_test(call: Call) -> Json:
    seed, app = call.workspace.seed, call.workspace.app
    return {
        "url": call.base_url,
        "team": seed.team_name,
        "user": app.user.name,
        "team_id": seed.team_id,
        "user_id": app.user.id,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(call: Call) -> Json:
    """Give the URL of one new WebSocket, on the host the app called."""
    ticket = call.sockets.issue_ticket()
    link = call.base_url.replace("http", "ws", 1)
    return {"url": f"{link}link/?ticket={ticket}&app_id={call.workspace.app.id}"}


def team_info(call: Call) -> Json:
    seed = call.workspace.seed
    return {"team": {"id": seed.team_id, "name": seed.team_name, "domain": seed.team_domain}}


def users_info(call: Call) -> Json:
    person = call.workspace.people.get(call.required("user"))
    if person is None:
        raise SlackError("user_not_found")
    return {"user": wire.user(call.workspace, person)}


def users_list(call: Call) -> Json:
    people = [wire.user(call.workspace, person) for person in call.workspace.people.values()]
    members, cursor = cut(call, people)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


def users_lookup_by_email(call: Call) -> Json:
    email = call.required("email").lower()
    for person in call.workspace.people.values():
        if person.email is not None and person.email.lower() == email:
            return {"user": wire.user(call.workspace, person)}
    raise SlackError("users_not_found")


def conversations_list(call: Call) -> Json:
    types = (call.text("types") or "public_channel").split(",")
    channels = [
        wire.conversation(call.workspace, channel)
        for channel in call.workspace.channels.values()
        if ("im" if channel.is_im else "public_channel") in types
    ]
    page, cursor = cut(call, channels)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def conversations_info(call: Call) -> Json:
    """Describe a channel; unlike its contents, that takes no membership."""
    channel = call.workspace.channels.get(call.required("channel"))
    if channel is None:
        raise SlackError("channel_not_found")
    return {"channel": wire.conversation(call.workspace, channel)}


def conversations_members(call: Call) -> Json:
    return {
        "members": list(conversation(call).members),
        "response_metadata": {"next_cursor": ""},
    }


def conversations_open(call: Call) -> Json:
    """Open a direct message with one person; groups of several are not offered."""
    workspace = call.workspace
    people = [_known(call, user) for user in call.required("users").split(",")]
    if len(people) != 1:
        raise SlackError("method_not_supported_for_channel_type")
    is_new = not any(
        channel.is_im and people[0].id in channel.members for channel in workspace.channels.values()
    )
    channel = workspace.direct(people[0].id, workspace.app.user.id)
    return {"no_op": not is_new, "already_open": not is_new, "channel": {"id": channel.id}}


def usergroups_list(call: Call) -> Json:
    return {"usergroups": [wire.usergroup(group) for group in call.workspace.groups.values()]}


def usergroups_users_list(call: Call) -> Json:
    group = call.workspace.groups.get(call.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}


METHODS = {
    "api.test": Method(api_test, TIER_4),
    "apps.connections.open": Method(open_connection, TIER_1, takes_app_token=True),
    "auth.test": Method(auth_test, OFTEN),
    "conversations.info": Method(conversations_info, TIER_3),
    "conversations.list": Method(conversations_list, TIER_2),
    "conversations.members": Method(conversations_members, TIER_4),
    "conversations.open": Method(conversations_open, TIER_3),
    "team.info": Method(team_info, TIER_3),
    "usergroups.list": Method(usergroups_list, TIER_2),
    "usergroups.users.list": Method(usergroups_users_list, TIER_2),
    "users.info": Method(users_info, TIER_4),
    "users.list": Method(users_list, TIER_2),
    "users.lookupByEmail": Method(users_lookup_by_email, TIER_3),
}


def _known(call: Call, user_id: str) -> Person:
    person = call.workspace.people.get(user_id)
    if person is None:
        raise SlackError("user_not_found")
    return person
