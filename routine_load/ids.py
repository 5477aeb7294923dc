"""The identifiers that rooms share. They are types so that they cannot be mixed up."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

JobId = NewType("JobId", int)
"""Number of a routine load job; unique in one metadata database, never reused."""

TaskId = NewType("TaskId", str)
"""UUID text of one task."""

PartitionId = NewType("PartitionId", int)
"""Number of a Kafka partition (a table's is always called *table partition*)."""

BackendId = NewType("BackendId", int)
"""Number of a backend as SHOW BACKENDS prints it."""

TxnId = NewType("TxnId", int)
"""Number of a load transaction; -1 in SHOW output while there is none."""

NO_TXN = TxnId(-1)

Label = NewType("Label", str)
"""Name of one load transaction at the sink; used for one attempt and never again."""


def number_of(name: str) -> int:
    """A number for what has only a name here, as databases and tables do; the same for ever."""
    return zlib.crc32(name.encode())


class Compat(StrEnum):
    """Whose rules, defaults, columns and messages apply."""

    STARROCKS = "starrocks"
    DORIS = "doris"


@dataclass(frozen=True, slots=True, order=True)
class TableRef:
    """A table by database and name; both as written at CREATE (names are case-sensitive)."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"
