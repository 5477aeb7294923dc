"""Progress, intents and ranges of commits in two phases: expand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from routine_load.store.kinds import MARIADB, TEXT, may_be_there

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commit_counter",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_commit_counter")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_table(
        "commit_intent",
        sa.Column("label", sa.String(128), nullable=False),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=True),
        sa.Column("parts", TEXT, nullable=False),
        sa.Column("record", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_at_ms", sa.BigInteger, nullable=True),
        sa.Column("finished_at_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("label", name=op.f("pk_commit_intent")),
        sa.UniqueConstraint("sequence", name=op.f("uq_commit_intent_sequence")),
        sa.CheckConstraint(
            "state IN ('INTENDED', 'DECIDED', 'ABANDONING', 'IN_DOUBT', 'FINISHED', 'ABANDONED')",
            name=op.f("ck_commit_intent_state_known"),
        ),
        sa.CheckConstraint(
            "(state = 'FINISHED') = (sequence IS NOT NULL)", name=op.f("ck_commit_intent_finished_has_sequence")
        ),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_index(
        op.f("ix_commit_intent_job_id_state"), "commit_intent", ["job_id", "state"], if_not_exists=may_be_there()
    )
    op.create_table(
        "commit_range",
        sa.Column("label", sa.String(128), nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("start_offset", sa.BigInteger, nullable=False),
        sa.Column("end_offset", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("label", "partition", name=op.f("pk_commit_range")),
        sa.ForeignKeyConstraint(
            ["label"], ["commit_intent.label"], name=op.f("fk_commit_range_label_commit_intent"), ondelete="CASCADE"
        ),
        sa.CheckConstraint("start_offset >= 0", name=op.f("ck_commit_range_start_not_negative")),
        sa.CheckConstraint("end_offset >= start_offset", name=op.f("ck_commit_range_end_not_before_start")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )
    op.create_table(
        "partition_progress",
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
        sa.Column("open_label", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "partition", name=op.f("pk_partition_progress")),
        sa.ForeignKeyConstraint(
            ["open_label"], ["commit_intent.label"], name=op.f("fk_partition_progress_open_label_commit_intent")
        ),
        sa.CheckConstraint("next_offset >= 0", name=op.f("ck_partition_progress_next_offset_not_negative")),
        if_not_exists=may_be_there(),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("partition_progress", if_exists=may_be_there())
    op.drop_table("commit_range", if_exists=may_be_there())
    op.drop_table("commit_intent", if_exists=may_be_there())
    op.drop_table("commit_counter", if_exists=may_be_there())
