"""Backends in processes of their own: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, may_be_there

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backends",
        sa.Column("id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("host", sa.String(256), nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backends")),
        sa.UniqueConstraint("host", "port", name=op.f("uq_backends_host_port")),
        sa.CheckConstraint("state IN ('ADDED', 'DECOMMISSIONED', 'DROPPED')", name=op.f("ck_backends_state_known")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("backends", if_exists=may_be_there())
