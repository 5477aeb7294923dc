"""What users may do: expand. Users that are there already have nothing until they are granted it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, may_be_there

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_name", sa.String(256), nullable=False),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("database_name", sa.String(256), nullable=False),
        sa.Column("table_name", sa.String(256), nullable=False),
        sa.Column("privilege", sa.String(64), nullable=False),
        sa.Column("grantable", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name=op.f("fk_grants_user_name_users"), ondelete="CASCADE"
        ),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_index(op.f("ix_grants_user_name"), "grants", ["user_name"], if_not_exists=may_be_there())
    op.create_table(
        "role_grants",
        sa.Column("user_name", sa.String(256), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("user_name", "role", name=op.f("pk_role_grants")),
        sa.ForeignKeyConstraint(
            ["user_name"], ["users.name"], name=op.f("fk_role_grants_user_name_users"), ondelete="CASCADE"
        ),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("role_grants", if_exists=may_be_there())
    op.drop_table("grants", if_exists=may_be_there())
