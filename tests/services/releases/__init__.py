"""Journals as earlier releases left them, as SQL: a release is followed by a dump of its own.

`python -m tests.services.releases` writes the one of the version in pyproject.toml. It is never
written again after that release: what matters is what people have on their disks.
"""

from __future__ import annotations

import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[2]


def this_release() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def dumps() -> list[Path]:
    """The dump of each release there was."""
    return sorted(FOLDER.glob("*.sql"))


def restore(dump: Path, database: Path) -> None:
    """Make the database that the release had."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
