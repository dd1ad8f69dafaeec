"""Directories that this bot cannot change: one that people change, and none at all."""

from __future__ import annotations

from typing import NoReturn

from bot.adapters.directory.exchange import Exchange, Server
from bot.adapters.directory.lookup import Lookup
from bot.domain.names import DirectoryKind, Record
from bot.errors import Refused


class ManualDirectory:
    """`bot.ports.Directory` that shows what to change; what became of it is found by resolving."""

    def __init__(self, server: Server, exchange: Exchange, ttl_s: int) -> None:
        self._lookup = Lookup(server, exchange, ttl_s, authoritative=False)

    @property
    def kind(self) -> DirectoryKind:
        """A person changes records."""
        return DirectoryKind.MANUAL

    async def look(self, name: str) -> Record:
        """Return what the resolver says, which may be as old as the TTL."""
        return await self._lookup.record(name)

    async def try_out(self, zone: str) -> None:
        """Ask for a zone, or for the root where none is named."""
        await self._lookup.serial(zone or ".")

    async def replace(self, before: Record, after: Record) -> bool:
        """Refuse: a person has to be asked."""
        raise Refused(
            f"{before.name} is changed by people: directory.kind is manual.",
            instead="Ask a person, who is shown the record.",
        )


class NoDirectory:
    """`bot.ports.Directory` where nobody has said where names are."""

    @property
    def kind(self) -> DirectoryKind:
        """Nobody changes records."""
        return DirectoryKind.NONE

    async def look(self, name: str) -> Record:
        """Refuse, with what to set."""
        self._refuse(f"look up {name}")

    async def replace(self, before: Record, after: Record) -> bool:
        """Refuse, with what to set."""
        self._refuse(f"change {before.name}")

    def _refuse(self, what: str) -> NoReturn:
        raise Refused(
            f"There is no directory in which to {what}: directory.kind is none.",
            instead='Set it to "rfc2136" with server, zone and key, or to "manual".',
        )
