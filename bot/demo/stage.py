"""The stage of a demo: a pretend world, the real bot in it, and hands to act and look with."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from bot.demo.processes import Child
from bot.errors import Permanent
from bot.sandbox.cloud.seed import ADMIN, READ_ONLY
from bot.sandbox.dns.seed import APP_TTL_S, KEY, ZONE
from bot.sandbox.slack.script import SlackScript
from bot.sandbox.slack.seed import ANA, APP_TOKEN, BOT_TOKEN, BRUNO, CHEN

CHANNEL = "C0ILBOPS01"
PEOPLE = {ANA.id: "Ana", BRUNO.id: "Bruno", CHEN.id: "Chen"}
"""Who is who, by Slack user id, as the demo's policies name them."""
AUTOMATIC_TIERS = ("app-tier", "web-tier")
ASKED_FOR = ("roll", "pair", "unpair", "provision")
"""Runbooks that only people ask for, and somebody else approves."""


@dataclass(frozen=True, slots=True)
class Staging:
    """How a demo runs: `pace` below 1 makes the cloud faster, `automatic` lets recover act.

    Without `database_url` the bot keeps its state in SQLite files that go with the demo; without
    `can_write` it has no write key; without `http_port` it serves no health and no metrics.
    `settings` are variables of its environment that come before the demo's own.
    """

    pace: float = 0.25
    automatic: bool = False
    slack_port: int = 0
    bus_of_world: bool = True
    database_url: str = ""
    can_write: bool = True
    http_port: int = 0
    settings: tuple[tuple[str, str], ...] = ()


@dataclass
class Stage:
    """What a scenario acts with."""

    bot: Child
    sandbox: Child
    slack: SlackScript
    slack_url: str
    cloud: httpx.AsyncClient
    broker: str
    folder: Path
    journal_url: str
    environment: dict[str, str] = field(default_factory=dict)

    async def control(self, what: str, **body: object) -> Any:
        """Make something happen to the pretend cloud."""
        answer = await self.cloud.post(f"/control/{what}", json=body)
        if answer.status_code != 200:
            raise Permanent(f"tell the pretend cloud to {what}: {answer.text}")
        return answer.json()["result"]

    async def look(self, what: str) -> Any:
        """Read `effects`, `calls` or `state` of the pretend cloud."""
        return (await self.cloud.get(f"/control/{what}")).json()

    async def machine(self, tier: str) -> dict[str, Any]:
        """Return the first ILB VM of a tier."""
        machines = (await self.look("state"))["machines"]
        return next(
            one for one in machines
            if one.get("role") == "INTERNAL_LB_VM" and one["guestnetworkname"] == tier
        )  # fmt: skip

    async def effect(self, kind: str, target: str, *, timeout_s: float = 20.0) -> None:
        """Wait until something has really happened to a machine."""

        async def happened() -> bool:
            effects = await self.look("effects")
            return any(one["kind"] == kind and one["target"] == target for one in effects)

        await until(happened, timeout_s)

    async def reaches(self, name: str, state: str, *, timeout_s: float = 30.0) -> None:
        """Wait until a machine is in a state."""

        async def is_there() -> bool:
            machines = (await self.look("state"))["machines"]
            return any(one["name"] == name and one["state"] == state for one in machines)

        await until(is_there, timeout_s)


async def until(fact: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
    """Ask again and again for a fact of another process, which cannot tell by itself."""
    async with asyncio.timeout(timeout_s):
        while not await fact():  # noqa: ASYNC110  another process has no event of ours
            await asyncio.sleep(0.02)


@asynccontextmanager
async def staged(staging: Staging) -> AsyncIterator[Stage]:
    """Set the stage: world up, bot up and connected; everything is stopped and removed after."""
    with tempfile.TemporaryDirectory(prefix="ilbot-demo-") as name:
        folder = Path(name)
        sandbox = Child("pretend world", _sandbox_arguments(staging), {}, folder / "sandbox.log")
        await sandbox.start()
        try:
            where = await sandbox.said()
            cloud_url = where["cloud"].removesuffix("/client/api")
            slack_url = where["slack"].removesuffix("/api/")
            async with (
                httpx.AsyncClient(base_url=cloud_url, timeout=10.0) as cloud,
                SlackScript(slack_url) as slack,
            ):
                environment = _environment(staging, where, folder)
                bot = Child("bot", ["run"], environment, folder / "bot.log")
                here = f"sqlite:///{folder / 'state' / 'journal.db'}"
                journal = staging.database_url or here
                stage = Stage(
                    bot, sandbox, slack, slack_url, cloud, where["broker"], folder, journal,
                    environment,
                )  # fmt: skip
                await _write_policies(stage, staging)
                await bot.start()
                try:
                    await connected(stage)
                    yield stage
                finally:
                    await bot.stop()
        finally:
            await sandbox.stop()


async def connected(stage: Stage) -> None:
    """Wait until the bot hears Slack."""

    async def hears() -> bool:
        if not stage.bot.is_alive:
            raise Permanent(f"start the bot: it ended at once\n{stage.bot.tail()}")
        return await stage.slack.connections() > 0

    await until(hears, 40)


def _sandbox_arguments(staging: Staging) -> list[str]:
    arguments = ["sandbox", "--pace", str(staging.pace), "--slack-port", str(staging.slack_port)]
    arguments += ["--parent", str(os.getpid()), "--rate-limits", "4"]
    return arguments if staging.bus_of_world else [*arguments, "--no-bus"]


def _environment(staging: Staging, where: dict[str, Any], folder: Path) -> dict[str, str]:
    slow = max(staging.pace, 0.05)
    environment = {
        "ILBOT_CLOUDSTACK__ENDPOINT": where["cloud"],
        "ILBOT_CLOUDSTACK__READ_API_KEY": READ_ONLY.api_key,
        "ILBOT_CLOUDSTACK__READ_SECRET_KEY": READ_ONLY.secret_key,
        "ILBOT_CLOUDSTACK__JOB_POLL_S": f"{max(0.1, slow):.2f}",
        "ILBOT_CLOUDSTACK__AGAIN_S": f"{8 * slow:.2f}",
        "ILBOT_CLOUDSTACK__POWER_SYNC_S": f"{120 * slow:.2f}",
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
        "ILBOT_HTTP__PORT": str(staging.http_port),
    }
    if staging.can_write:
        environment["ILBOT_CLOUDSTACK__WRITE_API_KEY"] = ADMIN.api_key
        environment["ILBOT_CLOUDSTACK__WRITE_SECRET_KEY"] = ADMIN.secret_key
    if staging.database_url:
        environment["ILBOT_DATABASE__URL"] = staging.database_url
    return environment | _probing(where, staging.pace) | dict(staging.settings)


def _probing(where: dict[str, Any], pace: float) -> dict[str, str]:
    """Let the bot probe, and tell it where it reaches the VIPs of the pretend world."""
    if not where["vips"]:
        return {}
    return {
        "ILBOT_PROBE__FROM_BOT": "true",
        "ILBOT_PROBE__BAKE_S": f"{max(3.0, 20 * pace):.0f}",
        "ILBOT_PROBE__ADDRESS_MAP": "\n".join(
            f"{block} = {here}" for block, here in where["vips"].items()
        ),
        "ILBOT_PROBE__PORT_OFFSET": str(where["port_offset"]),
    }


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


async def _write_policies(stage: Stage, staging: Staging) -> None:
    tiers = [t["id"] for t in (await stage.look("state"))["tiers"] if t["name"] in AUTOMATIC_TIERS]
    mode = "automatic" if staging.automatic else "approve"
    recover: dict[str, object] = {"mode": mode, "approvers": "approver"}
    if staging.automatic:
        recover["automatic_on"] = tiers
    policies = {
        "people": [
            {
                "slack": ANA.id,
                "name": PEOPLE[ANA.id],
                "roles": ["requester"],
                "login": getpass.getuser(),
            },
            {
                "slack": BRUNO.id,
                "name": PEOPLE[BRUNO.id],
                "roles": ["requester", "approver", "admin"],
            },
            {"slack": CHEN.id, "name": PEOPLE[CHEN.id], "roles": ["approver"]},
        ],
        "roles": {
            name: {"may": [power], "runbooks": ["*"], "targets": ["*"]}
            for name, power in (
                ("requester", "request"),
                ("approver", "approve"),
                ("admin", "admin"),
            )
        },
        "runbooks": {
            **{name: {"mode": "approve", "approvers": "approver"} for name in ASKED_FOR},
            "recover": recover,
        },
        "incidents": {
            kind: {"runbook": "recover", "mode": mode}
            for kind in ("ilb-stopped", "ilb-missing", "ilb-stuck-stopping")
        },
    }
    path = stage.folder / "policies.yaml"
    path.write_text(yaml.safe_dump(policies, sort_keys=False))


def shifted(line: str, ids: dict[str, str], moment: str) -> tuple[bytes | None, bytes]:
    """Return key and value of a recorded bus record, with our ids and a time of now."""
    for recorded, ours in ids.items():
        line = line.replace(recorded, ours)
    record = json.loads(line)
    if "eventDateTime" in record["value"]:
        record["value"]["eventDateTime"] = moment
    key = record["key"]
    return (None if key is None else key.encode()), json.dumps(record["value"]).encode()
