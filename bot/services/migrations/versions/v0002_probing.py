"""Probing: what runs watch, and what vantage points saw of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "probe_watch",
        sa.Column("run", sa.String(80), primary_key=True),
        sa.Column("since", sa.Float, primary_key=True),
        sa.Column("places", sa.Text, nullable=False),
    )
    op.create_table(
        "probe_sample",
        sa.Column("vip", sa.String(45), primary_key=True),
        sa.Column("port", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("second", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("vantage", sa.String(80), primary_key=True),
        sa.Column("sample", sa.Text, nullable=False),
    )
    op.create_index("ix_probe_sample_second", "probe_sample", ["second"])
