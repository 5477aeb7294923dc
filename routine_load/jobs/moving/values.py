"""A job on its way from one front end to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routine_load.ids import Compat, PartitionId
from routine_load.sql.statement_parts import NO_CLAUSES, LoadClauses, MergeType

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a front end says of one job: a row of SHOW ROUTINE LOAD by column, and SHOW CREATE ROUTINE LOAD.

    ``compat`` is the vendor whose columns the row has. ``created`` is empty where the front end knows no such
    statement. ``is_ours``: another service of this kind, whose SHOW CREATE tells the offsets of now.
    """

    compat: Compat
    row: Mapping[str, str | None]
    created: str = field(default="", repr=False)
    is_ours: bool = False

    def column(self, name: str) -> str:
        """Empty for a column that is NULL or not there."""
        return self.row.get(name) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedJob:
    """All of a job that a statement can say, by the rules of ``compat``.

    ``source`` has the keys of FROM KAFKA except partitions and offsets; ``starts`` says where each partition goes on,
    as ``kafka_offsets`` writes it. ``is_pinned`` None: the front end does not tell whether the job follows its topic.
    ``masked`` are the keys of ``source`` whose values were not told. ``notes`` say what is not as it was.
    """

    compat: Compat
    database: str
    name: str
    table: str | None
    merge_type: MergeType = MergeType.APPEND
    clauses: LoadClauses = NO_CLAUSES
    properties: Texts = field(default_factory=dict)
    source: Texts = field(default_factory=dict, repr=False)
    starts: Mapping[PartitionId, str] = field(default_factory=dict)
    is_pinned: bool | None = False
    comment: str = ""
    masked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return f"{self.database}.{self.name}"
