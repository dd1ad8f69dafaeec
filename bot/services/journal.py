"""Keeps operations, the audit chain, intents and the stop switch; every change is one transaction.

Database work runs on two threads of the journal's own: the engine shuts down the loop's executor.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter

from bot.domain.operation import Operation, Outcome, Source, State
from bot.engine.database import may_pass, open_database, sqlite_module
from bot.errors import Transient
from bot.ports import Clock
from bot.services import audit as chain
from bot.services.migrating import migrate
from bot.services.schema import intent, operation, switch

T = TypeVar("T")
_ROW: TypeAdapter[Operation] = TypeAdapter(Operation)
_NESTED = ("wish", "requested_by")
STOP = "stop"
_ONE = sa.select(operation).where(operation.c.id == sa.bindparam("id"))
_STOPPED = sa.select(switch.c.reason).where(switch.c.name == STOP)
"""Built once: every step asks."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many operations of one source stand in one state or ended with one outcome."""

    source: Source
    state: State
    outcome: Outcome | None
    operations: int


class Journal:
    """What ilbot remembers; opened by `open`, closed by `close`.

    `database` is a URL, or what was opened by one; `threads` are where its work is done.
    """

    def __init__(
        self, database: str | sa.Engine, clock: Clock, threads: Executor | None = None
    ) -> None:
        self._database = open_database(database) if isinstance(database, str) else database
        self._clock = clock
        # SQLite has one writer; one thread keeps waiting out of the database's lock.
        least = 1 if self._database.dialect.name == "sqlite" else 4
        self._threads = threads or ThreadPoolExecutor(least, "journal")

    async def open(self) -> None:
        """Bring the schema to this release's version."""
        await self._run(migrate)

    async def close(self) -> None:
        """Let go of the database."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._database.dispose)
        self._threads.shutdown(wait=False)

    async def open_operation(
        self, wanted: Operation, dedupe: str, why: Mapping[str, Any]
    ) -> tuple[Operation, bool]:
        """Store an operation and its first audit row; an earlier one of that key wins.

        Returns the stored operation and whether it is this one.
        """
        return await self._run(lambda c: _open_operation(c, wanted, dedupe, dict(why)))

    async def operation(self, operation_id: str) -> Operation | None:
        """Return one operation."""
        row = await self._run(lambda c: c.execute(_ONE, {"id": operation_id}).first())
        return _from_row(row) if row else None

    async def operations(
        self, *conditions: sa.ColumnElement[bool], limit: int = 50
    ) -> tuple[Operation, ...]:
        """Return operations, newest first."""
        query = sa.select(operation).where(*conditions)
        query = query.order_by(operation.c.created_at.desc(), operation.c.id.desc()).limit(limit)
        return await self._run(lambda c: tuple(_from_row(row) for row in c.execute(query)))

    async def tally(self) -> tuple[Tally, ...]:
        """Count all operations by source, state and outcome."""
        by = (operation.c.source, operation.c.state, operation.c.outcome)
        query = sa.select(*by, sa.func.count()).group_by(*by)
        return await self._run(lambda c: tuple(_tally(*row) for row in c.execute(query)))

    async def move(
        self, operation_id: str, expected: tuple[State, ...], kind: str, **changes: Any
    ) -> bool:
        """Change an operation that is in one of the expected states, with its audit row.

        False where it is in another state by now: of two who decide together, one wins.
        """
        now = self._clock.now()
        return await self._run(lambda c: _move(c, operation_id, expected, kind, now, changes))

    async def place(self, operation_id: str, channel: str, message: str) -> None:
        """Keep where an operation's card stands; no audit row, since it decides nothing."""
        values = {"channel": channel, "message": message}
        update = sa.update(operation).where(operation.c.id == operation_id).values(values)
        await self._run(lambda c: c.execute(update))

    async def defer(self, operation_id: str, deadline_at: float) -> None:
        """Let an operation last longer, never shorter; no audit row, since its reason has one."""
        later = sa.update(operation).where(
            operation.c.id == operation_id, operation.c.deadline_at < deadline_at
        )
        await self._run(lambda c: c.execute(later.values(deadline_at=deadline_at)))

    async def note(self, about: str, step: str, kind: str, data: Mapping[str, Any]) -> bool:
        """Append an audit row unless (about, step, kind) has one; whether it was new."""
        now = self._clock.now()
        return await self._run(
            lambda c: chain.append(c, at=now, about=(about, step, kind), data=dict(data))
        )

    async def has_note(self, about: str, step: str, kind: str) -> bool:
        """Whether (about, step, kind) has an audit row."""
        return await self._run(lambda c: chain.exists(c, (about, step, kind)))

    async def notes(self, about: str) -> tuple[chain.Entry, ...]:
        """Return the audit rows about one operation or observation, oldest first."""
        return await self._run(lambda c: tuple(chain.entries(c, about)))

    async def newest_notes(self, *kinds: str, limit: int = 20) -> tuple[chain.Entry, ...]:
        """Return the newest audit rows of some kinds, whatever they are about."""
        return await self._run(lambda c: tuple(chain.newest(c, kinds, limit)))

    async def newest_of_each(self, *kinds: str) -> tuple[chain.Entry, ...]:
        """Return the newest audit row of these kinds about each thing they are about."""
        return await self._run(lambda c: tuple(chain.newest_each(c, kinds)))

    async def verify(self) -> tuple[int, str]:
        """Walk the whole chain: how many rows are sound, and how it breaks where it does."""
        return await self._run(chain.verify)

    async def intend(
        self, run_id: str, step: str, note: Mapping[str, str]
    ) -> Mapping[str, str] | None:
        """Keep an intent; return the earlier one where there is one (`bot.ports.Intents`)."""
        return await self._run(lambda c: _intend(c, run_id, step, dict(note)))

    async def stop_reason(self) -> str:
        """Return why everything is stopped, `""` where it is not."""
        row = await self._run(lambda c: c.execute(_STOPPED).first())
        return row.reason if row else ""

    async def set_stop(self, reason: str, by: str) -> None:
        """Stop everything, or with no reason let it go on."""
        now = self._clock.now()
        await self._run(lambda c: _set_stop(c, reason, by, now))

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run work on tables of the schema in one transaction; nothing of it is audited."""
        return await self._run(work)

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        def transaction() -> T:
            with self._database.begin() as connection:
                return work(connection)

        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, transaction)
        except sa.exc.SQLAlchemyError as exc:
            if not may_pass(exc):
                raise
            raise Transient(f"use the journal: the database refused ({_why(exc)})") from exc


def _why(error: sa.exc.SQLAlchemyError) -> str:
    """Return SQLite's few words as they are; a server's may name hosts and users."""
    orig = getattr(error, "orig", None)
    own = str(orig) if isinstance(orig, sqlite_module().Error) else ""
    return own or type(error).__name__


def _to_row(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value, ensure_ascii=False) if name in _NESTED else value
        for name, value in values.items()
    }


def _from_row(row: sa.Row[Any]) -> Operation:
    names = [field.name for field in fields(Operation)]
    values = {name: getattr(row, name) for name in names}
    return _ROW.validate_python(values | {name: json.loads(values[name]) for name in _NESTED})


def _tally(source: str, state: str, outcome: str | None, operations: int) -> Tally:
    return Tally(Source(source), State(state), Outcome(outcome) if outcome else None, operations)


def _open_operation(
    connection: sa.Connection, wanted: Operation, dedupe: str, why: dict[str, Any]
) -> tuple[Operation, bool]:
    row = _to_row(_ROW.dump_python(wanted, mode="json")) | {"dedupe": dedupe}
    query = sa.select(operation).where(operation.c.dedupe == dedupe)
    if earlier := connection.execute(query).first():
        return _from_row(earlier), False
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(operation).values(row))
    except sa.exc.IntegrityError:  # another replica was first, between our look and our insert
        return _from_row(connection.execute(query).one()), False
    chain.append(connection, at=wanted.created_at, about=(wanted.id, "", "asked"), data=why)
    return wanted, True


def _move(
    connection: sa.Connection,
    operation_id: str,
    expected: tuple[State, ...],
    kind: str,
    now: float,
    changes: dict[str, Any],
) -> bool:
    update = sa.update(operation).where(
        operation.c.id == operation_id, operation.c.state.in_([state.value for state in expected])
    )
    if connection.execute(update.values(_to_row(changes))).rowcount != 1:
        return False
    told = {name: value for name, value in changes.items() if name not in {"plan"}}
    chain.append(connection, at=now, about=(operation_id, "", kind), data=told)
    return True


def _intend(
    connection: sa.Connection, run_id: str, step: str, note: dict[str, str]
) -> dict[str, str] | None:
    query = sa.select(intent.c.note).where((intent.c.run == run_id) & (intent.c.step == step))
    earlier = connection.execute(query).first()
    if earlier is None:
        new = sa.insert(intent).values(run=run_id, step=step, note=json.dumps(note))
        try:
            with connection.begin_nested():
                connection.execute(new)
        except sa.exc.IntegrityError:  # another replica was first, between our look and our insert
            earlier = connection.execute(query).one()
    return dict(json.loads(earlier.note)) if earlier is not None else None


def _set_stop(connection: sa.Connection, reason: str, by: str, now: float) -> None:
    kind = "stopped" if reason else "released"
    data = {"by": by, "reason": reason}
    # First: it takes the chain's write lock, so that of two who stop together one comes after.
    chain.append(connection, at=now, about=("switch", f"{now:.6f}", kind), data=data)
    connection.execute(sa.delete(switch).where(switch.c.name == STOP))
    if reason:
        connection.execute(sa.insert(switch).values(name=STOP, reason=reason, set_by=by, at=now))
