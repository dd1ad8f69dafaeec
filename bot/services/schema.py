"""The journal's tables, in SQLAlchemy Core, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

operation = sa.Table(
    "operation",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("dedupe", sa.String(200), nullable=False, unique=True),
    sa.Column("wish", sa.Text, nullable=False),
    sa.Column("source", sa.String(20), nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("deadline_at", sa.Float, nullable=False),
    sa.Column("mode", sa.String(20), nullable=False),
    sa.Column("target_id", sa.String(80), nullable=False, index=True),
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
    sa.Column("parent", sa.String(40), nullable=False, server_default="", index=True),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("operation", sa.String(200), nullable=False, index=True),
    sa.Column("step", sa.String(120), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("operation", "step", "kind", name="audit_once"),
)

chain = sa.Table(
    "chain",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

intent = sa.Table(
    "intent",
    metadata,
    sa.Column("run", sa.String(80), primary_key=True),
    sa.Column("step", sa.String(120), primary_key=True),
    sa.Column("note", sa.Text, nullable=False),
)

switch = sa.Table(
    "switch",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("set_by", sa.String(120), nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

probe_watch = sa.Table(
    "probe_watch",
    metadata,
    sa.Column("run", sa.String(80), primary_key=True),
    sa.Column("since", sa.Float, primary_key=True),
    sa.Column("places", sa.Text, nullable=False),
)

probe_sample = sa.Table(
    "probe_sample",
    metadata,
    sa.Column("vip", sa.String(45), primary_key=True),
    sa.Column("port", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("second", sa.BigInteger, primary_key=True, autoincrement=False, index=True),
    sa.Column("vantage", sa.String(80), primary_key=True),
    sa.Column("sample", sa.Text, nullable=False),
)
