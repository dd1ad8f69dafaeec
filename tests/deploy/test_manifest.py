"""The Slack app is installed with what the bot answers to and needs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import yaml

from handlers.manifest import slack_manifest
from handlers.routes import QUESTIONS, RUNBOOKS

FILE = Path(__file__).parents[2] / "deploy" / "slack-manifest.yaml"


def test_the_manifest_on_disk_is_the_one_the_routes_give() -> None:
    assert FILE.read_text(encoding="utf-8") == slack_manifest()


def test_the_command_hints_at_everything_that_may_be_said() -> None:
    [command] = yaml.safe_load(slack_manifest("/lb"))["features"]["slash_commands"]
    assert command["command"] == "/lb"
    assert set(command["usage_hint"].split(" | ")) == {*RUNBOOKS, *QUESTIONS}
    assert command["should_escape"] is True


def test_socket_mode_is_on_and_no_scope_reads_what_people_write_elsewhere() -> None:
    manifest = yaml.safe_load(slack_manifest())
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["oauth_config"]["scopes"]["bot"] == [
        "app_mentions:read",
        "chat:write",
        "commands",
        "files:write",
    ]
