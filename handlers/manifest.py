"""Turns the table of routes into the manifest a workspace installs the bot's Slack app from.

Slack: "App manifest reference". Scopes are those the bot uses and no more; the app-level token
with `connections:write` for Socket Mode is made by hand, a manifest cannot ask for it.
"""

from __future__ import annotations

import yaml

from handlers.routes import menu

_HEAD = """\
# Slack app manifest of ilbot: https://api.slack.com/apps → Create New App → From a manifest.
# Generated from handlers/routes.py (`handlers.manifest.slack_manifest`); a test compares the two.
"""
MENTION = "app_mention"
SCOPES = {
    "app_mentions:read": "hear commands in threads, where Slack allows no slash commands",
    "chat:write": "post and edit cards, answer one person",
    "commands": "the slash command",
    "files:write": "show the plot of a change in its thread",
}


def slack_manifest(command: str = "/ilb") -> str:
    """Return the manifest as YAML, for a bot that listens to that slash command."""
    names = " | ".join(entry.name for entry in menu())
    slash = {
        "command": command,
        "description": "Ask about or change an internal load balancer",
        "usage_hint": names,
        "should_escape": True,
    }
    manifest = {
        "display_information": {
            "name": "ilbot",
            "description": "On call for CloudStack internal load balancers",
        },
        "features": {
            "bot_user": {"display_name": "ilbot", "always_online": True},
            "slash_commands": [slash],
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": {"bot_events": [MENTION]},
            "interactivity": {"is_enabled": True},
            "org_deploy_enabled": False,
            "socket_mode_enabled": True,
            "token_rotation_enabled": False,
        },
    }
    return _HEAD + yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True)
