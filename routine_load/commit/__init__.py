"""The commit protocol: what makes a batch, its progress and its label one thing.

For a sink in this process (DuckDB) the protocol is one transaction of the sink: rows, ``next_offset`` of every range
and the commit record become visible together, and an UPDATE that names the old ``next_offset`` fences every late or
repeated batch. The sink's progress is the truth; a job's record mirrors it, record by record, in ``sequence`` order.
Refuses to know the sink's wire format and what a job makes of a record.
"""
