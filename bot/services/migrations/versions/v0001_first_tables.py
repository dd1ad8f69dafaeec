"""The first tables: operations, the audit chain, intents and the switch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables and the empty chain's head."""
    op.create_table(
        "operation",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("dedupe", sa.String(200), nullable=False, unique=True),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("deadline_at", sa.Float, nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("target_id", sa.String(80), nullable=False),
        sa.Column("target_name", sa.String(200), nullable=False),
        sa.Column("lane", sa.String(120), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("decided_by", sa.String(120), nullable=False),
        sa.Column("decided_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("ended_at", sa.Float, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("channel", sa.String(80), nullable=False),
        sa.Column("message", sa.String(80), nullable=False),
    )
    op.create_index("ix_operation_state", "operation", ["state"])
    op.create_index("ix_operation_target_id", "operation", ["target_id"])
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("operation", sa.String(200), nullable=False),
        sa.Column("step", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("operation", "step", "kind", name="audit_once"),
    )
    op.create_index("ix_audit_operation", "audit", ["operation"])
    head = op.create_table(
        "chain",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])
    op.create_table(
        "intent",
        sa.Column("run", sa.String(80), primary_key=True),
        sa.Column("step", sa.String(120), primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "switch",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(120), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
