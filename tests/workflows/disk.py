"""Lends a virtual bot its disk, and on it the journal's database: a copy of one with our tables.

A sweep opens thousands. None is migrated anew, and what SQLAlchemy compiled for one is there for
the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import event

from bot.engine.database import open_database
from tests.services.journals import with_tables

P = ParamSpec("P")
T = TypeVar("T")
_IN_MEMORY = Path("/dev/shm")
"""A disk that needs not survive this machine."""


class InPlace(Executor):
    """Does work at once, where it is asked for: no thread to wait for, and no chance in order."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return the work done."""
        done: Future[T] = Future()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class _Drive:
    """An engine that takes one file after another."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.engine = open_database(f"sqlite:///{file}")
        event.listen(self.engine, "do_connect", self._here)

    def _here(self, _dialect: Any, _record: Any, where: list[Any], _options: Any) -> None:
        where[0] = str(self.file)


_IDLE: list[_Drive] = []


@contextmanager
def disk() -> Iterator[tuple[Path, sa.Engine]]:
    """Lend a folder, and an engine on a new database in it."""
    with TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        file = Path(folder) / "journal.db"
        file.write_bytes(with_tables())
        drive = _IDLE.pop() if _IDLE else _Drive(file)
        drive.file = file
        try:
            yield Path(folder), drive.engine
        finally:
            drive.engine.dispose()
            _IDLE.append(drive)
