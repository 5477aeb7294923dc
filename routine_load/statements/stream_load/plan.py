"""What a request's headers ask for, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from routine_load.formats.compression import Compression
from routine_load.loads.values import LoadSpec

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLoadLimits:
    """Bounds of a load that are no front end's settings; both vendors keep them in ``be.conf``.

    ``row_bytes_max``: the largest row, or document, that is taken. ``spool_bytes_max``: the largest body of a format
    that cannot be read from front to back, and that is kept in ``spool_dir`` meanwhile.
    """

    spool_dir: Path

    body_bytes_max: int
    json_bytes_max: int = 100 * MIB
    chunk_bytes: int = 4 * MIB
    chunk_rows: int = 50_000
    row_bytes_max: int = 64 * MIB
    spool_bytes_max: int = 10_240 * MIB


class BodyFormat(StrEnum):
    """What a body holds."""

    CSV = "csv"
    JSON = "json"
    ARROW = "arrow"
    PARQUET = "parquet"
    ORC = "orc"


class Batching(StrEnum):
    """Doris: ``group_commit``; StarRocks: merge commit, with ``merge_commit_async``. OFF: the load is one by itself."""

    OFF = "off_mode"
    SYNC = "sync_mode"
    ASYNC = "async_mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is looked at before a transaction begins. ``label`` and ``timeout_s`` may not have been given.

    ``skip_rows``: rows that the format itself does without (Doris: ``csv_with_names``).
    """

    format: BodyFormat
    compression: Compression = Compression.NONE
    label: str = ""
    timeout_s: int | None = None
    skip_rows: int = 0
    comment: str = ""
    two_phase: bool = False
    batching: Batching = Batching.OFF
    batch_interval_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """What becomes of the rows. ``json_by_line``: each line is a document, or an array of rows.

    ``records_max`` (StarRocks): so many rejected rows go to a text file, too; -1: all.
    """

    head: Head
    spec: LoadSpec
    max_filter_ratio: float = 0.0
    json_by_line: bool = False
    load_to_single_tablet: bool = False
    records_max: int = 0
    key: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The headers that decide it: loads with the same key are planned alike."""
