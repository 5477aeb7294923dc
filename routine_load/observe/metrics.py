"""Figures for monitoring: what was counted since the start, and the shape in which a page tells figures.

Counting is one lock and a few additions per task. Refuses to know the vendors' names and the page's format.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

TABLES_MAX: Final = 10_000
"""Tables that are counted apart; loads into further ones count in the sums only."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric with its samples, as a page prints it."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    unit: str = "nounit"
    samples: tuple[tuple[Labels, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Sums over tasks: those that committed, and their rows by fate; those that left nothing behind."""

    rows: int = 0
    loaded: int = 0
    errors: int = 0
    unselected: int = 0
    bytes: int = 0
    execute_ms: int = 0
    committed: int = 0
    aborted: int = 0

    def __add__(self, other: Loaded) -> Loaded:
        return Loaded(
            rows=self.rows + other.rows,
            loaded=self.loaded + other.loaded,
            errors=self.errors + other.errors,
            unselected=self.unselected + other.unselected,
            bytes=self.bytes + other.bytes,
            execute_ms=self.execute_ms + other.execute_ms,
            committed=self.committed + other.committed,
            aborted=self.aborted + other.aborted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything that was counted, at one moment. ``tables`` are (database, table)."""

    loaded: Loaded = Loaded()
    tables: Mapping[tuple[str, str], Loaded] = field(default_factory=dict)
    paused: int = 0
    questions: int = 0
    questions_failed: int = 0
    questions_ms: int = 0


class Counters:
    """Counts since the start. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[tuple[str, str], Loaded] = {}
        self._totals = Totals()

    def task_ended(self, table: tuple[str, str] | None, loaded: Loaded) -> None:
        """One task; ``table`` None where it loads many."""
        with self._lock:
            self._totals = replace(self._totals, loaded=self._totals.loaded + loaded)
            if table is not None and (table in self._tables or len(self._tables) < TABLES_MAX):
                self._tables[table] = self._tables.get(table, Loaded()) + loaded

    def job_paused(self) -> None:
        with self._lock:
            self._totals = replace(self._totals, paused=self._totals.paused + 1)

    def asked(self, ms: int, *, failed: bool) -> None:
        """One question to Kafka about a topic."""
        with self._lock:
            totals = self._totals
            self._totals = replace(
                totals,
                questions=totals.questions + 1,
                questions_failed=totals.questions_failed + failed,
                questions_ms=totals.questions_ms + ms,
            )

    def totals(self) -> Totals:
        with self._lock:
            return replace(self._totals, tables=dict(self._tables))
