"""Jobs for the tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

from routine_load.ids import Compat
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job, new_job
from routine_load.sql.statements import CreateRoutineLoad, JobName, Property


def job(name: str = "j", secret: str = "s") -> Job:
    statement = CreateRoutineLoad(
        job=JobName(name=name),
        table="t",
        source="KAFKA",
        source_properties=(
            Property(key="kafka_broker_list", value="kafka:9092"),
            Property(key="kafka_topic", value="orders"),
            Property(key="property.sasl.password", value=secret),
        ),
    )
    compat = Compat.DORIS
    context = DefineContext(
        compat=compat,
        config=FrontendConfig.of(compat),
        database="db",
        user="root",
        timezone="UTC",
        uuid="u",
    )
    return new_job(define(statement, context), datetime(2026, 11, 20, tzinfo=UTC))
