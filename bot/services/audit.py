"""The audit chain: rows that each hold the hash of the row before, so that a change shows.

hash = SHA-256 over the canonical JSON of (previous, seq, at, operation, step, kind, data).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.domain.plan import canonical, digest
from bot.services.schema import audit, chain

GENESIS = "0" * 64
_IS_HEAD = chain.c.id == 1
_LOCK = sa.update(chain).where(_IS_HEAD).values(seq=chain.c.seq)
_HEAD = sa.select(chain.c.seq, chain.c.hash).where(_IS_HEAD)
_MOVE = sa.update(chain).where(_IS_HEAD)
_ADD = sa.insert(audit)
_FIND = sa.select(audit.c.seq).where(
    *(audit.c[name] == sa.bindparam(name) for name in ("operation", "step", "kind"))
)
"""Built once: every step of every run appends a row or two."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit row."""

    seq: int
    at: float
    operation: str
    step: str
    kind: str
    data: dict[str, Any]
    hash: str


def append(
    connection: sa.Connection, *, at: float, about: tuple[str, str, str], data: dict[str, Any]
) -> bool:
    """Append a row about (operation, step, kind) unless there is one; whether it was new.

    The head row is updated first: that is the one write lock, on SQLite and PostgreSQL alike.
    """
    operation, step, kind = about
    connection.execute(_LOCK)
    if exists(connection, about):
        return False
    head = connection.execute(_HEAD).one()
    text, seq = canonical(data), head.seq + 1
    link = _link(head.hash, seq, at, about, text)
    row = {
        "seq": seq, "at": at, "operation": operation, "step": step, "kind": kind,
        "data": text, "previous": head.hash, "hash": link,
    }  # fmt: skip
    connection.execute(_ADD, row)
    connection.execute(_MOVE, {"seq": seq, "hash": link})
    return True


def exists(connection: sa.Connection, about: tuple[str, str, str]) -> bool:
    """Whether there is a row about (operation, step, kind)."""
    operation, step, kind = about
    same = {"operation": operation, "step": step, "kind": kind}
    return connection.execute(_FIND, same).first() is not None


def verify(connection: sa.Connection) -> tuple[int, str]:
    """Walk the chain; return how many rows are sound and, where it breaks, how."""
    previous, sound = GENESIS, 0
    for row in connection.execute(sa.select(audit).order_by(audit.c.seq)):
        about = (row.operation, row.step, row.kind)
        if row.seq != sound + 1:
            return sound, f"row {sound + 1} is missing"
        if row.previous != previous or row.hash != _link(
            previous, row.seq, row.at, about, row.data
        ):
            return sound, f"row {row.seq} ({row.kind} of {row.operation}) was changed"
        previous, sound = row.hash, sound + 1
    head = connection.execute(_HEAD).first()
    if head is None:
        return sound, f"the chain ends at row {sound}, its head is missing"
    if (head.seq, head.hash) != (sound, previous):
        return sound, f"the chain ends at row {sound}, its head says {head.seq}"
    return sound, ""


def entries(connection: sa.Connection, operation: str) -> Iterator[Entry]:
    """Yield the rows about one operation, oldest first."""
    query = sa.select(audit).where(audit.c.operation == operation).order_by(audit.c.seq)
    yield from (_entry(row) for row in connection.execute(query))


def newest(connection: sa.Connection, kinds: Sequence[str], limit: int) -> Iterator[Entry]:
    """Yield the newest rows of some kinds, newest first."""
    query = sa.select(audit).where(audit.c.kind.in_(kinds)).order_by(audit.c.seq.desc())
    yield from (_entry(row) for row in connection.execute(query.limit(limit)))


def newest_each(connection: sa.Connection, kinds: Sequence[str]) -> Iterator[Entry]:
    """Yield the newest row of these kinds about each thing they are about, oldest first."""
    last = sa.select(sa.func.max(audit.c.seq)).where(audit.c.kind.in_(kinds))
    last = last.group_by(audit.c.operation)
    query = sa.select(audit).where(audit.c.seq.in_(last)).order_by(audit.c.seq)
    yield from (_entry(row) for row in connection.execute(query))


def _entry(row: sa.Row[Any]) -> Entry:
    data = json.loads(row.data)
    return Entry(row.seq, row.at, row.operation, row.step, row.kind, data, row.hash)


def _link(previous: str, seq: int, at: float, about: tuple[str, str, str], data: str) -> str:
    return digest([previous, seq, at, *about, data])
