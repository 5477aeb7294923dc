"""The embedded API: the whole service inside a Python process, or the same calls on one behind a MySQL port.

    with routine_load.connect("data/") as rl:
        rl.execute("CREATE ROUTINE LOAD db.j ON t … FROM KAFKA (…)")
        rl.wait("db.j", caught_up=True)
        rl.query("SELECT count(*) FROM db.t").fetchall()
        rl.job("db.j").statistic.error_rows

It owns no rule of jobs or tables; every call is a statement.
"""

from routine_load.api.connection import Connection, connect
from routine_load.api.job import Job
from routine_load.api.moving_values import ExportedJob, MovedReport, Outcome
from routine_load.api.rows import Row, Rows
from routine_load.api.status import JobState, JobStatus, Lag, Statistic, Task
from routine_load.jobs.states import Reason

__all__ = [
    "Connection",
    "ExportedJob",
    "Job",
    "JobState",
    "JobStatus",
    "Lag",
    "MovedReport",
    "Outcome",
    "Reason",
    "Row",
    "Rows",
    "Statistic",
    "Task",
    "connect",
]
