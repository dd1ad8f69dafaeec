"""Turns the state folder, the database and the stop file into lines of a check."""

from __future__ import annotations

import os
from pathlib import Path

import sqlalchemy as sa

from bot.cli.check_line import CheckLine, ok, refused, warning
from bot.engine.database import is_sqlite, open_database, sqlite_path
from bot.errors import Refused
from bot.services.migrating import is_known, newest_version, present_version
from bot.settings import Settings


def check_state_dir(settings: Settings) -> list[CheckLine]:
    """See whether files of ours can be written, without writing one."""
    folder = settings.state_dir
    try:
        existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    except OSError as exc:
        return [refused("state", f"{folder} cannot be looked at: {exc.strerror}")]
    if not existing.is_dir():
        return [refused("state", f"{existing} is not a folder", "Set bot.state_dir.")]
    if not os.access(existing, os.W_OK | os.X_OK):
        return [refused("state", f"{existing} is not writable for this user", "Change its owner.")]
    if existing != folder:
        return [ok("state", f"{folder} will be made at the first start")]
    return [ok("state", f"{folder} is writable")]


def check_database(settings: Settings) -> list[CheckLine]:
    """Connect, and compare the schema with this release's."""
    url = settings.journal_url
    shown = sa.make_url(url).render_as_string(hide_password=True)
    try:
        if is_sqlite(url) and not sqlite_path(url).exists():
            return [ok("database", f"{shown} will be made at the first start")]
        database = open_database(url, pool_size=1)
    except (Refused, sa.exc.SQLAlchemyError) as exc:
        return [refused("database", f"{shown}: {_first_line(exc)}")]
    try:
        with database.connect() as connection:
            return [_schema(connection, shown)]
    except Refused as no:
        return [refused("database", str(no))]
    except sa.exc.SQLAlchemyError as exc:
        return [
            refused(
                "database",
                f"{shown} does not answer: {type(exc).__name__}",
                "Check host, name, user and password, and that this file or server is the right"
                " one.",
            )
        ]
    finally:
        database.dispose()


def check_stop_file(path: Path) -> list[CheckLine]:
    """See whether the stop switch's file is set; one that cannot be looked at is."""
    try:
        path.stat()
    except FileNotFoundError:
        return [ok("stop file", f"{path} does not exist, so changes may start")]
    except OSError as exc:
        return [
            refused(
                "stop file",
                f"{path} cannot be looked at ({exc.strerror}), which counts as set",
                "Let ilbot's user search the folders above it.",
            )
        ]
    return [warning("stop file", f"{path} exists: no change starts", "Remove it to go on.")]


def _schema(connection: sa.Connection, shown: str) -> CheckLine:
    present, newest = present_version(connection), newest_version()
    if present is None:
        return ok("database", f"{shown} answers; the tables will be made at the first start")
    if present == newest:
        return ok("database", f"{shown} answers; its schema is this release's ({newest})")
    if is_known(present):
        return warning(
            "database",
            f"{shown}: its schema {present} is older than this release's ({newest})",
            "The next start brings it up to date and there is no way back: make a backup.",
        )
    return refused(
        "database",
        f"{shown}: its schema {present} is of a newer ilbot",
        "Install that release again, or restore the backup made before it.",
    )


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]
