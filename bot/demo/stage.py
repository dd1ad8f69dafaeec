"""The stage of a demo: a pretend world, the real bot in it, and hands to act and look with."""

from __future__ import annotations

import asyncio
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

from bot.demo.policies import AUTOMATIC_TIERS, policies
from bot.demo.processes import Child
from bot.demo.staging import VANTAGE, Staging, environment
from bot.errors import Permanent
from bot.sandbox.slack.script import SlackScript


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
                variables = environment(staging, where, folder)
                bot = Child("bot", ["run"], variables, folder / "bot.log")
                here = f"sqlite:///{folder / 'state' / 'journal.db'}"
                journal = staging.database_url or here
                stage = Stage(
                    bot, sandbox, slack, slack_url, cloud, where["broker"], folder, journal,
                    variables,
                )  # fmt: skip
                await _write_policies(stage, staging)
                await bot.start()
                agent = Child("probe agent", ["probe"], variables, folder / "agent.log")
                try:
                    await connected(stage)
                    if staging.probed and where["vips"]:
                        await agent.start()
                        await _looks(stage)
                    yield stage
                finally:
                    await agent.stop()
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


async def _looks(stage: Stage) -> None:
    """Wait until the bot has heard of its probe agent: a plan says who looks."""
    port = stage.environment["ILBOT_HTTP__PORT"]

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

        async def is_heard() -> bool:
            parts = (await http.get("/health/ready")).json()["parts"]
            return VANTAGE in parts["probing"]["reason"]

        await until(is_heard, 40)


def _sandbox_arguments(staging: Staging) -> list[str]:
    arguments = ["sandbox", "--pace", str(staging.pace), "--slack-port", str(staging.slack_port)]
    arguments += ["--parent", str(os.getpid()), "--rate-limits", "4"]
    return arguments if staging.bus_of_world else [*arguments, "--no-bus"]


async def _write_policies(stage: Stage, staging: Staging) -> None:
    tiers = [t["id"] for t in (await stage.look("state"))["tiers"] if t["name"] in AUTOMATIC_TIERS]
    text = yaml.safe_dump(policies(tiers, automatic=staging.automatic), sort_keys=False)
    (stage.folder / "policies.yaml").write_text(text)


def shifted(line: str, ids: dict[str, str], moment: str) -> tuple[bytes | None, bytes]:
    """Return key and value of a recorded bus record, with our ids and a time of now."""
    for recorded, ours in ids.items():
        line = line.replace(recorded, ours)
    record = json.loads(line)
    if "eventDateTime" in record["value"]:
        record["value"]["eventDateTime"] = moment
    key = record["key"]
    return (None if key is None else key.encode()), json.dumps(record["value"]).encode()
