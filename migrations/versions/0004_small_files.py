"""Small files, which CREATE FILE makes: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, may_be_there

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "small_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("database_name", sa.String(256), nullable=False),
        sa.Column("catalog", sa.String(256), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("md5", sa.String(32), nullable=False),
        sa.Column("content_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_small_files")),
        sa.UniqueConstraint("database_name", "catalog", "name", name=op.f("uq_small_files_database_name_catalog_name")),
        sqlite_autoincrement=True,
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("small_files", if_exists=may_be_there())
