"""The leader's lease, the coordinators that share a database, and values that they share sealed: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, TEXT, may_be_there

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leader_lease",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leader_lease")),
        sa.CheckConstraint("epoch >= 0", name=op.f("ck_leader_lease_epoch_not_negative")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_table(
        "coordinators",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(256), nullable=False),
        sa.Column("query_port", sa.Integer, nullable=True),
        sa.Column("http_port", sa.Integer, nullable=True),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_coordinators")),
        sa.UniqueConstraint("id", name=op.f("uq_coordinators_id")),
        sqlite_autoincrement=True,
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_table(
        "sealed_values",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sealed_values")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    # the epoch goes on from where it was counted; the counter keeps up with it, for programs of before
    op.execute(
        "INSERT INTO leader_lease (name, holder, epoch, expires_at_ms) "
        "SELECT 'leader', '', value, 0 FROM commit_counter WHERE name = 'epoch' "
        "AND NOT EXISTS (SELECT 1 FROM leader_lease WHERE name = 'leader')"
    )


def downgrade() -> None:
    op.drop_table("sealed_values", if_exists=may_be_there())
    op.drop_table("coordinators", if_exists=may_be_there())
    op.drop_table("leader_lease", if_exists=may_be_there())
