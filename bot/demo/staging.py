"""How a demo is staged: its switches, and what they make of the environment of the bot."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox.cloud.seed import ADMIN, READ_ONLY
from bot.sandbox.dns.seed import APP_TTL_S, KEY, ZONE
from bot.sandbox.slack.seed import APP_TOKEN, BOT_TOKEN

CHANNEL = "C0ILBOPS01"
VANTAGE = "web-1"
"""Where clients of the demo are seen from: a probe agent of its own, as a VM of web-tier is one."""


@dataclass(frozen=True, slots=True)
class Staging:
    """How a demo runs: `pace` below 1 makes the cloud faster, `automatic` lets recover act.

    Without `database_url` the bot keeps its state in SQLite files that go with the demo; without
    `can_write` it has no write key; without `http_port` it serves health and metrics on a free one.
    Without `probed` nobody looks at traffic. `settings` are variables of its environment that come
    before the demo's own.
    """

    pace: float = 0.25
    automatic: bool = False
    slack_port: int = 0
    bus_of_world: bool = True
    database_url: str = ""
    can_write: bool = True
    http_port: int = 0
    probed: bool = True
    settings: tuple[tuple[str, str], ...] = ()


def environment(staging: Staging, where: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the variables that the bot and its probe agent are started with.

    `where` is the first line of the pretend world, `folder` where the bot keeps what it keeps.
    """
    slow = max(staging.pace, 0.05)
    found = {
        "ILBOT_CLOUDSTACK__ENDPOINT": where["cloud"],
        "ILBOT_CLOUDSTACK__READ_API_KEY": READ_ONLY.api_key,
        "ILBOT_CLOUDSTACK__READ_SECRET_KEY": READ_ONLY.secret_key,
        "ILBOT_CLOUDSTACK__JOB_POLL_S": f"{max(0.1, slow):.2f}",
        "ILBOT_CLOUDSTACK__AGAIN_S": f"{8 * slow:.2f}",
        "ILBOT_CLOUDSTACK__CHECKS_EVERY_S": f"{30 * slow:.2f}",
        "ILBOT_CLOUDSTACK__POWER_SYNC_S": f"{120 * slow:.2f}",
        "ILBOT_CLOUDSTACK__SETTLE_DEADLINE_S": f"{max(15.0, 300 * slow):.0f}",
        "ILBOT_SLACK__BOT_TOKEN": BOT_TOKEN,
        "ILBOT_SLACK__APP_TOKEN": APP_TOKEN,
        "ILBOT_SLACK__BASE_URL": where["slack"],
        "ILBOT_SLACK__CHANNEL": CHANNEL,
        "ILBOT_KAFKA__ENABLED": "true",
        "ILBOT_KAFKA__BOOTSTRAP": where["broker"],
        "ILBOT_KAFKA__TOPIC": where["topic"],
        "ILBOT_KAFKA__CLIENT_MODE": "assign",
        **_directory(where["dns"]),
        "ILBOT_BOT__STATE_DIR": str(folder / "state"),
        "ILBOT_BOT__POLICIES_FILE": str(folder / "policies.yaml"),
        "ILBOT_BOT__CARD_INTERVAL_S": "1",
        "ILBOT_HTTP__PORT": str(staging.http_port or free_port()),
    }
    if staging.can_write:
        found["ILBOT_CLOUDSTACK__WRITE_API_KEY"] = ADMIN.api_key
        found["ILBOT_CLOUDSTACK__WRITE_SECRET_KEY"] = ADMIN.secret_key
    if staging.database_url:
        found["ILBOT_DATABASE__URL"] = staging.database_url
    probing = _probing(where, found["ILBOT_HTTP__PORT"], staging.pace)
    return found | probing | dict(staging.settings)


def _probing(where: dict[str, Any], port: str, pace: float) -> dict[str, str]:
    """Let an agent look, and tell it where it reaches the VIPs of the pretend world.

    It is a process of its own, and not the bot: what else a process does makes its probes late.
    """
    token = secrets.token_hex(24)
    return {
        "ILBOT_PROBE__BAKE_S": f"{max(3.0, 20 * pace):.0f}",
        "ILBOT_PROBE__DRAIN_S": f"{max(12.0, 60 * pace):.0f}",
        "ILBOT_PROBE__AGENTS": f"{VANTAGE} = {token}",
        "ILBOT_PROBE__ADDRESS_MAP": "\n".join(
            f"{block} = {here}" for block, here in where["vips"].items()
        ),
        "ILBOT_PROBE__PORT_OFFSET": str(where["port_offset"]),
        "ILBOT_PROBE_AGENT__BOT_URL": f"http://127.0.0.1:{port}",
        "ILBOT_PROBE_AGENT__TOKEN": token,
        "ILBOT_PROBE_AGENT__NAME": VANTAGE,
    }


def free_port() -> int:
    """Return a port of this machine that nobody had a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _directory(address: str) -> dict[str, str]:
    host, _, port = address.rpartition(":")
    return {
        "ILBOT_DIRECTORY__KIND": "rfc2136",
        "ILBOT_DIRECTORY__SERVER": host,
        "ILBOT_DIRECTORY__PORT": port,
        "ILBOT_DIRECTORY__ZONE": ZONE,
        "ILBOT_DIRECTORY__TSIG_NAME": KEY.name,
        "ILBOT_DIRECTORY__TSIG_SECRET": KEY.secret,
        "ILBOT_DIRECTORY__TTL_S": str(APP_TTL_S),
    }
