"""Turns two looks at the management servers into what happened to them in between; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """A management server; `started` is when its process began, `""` where that is not told."""

    id: str
    name: str
    version: str
    started: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened to the servers between two looks; versions are equal where none changed."""

    restarted: tuple[str, ...]
    before: str
    after: str

    @property
    def is_upgrade(self) -> bool:
        """Whether another version runs now."""
        return self.before != self.after

    @property
    def words(self) -> str:
        """Say it in a clause whose subject is CloudStack."""
        if self.is_upgrade:
            return f"went from version {self.before} to {self.after}"
        return f"restarted ({', '.join(self.restarted)})"


def turn(before: tuple[Server, ...], now: tuple[Server, ...]) -> Turn | None:
    """Return what happened, None where every server seen before is as it was.

    A server that is new or gone is no restart: nothing that was running was lost with it.
    """
    earlier = {server.id: server for server in before}
    known = tuple(server for server in now if server.id in earlier)
    restarted = tuple(
        server.name or "the management server"
        for server in known
        if server.started != earlier[server.id].started
        or server.version != earlier[server.id].version
    )
    if not restarted:
        return None
    return Turn(restarted, _versions(tuple(earlier[one.id] for one in known)), _versions(known))


def remembered(before: tuple[Server, ...], now: tuple[Server, ...]) -> tuple[Server, ...]:
    """Return the last sight of every server, those included that are not shown just now."""
    return tuple(sorted(({s.id: s for s in before} | {s.id: s for s in now}).values()))


def _versions(servers: tuple[Server, ...]) -> str:
    return ", ".join(sorted({server.version for server in servers if server.version}))
