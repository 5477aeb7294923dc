"""Statements of a commit in two phases, made once: to make one takes longer than to run it.

Owns what is written with every batch. Refuses to know when.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from routine_load.store.lease import NEWEST_EPOCH
from routine_load.store.tables import commit_intent, commit_range, partition_progress

_intent, _progress = commit_intent.c, partition_progress.c

PROGRESS: Final = (
    sa.select(_progress.partition, _progress.next_offset, _progress.open_label)
    .where(_progress.job_id == sa.bindparam("j"))
    .order_by(_progress.partition)
)
PROGRESS_HELD: Final = PROGRESS.with_for_update()
PROGRESS_AND_EPOCH_HELD: Final = PROGRESS.add_columns(NEWEST_EPOCH.label("epoch")).with_for_update()

INSERT_INTENT: Final = sa.insert(commit_intent)
INSERT_RANGES: Final = sa.insert(commit_range)

OPEN_PROGRESS: Final = (
    sa.update(partition_progress)
    .where(_progress.job_id == sa.bindparam("j"), _progress.partition == sa.bindparam("p"))
    .values(open_label=sa.bindparam("l"))
)
MOVE_PROGRESS: Final = (
    sa.update(partition_progress)
    .where(_progress.job_id == sa.bindparam("j"), _progress.partition == sa.bindparam("p"))
    .where(_progress.next_offset == sa.bindparam("from_offset"))
    .values(next_offset=sa.bindparam("to_offset"), open_label=None)
)
RELEASE_PROGRESS: Final = (
    sa.update(partition_progress)
    .where(_progress.job_id == sa.bindparam("j"), _progress.open_label == sa.bindparam("l"))
    .values(open_label=None)
)

_SAME: Final = (_intent.label == sa.bindparam("l"), _intent.state == sa.bindparam("from_state"))
"""An intent is changed only from the state that was read."""

_IS_NEWEST: Final = sa.bindparam("e") == NEWEST_EPOCH

_DECIDED: Final[dict[str, Any]] = {
    "state": sa.bindparam("to_state"),
    "record": sa.bindparam("r"),
    "parts": sa.bindparam("ps"),
    "decided_at_ms": sa.bindparam("at"),
}
DECIDE: Final = sa.update(commit_intent).where(*_SAME).values(_DECIDED)
DECIDE_IF_NEWEST: Final = DECIDE.where(_IS_NEWEST)

FINISH: Final = (
    sa.update(commit_intent)
    .where(*_SAME)
    .values(
        state=sa.bindparam("to_state"),
        sequence=sa.bindparam("s"),
        record=sa.bindparam("r"),
        finished_at_ms=sa.bindparam("at"),
    )
)
