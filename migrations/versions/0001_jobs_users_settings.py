"""Jobs, users and settings: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import DIGEST, MARIADB, TEXT, may_be_there

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), autoincrement=True, nullable=False),
        sa.Column("database_name", sa.String(256), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("live_name", sa.String(256), nullable=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("definition", TEXT, nullable=False),
        sa.Column("record", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("database_name", "live_name", name=op.f("uq_jobs_database_name_live_name")),
        sa.CheckConstraint("live_name IS NULL OR live_name = name", name=op.f("ck_jobs_live_name_is_name")),
        sa.CheckConstraint("version > 0", name=op.f("ck_jobs_version_positive")),
        sqlite_autoincrement=True,
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_index(op.f("ix_jobs_database_name_name"), "jobs", ["database_name", "name"], if_not_exists=may_be_there())
    op.create_table(
        "users",
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("native", DIGEST, nullable=False),
        sa.Column("sha2", sa.String(512), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_table(
        "frontend_config",
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_frontend_config")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("frontend_config", if_exists=may_be_there())
    op.drop_table("users", if_exists=may_be_there())
    op.drop_table("jobs", if_exists=may_be_there())
