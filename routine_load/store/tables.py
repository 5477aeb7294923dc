"""The tables of the metadata database, with every constraint named.

``migrations/`` makes exactly these; a test compares. Refuses to know what the texts in them mean.
"""

from __future__ import annotations

import sqlalchemy as sa

from routine_load.store.kinds import DIGEST, MARIADB, TEXT

NAME_MAX = 256

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("database_name", sa.String(NAME_MAX), nullable=False),
    sa.Column("name", sa.String(NAME_MAX), nullable=False),
    sa.Column("live_name", sa.String(NAME_MAX), nullable=True),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("definition", TEXT, nullable=False),
    sa.Column("record", TEXT, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("database_name", "live_name"),
    sa.CheckConstraint("live_name IS NULL OR live_name = name", name="live_name_is_name"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.Index(None, "database_name", "name"),
    sqlite_autoincrement=True,
    **MARIADB,
)
"""``live_name`` is the name while the job is not final and NULL after, so that a name is used by one live job."""

job_versions = sa.Table(
    "job_versions",
    metadata,
    sa.Column("job_id", _ID, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("definition", TEXT, nullable=False),
    sa.Column("record", TEXT, nullable=False),
    sa.CheckConstraint("number > 0", name="number_positive"),
    **MARIADB,
)
"""Definitions that a job has or had; the newest is the current one. A job that was never altered has no rows here."""

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(NAME_MAX), primary_key=True),
    sa.Column("native", DIGEST, nullable=False),
    sa.Column("sha2", sa.String(512), nullable=False),
    **MARIADB,
)

frontend_config = sa.Table(
    "frontend_config",
    metadata,
    sa.Column("name", sa.String(NAME_MAX), primary_key=True),
    sa.Column("value", TEXT, nullable=False),
    **MARIADB,
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("user_name", sa.String(NAME_MAX), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    sa.Column("place", sa.String(16), nullable=False),
    sa.Column("database_name", sa.String(NAME_MAX), nullable=False),
    sa.Column("table_name", sa.String(NAME_MAX), nullable=False),
    sa.Column("privilege", sa.String(64), nullable=False),
    sa.Column("grantable", sa.Boolean, nullable=False),
    sa.Index(None, "user_name"),
    **MARIADB,
)
"""One privilege of one user; names are empty where the place has none."""

role_grants = sa.Table(
    "role_grants",
    metadata,
    sa.Column("user_name", sa.String(NAME_MAX), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    sa.Column("role", sa.String(64), nullable=False),
    sa.PrimaryKeyConstraint("user_name", "role"),
    **MARIADB,
)

small_files = sa.Table(
    "small_files",
    metadata,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("database_name", sa.String(NAME_MAX), nullable=False),
    sa.Column("catalog", sa.String(NAME_MAX), nullable=False),
    sa.Column("name", sa.String(NAME_MAX), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("content_id", sa.String(32), nullable=False),
    sa.UniqueConstraint("database_name", "catalog", "name"),
    sqlite_autoincrement=True,
    **MARIADB,
)
"""What CREATE FILE made; ``content_id`` names the content, which lies in a folder."""

small_file_contents = sa.Table(
    "small_file_contents",
    metadata,
    sa.Column("content_id", sa.String(32), primary_key=True),
    sa.Column("sealed", TEXT, nullable=False),
    **MARIADB,
)
"""The contents again, sealed, where coordinators share the database: each has a folder of its own."""

LABEL_MAX = 128

commit_counter = sa.Table(
    "commit_counter",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    **MARIADB,
)
"""Numbers of commits in two phases, which only grow: the coordinator's epoch, commits, labels of each job."""

commit_intent = sa.Table(
    "commit_intent",
    metadata,
    sa.Column("label", sa.String(LABEL_MAX), primary_key=True),
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
    sa.UniqueConstraint("sequence"),
    sa.CheckConstraint(
        "state IN ('INTENDED', 'DECIDED', 'ABANDONING', 'IN_DOUBT', 'FINISHED', 'ABANDONED')", name="state_known"
    ),
    sa.CheckConstraint("(state = 'FINISHED') = (sequence IS NOT NULL)", name="finished_has_sequence"),
    sa.Index(None, "job_id", "state"),
    **MARIADB,
)
"""That labels will carry a batch. ``parts`` are the labels at the target, ``record`` the counts: both as JSON."""

commit_range = sa.Table(
    "commit_range",
    metadata,
    sa.Column("label", sa.String(LABEL_MAX), sa.ForeignKey("commit_intent.label", ondelete="CASCADE")),
    sa.Column("partition", sa.Integer, autoincrement=False),
    sa.Column("start_offset", sa.BigInteger, nullable=False),
    sa.Column("end_offset", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("label", "partition"),
    sa.CheckConstraint("start_offset >= 0", name="start_not_negative"),
    sa.CheckConstraint("end_offset >= start_offset", name="end_not_before_start"),
    **MARIADB,
)

partition_progress = sa.Table(
    "partition_progress",
    metadata,
    sa.Column("job_id", sa.BigInteger, autoincrement=False),
    sa.Column("partition", sa.Integer, autoincrement=False),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("open_label", sa.String(LABEL_MAX), sa.ForeignKey("commit_intent.label"), nullable=True),
    sa.PrimaryKeyConstraint("job_id", "partition"),
    sa.CheckConstraint("next_offset >= 0", name="next_offset_not_negative"),
    **MARIADB,
)
"""Where each partition of a job goes on: one row, one truth. ``open_label`` is the one batch that is under way."""

leader_lease = sa.Table(
    "leader_lease",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
    sa.CheckConstraint("epoch >= 0", name="epoch_not_negative"),
    **MARIADB,
)
"""Who leads until when, by the database's own clock: one row."""

coordinators = sa.Table(
    "coordinators",
    metadata,
    sa.Column("number", _ID, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("host", sa.String(NAME_MAX), nullable=False),
    sa.Column("query_port", sa.Integer, nullable=True),
    sa.Column("http_port", sa.Integer, nullable=True),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("target", sa.String(NAME_MAX), nullable=False),
    sa.Column("started_at_ms", sa.BigInteger, nullable=False),
    sa.Column("seen_at_ms", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("id"),
    sqlite_autoincrement=True,
    **MARIADB,
)
"""Coordinators that share this database, and when each was seen last, by the database's own clock."""

sealed_values = sa.Table(
    "sealed_values",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", TEXT, nullable=False),
    **MARIADB,
)
"""What coordinators share and nobody else may know, sealed with the key that is not in the database."""

backends = sa.Table(
    "backends",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("host", sa.String(NAME_MAX), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.UniqueConstraint("host", "port"),
    sa.CheckConstraint("state IN ('ADDED', 'DECOMMISSIONED', 'DROPPED')", name="state_known"),
    **MARIADB,
)
"""Backends in processes of their own; one that was dropped keeps its row, so that it does not come back by itself."""
