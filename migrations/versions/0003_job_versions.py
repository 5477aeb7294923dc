"""Versions of jobs' definitions: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, TEXT, may_be_there

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_versions",
        sa.Column("job_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("definition", TEXT, nullable=False),
        sa.Column("record", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("pk_job_versions")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_versions_job_id_jobs"), ondelete="CASCADE"),
        sa.CheckConstraint("number > 0", name=op.f("ck_job_versions_number_positive")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("job_versions", if_exists=may_be_there())
