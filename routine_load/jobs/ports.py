"""What a job books: a committed batch, as the commit protocol records it.

The shapes stand here because this room needs them and knows nothing of the protocol (``commit.values`` has the values).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from routine_load.ids import JobId, Label, PartitionId


class RowCounts(Protocol):
    """Rows of one batch by fate; ``filtered`` are errors, ``unselected`` were removed by WHERE."""

    @property
    def filtered(self) -> int: ...
    @property
    def unselected(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def received_bytes(self) -> int: ...
    @property
    def messages(self) -> int: ...


class MovedRange(Protocol):
    """``[start, end)`` of one partition."""

    @property
    def partition(self) -> PartitionId: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


class Committed(Protocol):
    """One committed batch. ``sequence`` grows in commit order; ``rejects`` is an opaque id or empty."""

    @property
    def sequence(self) -> int: ...
    @property
    def label(self) -> Label: ...
    @property
    def job_id(self) -> JobId: ...
    @property
    def ranges(self) -> Sequence[MovedRange]: ...
    @property
    def counts(self) -> RowCounts: ...
    @property
    def timestamps_ms(self) -> Sequence[tuple[PartitionId, int]]: ...
    @property
    def rejects(self) -> str: ...
    @property
    def execute_ms(self) -> int: ...
    @property
    def committed_at_ms(self) -> int: ...
    @property
    def first_error(self) -> str: ...
