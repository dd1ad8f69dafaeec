"""Turns looks at the management servers into one journaled incident and a pause of what is
automatic.

After a restart or an upgrade of CloudStack jobs are lost, machines hang until power sync frees
them, and answers may differ: for one detection window a person is asked instead. All of it is
derived from journal notes, so a restart of the bot forgets nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import structlog

from bot.domain.cloud import IlbVm
from bot.domain.observation import Observation
from bot.domain.servers import Server, remembered, turn
from bot.errors import Away
from bot.ports import Clock, CloudServers
from bot.services.audit import Entry
from bot.services.journal import Journal

log = structlog.get_logger(__name__)
WINDOW_S = 600.0
"""The detection window: power sync, host reconnects and our own poller are through well before."""

ABOUT = "cloud"
AWAY, BACK, OUTDATED = "cloud away", "cloud restarted", "cloud outdated"
CLOUD = (AWAY, BACK, OUTDATED)
"""Kinds of notes that tell an incident of CloudStack itself; each names its incident."""
SEEN = "cloud servers"

Pause = Callable[[], Awaitable[str]]
"""Says why nothing automatic starts just now, `""` where it may."""


class CloudWatch:
    """Knows when CloudStack was away, restarted or upgraded; `changed` is told of every note."""

    def __init__(
        self, journal: Journal, servers: CloudServers, clock: Clock, changed: Callable[[], None]
    ) -> None:
        self._journal = journal
        self._servers = servers
        self._clock = clock
        self._changed = changed
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> None:
        """Read the servers again; `Away` where they cannot be reached, which is noted once.

        A lost job needs no sign of its own: the server that lost it has another start time.
        """
        async with self._one_at_a_time:
            try:
                now = await self._servers.servers()
            except Away as error:
                await self._note_away(str(error))
                raise
            await self._compare(now)

    async def hear(self, seen: Observation) -> None:
        """Take the bus's word for a restart only where a look does not show it."""
        await self.look()
        newest = await self._newest(AWAY, BACK)
        if newest is None or newest.at < seen.at.timestamp() - WINDOW_S:
            await self._note_back(newest, {"words": "restarted", "sign": seen.words})

    async def pause(self) -> str:
        """Look, then say why nothing automatic starts, `""` where it may."""
        await self.look()
        newest = await self._newest(BACK)
        if newest is None or self._clock.now() >= newest.at + WINDOW_S:
            return ""
        until = newest.at + WINDOW_S
        return (
            f"CloudStack {newest.data['words']} (noticed at {_utc(newest.at)}), "
            f"so until {_utc(until)} a person decides"
        )

    async def count_outdated(self, vms: Sequence[IlbVm]) -> None:
        """Note once after an upgrade that most of the fleet asks for a new template."""
        outdated = sum(vm.requires_upgrade for vm in vms)
        if outdated < 2 or 2 * outdated < len(vms):
            return
        restarts = await self._journal.newest_notes(BACK, limit=50)
        upgrade = next((note for note in restarts if note.data.get("is_upgrade")), None)
        if upgrade is None or await self._journal.has_note(ABOUT, _after(upgrade), OUTDATED):
            return
        share = f"{outdated} of {len(vms)} ILB VMs ask for the new template"
        data = {
            "incident": restarts[0].data["incident"],
            "hint": share, "decision": "told once for all of them",
        }  # fmt: skip
        await self._note(_after(upgrade), OUTDATED, data)

    async def _compare(self, now: tuple[Server, ...]) -> None:
        """Note the incident before the sight it follows from: a crash between repeats it."""
        last = await self._newest(SEEN)
        before = _servers(last)
        newest = await self._newest(AWAY, BACK)
        happened = turn(before, now)
        if happened is not None:
            data = {
                "words": happened.words, "is_upgrade": happened.is_upgrade,
                "before": happened.before, "after": happened.after,
            }  # fmt: skip
            await self._note_back(newest, data)
        elif newest is not None and newest.kind == AWAY:
            await self._note_back(newest, {"words": "was away"})
        seen = remembered(before, now)
        if seen != before:
            rows = [asdict(server) for server in seen]
            await self._journal.note(ABOUT, _after(last), SEEN, {"servers": rows})

    async def _note_away(self, why: str) -> None:
        newest = await self._newest(AWAY, BACK)
        if newest is None or newest.kind != AWAY:
            told = {"hint": why, "decision": "waits until it answers"}
            await self._note(_after(newest), AWAY, {"incident": self._incident(newest), **told})

    async def _note_back(self, newest: Entry | None, data: Mapping[str, object]) -> None:
        until = _utc(self._clock.now() + WINDOW_S)
        told = {"hint": data["words"], "decision": f"a person decides until {until}"}
        note = {"incident": self._incident(newest), **told, **data}
        await self._note(_after(newest), BACK, note)

    def _incident(self, newest: Entry | None) -> str:
        """All signs within one window are one incident, named by what came before its first."""
        if newest is None:
            return _after(None)
        is_going_on = newest.kind == AWAY or self._clock.now() < newest.at + WINDOW_S
        return str(newest.data["incident"]) if is_going_on else _after(newest)

    async def _note(self, step: str, kind: str, data: Mapping[str, object]) -> None:
        if await self._journal.note(ABOUT, step, kind, {"target": "CloudStack", **data}):
            log.warning("cloud_noted", kind=kind, **data)
            self._changed()

    async def _newest(self, *kinds: str) -> Entry | None:
        found = await self._journal.newest_notes(*kinds, limit=1)
        return found[0] if found else None


def _after(earlier: Entry | None) -> str:
    """Name a note by the one it follows: of two replicas that see the same, one writes it."""
    return f"after {earlier.seq if earlier else 0}"


def _servers(seen: Entry | None) -> tuple[Server, ...]:
    rows = seen.data["servers"] if seen else []
    return tuple(Server(**row) for row in rows)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
