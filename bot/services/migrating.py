"""Brings the journal's schema to this release's version, and says which one a database has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.services import migrations

VERSION_TABLE = "ilbot_version"
_FOLDER = str(Path(migrations.__file__).parent)
_LOCK = 0x696C626F74
"""A PostgreSQL advisory lock of our own: `ilbot` in ASCII."""


def migrate(connection: sa.Connection) -> None:
    """Bring the schema to this release's version; where it is so, that is all that is asked."""
    if connection.dialect.name == "postgresql":  # replicas start together; SQLite has one process
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if present_version(connection) == newest_version():
        return
    config = Config()
    config.set_main_option("script_location", _FOLDER)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def present_version(connection: sa.Connection) -> str | None:
    """Return the version of a database's schema, None where it has none yet."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def newest_version() -> str | None:
    """Return the version of this release's schema."""
    return _scripts().get_current_head()


def is_known(version: str) -> bool:
    """Whether a version is this release's or an earlier one's."""
    return version in {one.revision for one in _scripts().walk_revisions()}


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_FOLDER)
