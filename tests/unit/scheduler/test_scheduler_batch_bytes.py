"""A batch has to fit into the engine's memory."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from routine_load.config import Settings
from routine_load.ids import Compat
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import new_job
from routine_load.scheduler.planning import Planner
from routine_load.sql.parser import parse

CREATE = (
    'CREATE ROUTINE LOAD d.j ON t PROPERTIES ({}) FROM KAFKA ("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "x")'
)


@pytest.mark.parametrize(
    ("compat", "properties", "bytes_max"),
    [
        (Compat.STARROCKS, "", 64 * 1024 * 1024),
        (Compat.DORIS, '"max_batch_size" = "1073741824"', 64 * 1024 * 1024),
    ],
)
def test_a_batch_ends_at_the_bytes_that_the_engine_can_hold(tmp_path, compat, properties, bytes_max):
    """The vendors let a batch be gigabytes; a transaction of them that does not fit would be tried for ever."""
    text = CREATE.format(properties).replace("PROPERTIES () ", "")
    (statement,) = parse(text, compat)
    config = FrontendConfig.of(compat)
    context = DefineContext(
        compat=compat,
        config=config,
        database="d",
        user="root",
        timezone="UTC",
        uuid="00000000-0000-0000-0000-000000000000",
    )
    job = new_job(define(statement, context), datetime(2024, 1, 1, tzinfo=UTC))
    planner = SimpleNamespace(frontend_config=FrontendConfig.of, settings=Settings(data_dir=tmp_path))
    assert Planner.batch(planner, job, 0).limits.bytes_max == bytes_max
