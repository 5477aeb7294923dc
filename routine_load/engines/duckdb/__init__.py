"""The embedded engine: databases, tables with key models, queries, and exactly-once load transactions in one file.

The file is the truth about progress. One DuckDB transaction holds a batch's rows, the new ``next_offset`` of its
partitions and its label, so there is nothing to prepare and nothing in doubt. Appends to DUPLICATE tables run side by
side; everything that merges passes one writer. Refuses to know Kafka and jobs.
"""

from routine_load.engines.duckdb.engine import DuckDbEngine

__all__ = ["DuckDbEngine"]
