"""Turns settings into one line for each part: whether it works, and what to do where it does not.

Nothing is changed: no message is posted, no record is read, no folder is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import httpx

from bot.adapters import kafka as kafka_adapter
from bot.adapters.cloudstack.catalogue import Command, Effect, reader_commands, writer_commands
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.cli.check_files import check_database, check_state_dir, check_stop_file
from bot.cli.check_line import CheckLine, Verdict, ok, refused, warning
from bot.cli.check_policies import check_policies, next_step
from bot.cli.check_slack import check_slack
from bot.cli.cloud_rights import Right, rights
from bot.connections import CloudAccess, cloud_access, cloud_client, cloud_http, kafka
from bot.errors import IlbotError
from bot.ports import Clock
from bot.settings import Loaded, Settings

__all__ = ["CheckLine", "Verdict", "check", "report"]


async def check(loaded: Loaded, runbooks: Collection[str], clock: Clock) -> list[CheckLine]:
    """Try each connection and file; `runbooks` are the names that exist."""
    settings = loaded.settings
    lines = [ok("settings", f"{loaded.file or 'no file, defaults and environment only'}")]
    lines += [warning("settings", text) for text in loaded.warnings]
    lines += await _cloudstack(settings, clock)
    lines += await check_slack(settings)
    lines += await _kafka(settings)
    lines += await asyncio.to_thread(check_state_dir, settings)
    lines += await asyncio.to_thread(check_database, settings)
    lines += await asyncio.to_thread(check_stop_file, settings.stop_file)
    policy_lines, policies = check_policies(Path(settings.bot.policies_file), runbooks)
    lines += policy_lines
    return [*lines, next_step(lines, settings, policies)]


def report(lines: Collection[CheckLine]) -> str:
    """Return the lines as text, a row each, what to do below its row."""
    width = max((len(line.part) for line in lines), default=0)
    return "\n".join(line.as_text(width) for line in lines) + "\n"


async def _cloudstack(settings: Settings, clock: Clock) -> list[CheckLine]:
    try:
        access = cloud_access(settings.cloudstack)
        http = cloud_http(settings.cloudstack, access)
    except IlbotError as exc:
        return [refused("cloudstack", str(exc))]
    async with http:
        cloud = CloudStackCloud(cloud_client(settings.cloudstack, access, http, clock))
        try:
            version = await cloud.version()
            found = await cloud.ilb_vms()
        except IlbotError as exc:
            return [refused("cloudstack", str(exc))]
        told = f"CloudStack {version or 'of unknown version'}, {len(found)} ILB VMs seen"
        lines = [ok("cloudstack", f"{told} at {access.endpoint}")]
        if not access.verify_tls and access.endpoint.startswith("https"):
            lines.append(warning("cloudstack", "its certificate is not checked", "Set ca_file."))
        if access.endpoint.startswith("http:") and not _is_here(access.endpoint):
            lines.append(warning("cloudstack", "the keys' signatures travel without TLS"))
        return [*lines, *await _keys(access, http, clock.now)]


async def _keys(
    access: CloudAccess, http: httpx.AsyncClient, now: Callable[[], float]
) -> list[CheckLine]:
    changes = [c for c in writer_commands() if c.effect is Effect.CHANGE]
    ask = _Asker(http, access.endpoint, now)
    lines = await _needed("cloudstack read key", reader_commands(), ask, access.read)
    too_much = [
        name for name, right in (await ask(access.read, changes)).items() if right is Right.YES
    ]
    if too_much:
        lines.append(
            warning(
                "cloudstack read key",
                f"its role may also call {', '.join(too_much)}",
                "Give the reading account a role of its own, without these.",
            )
        )
    if access.write is None:
        return [*lines, ok("cloudstack write key", "none, so ilbot observes")]
    return lines + await _needed("cloudstack write key", writer_commands(), ask, access.write)


class _Asker:
    def __init__(self, http: httpx.AsyncClient, endpoint: str, now: Callable[[], float]) -> None:
        self._http, self._endpoint, self._now = http, endpoint, now

    def __call__(self, keys: Keys, commands: Collection[Command]) -> Awaitable[dict[str, Right]]:
        names = [command.name for command in commands]
        return rights(self._http, self._endpoint, keys, names, self._now())


async def _needed(
    part: str, commands: Collection[Command], ask: _Asker, keys: Keys
) -> list[CheckLine]:
    found = await ask(keys, commands)
    denied = [name for name, right in found.items() if right is Right.NO]
    if denied:
        return [
            refused(
                part,
                f"its role does not allow {', '.join(denied)}",
                "Add these rules to its role (`ilbot role` prints all of them).",
            )
        ]
    if Right.NOT_TOLD in found.values():
        return [
            warning(
                part,
                "whether its role allows all that is needed is not told",
                "Allow listApis to have it checked, or see that the key belongs to this server.",
            )
        ]
    return [ok(part, f"its role allows the {len(found)} commands that are needed")]


async def _kafka(settings: Settings) -> list[CheckLine]:
    if not settings.kafka.enabled:
        return [
            ok("kafka", f"off; trouble is found by polling every {settings.poll.interval_s:g} s")
        ]
    try:
        return [ok("kafka", await kafka_adapter.check(kafka(settings)))]
    except IlbotError as exc:
        return [refused("kafka", str(exc))]


def _is_here(endpoint: str) -> bool:
    return httpx.URL(endpoint).host in {"localhost", "127.0.0.1", "::1"}
