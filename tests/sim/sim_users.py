"""What users and operators of the play say, through the real handlers of statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routine_load.ids import Compat, PartitionId
from routine_load.scheduler.cleaning import Cleaner
from routine_load.sql.statements import (
    AlterRoutineLoad,
    CreateRoutineLoad,
    Expression,
    JobName,
    LoadClauses,
    PauseRoutineLoad,
    Property,
    ResumeRoutineLoad,
    RollbackRoutineLoad,
    SetFrontendConfig,
    ShowRoutineLoadVersions,
    StopRoutineLoad,
)
from routine_load.statements import routine_load as handlers
from routine_load.statements.alter import alter, rollback, versions
from routine_load.statements.frontend_config import set_config
from routine_load.statements.ports import Session
from tests.sim.sim_store import ROLLS_BACK

if TYPE_CHECKING:
    from tests.sim.sim_play import Play

NAME = JobName(name="j", database="db")
ROOT = Session(user="root", compat=Compat.STARROCKS, database="db")
HASTY = Session(user="root", compat=Compat.STARROCKS, database="db", variables={"validate": "off"})
GOES_BACK = Session(user=ROLLS_BACK, compat=Compat.STARROCKS, database="db")
SETTINGS = {
    "max_routine_load_task_concurrent_num": ("0", "1", "3", "5"),
    "max_routine_load_task_num_per_be": ("0", "1", "4", "16"),
    "max_running_txn_num_per_db": ("0", "1", "1000"),
    "empty_load_as_error": ("true", "false"),
    "routine_load_scheduler_interval_millisecond": ("1000", "5000"),
    "max_routine_load_batch_size": ("1", "20", "1000000"),
    "label_keep_max_second": ("0", "1", "1000"),
}


def create(play: Play) -> None:
    dice = play.stage.dice
    properties = {"format": "json", "max_error_number": str(play.errors_max), "desired_concurrent_number": "3"}
    source = {"kafka_broker_list": "kafka:9092", "kafka_topic": dice.choice(sorted(play.topics))}
    source["property.kafka_default_offsets"] = "OFFSET_BEGINNING"
    statement = CreateRoutineLoad(
        job=NAME,
        table=None if play.is_multi_table else dice.choice("tu"),
        properties=_listed(properties),
        source="KAFKA",
        source_properties=_listed(source),
    )
    handlers.create(statement, dice.choice((ROOT, HASTY)), play.context)


def pause(play: Play) -> None:
    handlers.pause(PauseRoutineLoad(job=NAME), ROOT, play.context)


def resume(play: Play) -> None:
    handlers.resume(ResumeRoutineLoad(job=NAME), ROOT, play.context)


def settle_doubt(play: Play) -> None:
    """Somebody looks into the table and tells what became of a commit in doubt; without one, RESUME."""
    job = play.live()
    truth = play.sink.truth_of_a_doubt(job.id) if job is not None else None
    said = {}
    if truth is not None:
        committed, label = truth
        said = {"in_doubt": "committed" if committed else "not_committed", "in_doubt_label": label}
    handlers.resume(ResumeRoutineLoad(job=NAME, properties=_listed(said)), ROOT, play.context)


def stop(play: Play) -> None:
    handlers.stop(StopRoutineLoad(job=NAME), ROOT, play.context)


def alter_offsets(play: Play) -> None:
    job = play.live()
    if job is not None:
        topic = play.topics[job.definition.source.topic]
        partition = PartitionId(play.stage.dice.randrange(len(topic.partitions)))
        offset = play.stage.dice.randrange(topic.end(partition) + 1)
        _alter_source(play, {"kafka_partitions": str(partition), "kafka_offsets": str(offset)})


def alter_topic(play: Play) -> None:
    topic = play.stage.dice.choice(sorted(play.topics))
    _alter_source(play, {"kafka_topic": topic, "property.kafka_default_offsets": "OFFSET_BEGINNING"})


def _alter_source(play: Play, source: dict[str, str]) -> None:
    statement = AlterRoutineLoad(job=NAME, source="KAFKA", source_properties=_listed(source))
    alter(statement, play.stage.dice.choice((ROOT, HASTY)), play.context)


def alter_where(play: Play) -> None:
    where = Expression(text=f"o % 3 <> {play.stage.dice.randrange(3)}", columns=("o",))
    alter(AlterRoutineLoad(job=NAME, clauses=LoadClauses(where=where)), ROOT, play.context)


def alter_table(play: Play) -> None:
    alter(AlterRoutineLoad(job=NAME, table=play.stage.dice.choice("tu")), ROOT, play.context)


def roll_back(play: Play) -> None:
    known = len(versions(ShowRoutineLoadVersions(job=NAME), ROOT, play.context).rows)
    statement = RollbackRoutineLoad(job=NAME, version=play.stage.dice.randrange(1, known + 1))
    rollback(statement, GOES_BACK, play.context)


def admin_set(play: Play) -> None:
    name = play.stage.dice.choice(sorted(SETTINGS))
    _set(play, name, play.stage.dice.choice(SETTINGS[name]))


def settings_that_let_it_run(play: Play) -> None:
    for name, values in SETTINGS.items():
        if play.store.settings.get(name, values[-1]) != values[-1] and name != "empty_load_as_error":
            _set(play, name, values[-1])


def _set(play: Play, name: str, value: str) -> None:
    statement = SetFrontendConfig(properties=(Property(key=name, value=value),))
    set_config(statement, ROOT, play.context)


def drop_table(play: Play) -> None:
    """And make it again, in a while."""
    play.sink.tables.discard(name := play.stage.dice.choice("tu"))
    play.stage.sleep(play.stage.dice.expovariate(4))
    play.sink.tables.add(name)


def clean(play: Play) -> None:
    parts = play.scheduler._parts
    config = lambda: (Compat.STARROCKS, play.config(Compat.STARROCKS))  # noqa: E731 - one use
    cleaner = Cleaner(parts.agenda, play.store, play.sink, config, play.stage)
    cleaner.forgotten = play.scheduler.forget
    cleaner.clean()


STATEMENTS = {
    pause: 3,
    resume: 6,
    stop: 0.4,
    alter_offsets: 3,
    alter_topic: 1,
    alter_where: 3,
    alter_table: 1,
    roll_back: 2,
    admin_set: 2,
    drop_table: 0.3,
    clean: 0.5,
}


def _listed(values: dict[str, str]) -> tuple[Property, ...]:
    return tuple(Property(key=key, value=value) for key, value in values.items())
