"""Contents of small files, for coordinators that share a database and no folder: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, TEXT, may_be_there

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "small_file_contents",
        sa.Column("content_id", sa.String(32), nullable=False),
        sa.Column("sealed", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_small_file_contents")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("small_file_contents", if_exists=may_be_there())
