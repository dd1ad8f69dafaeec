"""Runs the migrations on the connection that `bot.services.journal` hands over."""

from __future__ import annotations

from alembic import context

from bot.services.migrating import VERSION_TABLE
from bot.services.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
