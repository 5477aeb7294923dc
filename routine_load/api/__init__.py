"""The embedded API: the whole service inside a Python process, or the same calls on one behind a MySQL port.

    with routine_load.connect("data/") as rl:
        rl.execute("CREATE ROUTINE LOAD db.j ON t … FROM KAFKA (…)")
        rl.wait("db.j", loaded_rows=100, timeout=30)
        rl.query("SELECT count(*) FROM db.t").fetchall()

It owns no rule of jobs or tables; every call is a statement.
"""

from routine_load.api.connection import Connection, connect
from routine_load.api.rows import Row, Rows

__all__ = ["Connection", "Row", "Rows", "connect"]
