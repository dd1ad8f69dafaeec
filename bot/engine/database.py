"""Turns a database URL into an SQLAlchemy engine that durable state can rest on."""

from __future__ import annotations

import fcntl
import importlib
import os
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from bot.errors import Refused

_SUBSECOND_CLOCK = (3, 42, 0)
"""SQLite has `unixepoch('subsec')` since 3.42 (its release notes); DBOS's schema uses it on
Python 3.12 and later, where an older SQLite would store NULL and refuse to launch."""

_PRAGMAS = ("busy_timeout=30000", "foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL")


_LATER = frozenset({"25006", "25P03", "25P04"})
"""Of a server that became a standby, and of a transaction that took too long: psycopg counts them
as internal errors (PostgreSQL, appendix A). A deadlock and a serialization failure are operational.
"""


def may_pass(error: sa.exc.SQLAlchemyError) -> bool:
    """Whether the same again may work later: nobody there, a lost connection, a lock, no room."""
    if isinstance(error, sa.exc.DBAPIError):
        code = getattr(error.orig, "sqlstate", None)
        is_passing = isinstance(error, sa.exc.OperationalError) or code in _LATER
        return is_passing or error.connection_invalidated
    return isinstance(error, sa.exc.TimeoutError)  # of the pool


def sqlite_module() -> ModuleType:
    """Return the SQLite binding that can hold our state; `Refused` where there is none."""
    if sys.version_info < (3, 12) or sqlite3.sqlite_version_info >= _SUBSECOND_CLOCK:
        return sqlite3
    try:
        return importlib.import_module("pysqlite3")
    except ImportError as exc:
        raise Refused(
            f"SQLite {sqlite3.sqlite_version} of this Python is older than 3.42.",
            instead="Run `pip install pysqlite3-binary` in ilbot's environment or use Python 3.11.",
        ) from exc


def is_sqlite(url: str) -> bool:
    """Whether the URL names a SQLite file."""
    return sa.make_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: str) -> Path:
    """Return the file behind a SQLite URL."""
    name = sa.make_url(url).database
    if not name or name == ":memory:":
        raise Refused("the database URL names no file: state would not survive a restart")
    return Path(name)


def open_database(url: str, *, pool_size: int = 5) -> sa.Engine:
    """Open a database; SQLite in WAL mode with full sync, one writer at a time, 30 s patience."""
    if not is_sqlite(url):
        return sa.create_engine(url, pool_size=pool_size, pool_pre_ping=True)
    path = sqlite_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, module=sqlite_module(), connect_args={"timeout": 30})
    event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, path))
    return engine


def _prepare_sqlite(connection: Any, path: Path) -> None:
    connection.isolation_level = "IMMEDIATE"
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except sqlite_module().OperationalError:
        raise  # locked, full or not ours to write: the caller tells these apart
    except sqlite_module().DatabaseError as exc:
        raise Refused(
            f"{path} is not a database of SQLite, or it is damaged.",
            instead="Restore it from a backup, or move it away to start with nothing.",
        ) from exc


class OneProcess:
    """A lock on a SQLite file: a second process would run every change a second time."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock for the life of this process; `Refused` where another one has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise Refused(
                f"open {self.path.with_suffix('')}: another ilbot (pid {holder}) uses this file.",
                instead="Stop that one first, or give this one a state folder of its own. "
                "Several at once need PostgreSQL.",
            ) from exc
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class OneReplica:
    """An advisory lock on a PostgreSQL database: runs of a dead process belong to its successor,
    which only holds while there is one process at a time."""

    _KEY = 7311_2204

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)
        self._connection: sa.Connection | None = None

    def acquire(self) -> None:
        """Take the lock for as long as the connection lives; `Refused` where another has it."""
        connection = self._engine.connect()
        taken = connection.execute(sa.select(sa.func.pg_try_advisory_lock(self._KEY))).scalar()
        connection.commit()  # the lock is the session's; the transaction need not stay open
        if not taken:
            connection.close()
            raise Refused(
                "open the engine's database: another ilbot uses it.",
                instead="This release runs one process on PostgreSQL. Stop that one first.",
            )
        self._connection = connection

    def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
