"""The closed vocabulary of log events. A log line's ``event`` is one of these; ids are keys beside it."""

from __future__ import annotations

from typing import Final

READY: Final = "ready"
STOPPED: Final = "stopped"
JOB_PLANNED: Final = "job_planned"
JOB_STATE_CHANGED: Final = "job_state_changed"
JOBS_FORGOTTEN: Final = "jobs_forgotten"
JOB_RECOVERED: Final = "job_recovered"
TASK_FINISHED: Final = "task_finished"
TASK_ABORTED: Final = "task_aborted"
BOOKING_FAILED: Final = "booking_failed"
REJECTS_PENDING: Final = "rejects_pending"
TRANSACTION_LEFT: Final = "transaction_left"
TASK_UNTIDY: Final = "task_untidy"
TASKS_LEFT: Final = "tasks_left"
PARTITIONS_CHANGED: Final = "partitions_changed"
SCHEDULER_FAULT: Final = "scheduler_fault"
ENGINE_GIVEN_UP: Final = "engine_given_up"
ENGINE_REOPENED: Final = "engine_reopened"
STATEMENT_FAULT: Final = "statement_fault"
CONNECTION_REFUSED: Final = "connection_refused"
SETTING_IGNORED: Final = "setting_ignored"
DEV_FEED_STOPPED: Final = "dev_feed_stopped"
LIBRARY_SAID: Final = "library_said"
