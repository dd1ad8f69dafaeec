"""Children: an operation may be a part of another one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; operations of before are parts of nothing."""
    column = sa.Column("parent", sa.String(40), nullable=False, server_default="")
    op.add_column("operation", column)
    op.create_index("ix_operation_parent", "operation", ["parent"])
