"""Turns a CloudStack endpoint and its keys into lines of a check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from bot.adapters.cloudstack.catalogue import Command, Effect, reader_commands, writer_commands
from bot.adapters.cloudstack.client import Client
from bot.adapters.cloudstack.cloud import CloudStackCloud
from bot.adapters.cloudstack.signing import Keys
from bot.cli.check_line import CheckLine, ok, refused, warning
from bot.cli.check_platform import check_clock, check_platform
from bot.cli.cloud_rights import Right, rights
from bot.connections import CloudAccess, cloud_access, cloud_client, cloud_http
from bot.errors import IlbotError
from bot.ports import Clock
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Reach:
    """A CloudStack as the settings reach it."""

    access: CloudAccess
    http: httpx.AsyncClient
    client: Client
    cloud: CloudStackCloud
    clock: Clock


@asynccontextmanager
async def reached(settings: Settings, clock: Clock) -> AsyncIterator[Reach]:
    """Open a client; `Refused` where the settings name none."""
    access = cloud_access(settings.cloudstack)
    async with cloud_http(settings.cloudstack, access) as http:
        client = cloud_client(settings.cloudstack, access, http, clock)
        yield Reach(access, http, client, CloudStackCloud(client), clock)


async def check_cloud(reach: Reach) -> list[CheckLine]:
    """Connect, then look at the keys' rights and at what the platform can do."""
    access = reach.access
    clock = await check_clock(reach.http, access.endpoint, reach.clock.now)
    try:
        found = await reach.cloud.ilb_vms()
    except IlbotError as exc:
        return [refused("cloudstack", str(exc)), *clock]
    lines = [ok("cloudstack", f"{len(found)} ILB VMs seen at {access.endpoint}")]
    if not access.verify_tls and access.endpoint.startswith("https"):
        lines.append(warning("cloudstack", "its certificate is not checked", "Set ca_file."))
    if access.endpoint.startswith("http:") and not _is_here(access.endpoint):
        lines.append(warning("cloudstack", "the keys' signatures travel without TLS"))
    lines += clock + await _keys(reach)
    return lines + await check_platform(reach.cloud, reach.client)


async def _keys(reach: Reach) -> list[CheckLine]:
    access = reach.access
    changes = [c for c in writer_commands() if c.effect is Effect.CHANGE]
    ask = _Asker(reach)
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
    def __init__(self, reach: Reach) -> None:
        self._http, self._endpoint = reach.http, reach.access.endpoint
        self._now = reach.clock.now

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


def _is_here(endpoint: str) -> bool:
    return httpx.URL(endpoint).host in {"localhost", "127.0.0.1", "::1"}
