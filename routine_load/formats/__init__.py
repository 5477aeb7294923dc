"""Bytes → Arrow columns of text, with a row error for everything that cannot be read.

Owns the byte formats: CSV, JSON and Avro, as StarRocks and Doris read them. A decoder never raises for bad data: each
message becomes rows, rejected rows, or (empty messages, tombstones) nothing. It refuses to know where bytes come from,
what types the table has, and where rows go: it is told the names of the source columns and how each will be read.
"""

from routine_load.formats.choice import check, decoder_for

__all__ = ["check", "decoder_for"]
