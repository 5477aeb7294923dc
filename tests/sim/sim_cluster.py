"""A cluster in the play: a target that disappoints, and the sink in two phases over it, as the stage sees them.

Target and log of intents outlive the processes; every request and every statement gives the baton back before and after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from routine_load.commit.labels import LabelState
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord
from routine_load.errors import MetadataError
from routine_load.ids import JobId, Label, PartitionId
from routine_load.jobs.definition import JobDefinition
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from tests.sim.sim_stage import Stage, Violation
from tests.sim.sim_store import Batch, Store
from tests.sim.sim_world import Faults
from tests.support.fake_target import FakeTarget, Trouble
from tests.support.memory_intents import Kept, MemoryIntents

_TROUBLES = [trouble for trouble in Trouble if trouble is not Trouble.NONE]
WRITES = ("intend", "finish_without_target", "decide", "move", "finish", "place", "forget_records", "forget_job")


class ClusterSink(TwoPhaseSink):
    """The sink of all processes: ``boot`` gives it the log of the next one. The journal gets what was finished."""

    def __init__(self, stage: Stage, faults: Faults, store: Store, folder: Path) -> None:
        self.stage, self.faults, self.store = stage, faults, store
        self.world = Kept()
        self.meant: dict[Label, JobDefinition] = {}
        self.doubted = 0
        self.is_of_a_task: Callable[[Label], bool] = lambda _: True
        self.target = FakeTarget(disturb=self._disturb)
        self.folder = folder
        self.told: Callable[[JobId], None] = lambda _job_id: None

    def boot(self) -> None:
        """A process begins."""
        place = SpoolPlace(folder=self.folder, bytes_max=10**6)
        super().__init__(self.target, StageIntents(self), place, self.stage)
        self.settler.settled = lambda job_id: self.told(job_id)  # noqa: PLW0108 - the scheduler of the process is known later
        self.goes_on = False
        self.start()
        self.stage.spawn(self._go_on_with_what_was_left)
        self.stage.spawn(self._life_of_the_target)

    @property
    def tables(self) -> set[str]:
        return self.target.tables

    @tables.setter
    def tables(self, tables: set[str]) -> None:
        self.target.tables = tables

    @property
    def standing(self) -> dict[JobId, dict[PartitionId, int]]:
        return self.world.standing

    @property
    def kept(self) -> list[CommitRecord]:
        return [i.record for i in self.world.intents.values() if i.state is IntentState.FINISHED]

    def table(self, ref):
        self.stage.pause()
        return super().table(ref)

    def truth_of_a_doubt(self, job_id: JobId) -> tuple[bool, Label] | None:
        """What somebody sees who looks for the rows of one label that the target does not know; None: no doubt."""
        for intent in self.world.intents.values():
            if intent.job_id == job_id and intent.state is IntentState.IN_DOUBT:
                unknown = {p.label for p in intent.parts if (p.table.database, p.label) not in self.target.txns}
                visible = {label for label, _, _ in self.target.visible} & unknown
                if visible not in (set(), unknown):
                    raise self.stage.violated(f"only {visible} of {unknown} are visible: nobody can tell the truth")
                return bool(visible), intent.label
        return None

    def finished(self, record: CommitRecord) -> None:
        """Progress has moved: the rows are visible by now, and are those of the definition of then."""
        definition = self.meant[record.label]
        rows = self.target.rows_of(record.label)
        tables = {label: table for label, table, _ in self.target.visible}
        where = definition.clauses.where.text if definition.clauses.where else ""
        mixed = {(row["topic"], row["where"]) for row in rows} - {(definition.source.topic, where)}
        if mixed:
            raise self.stage.violated(f"a batch of {mixed} became visible, the job read {definition.source.topic}")
        told = [
            (table, PartitionId(row["p"]), row["o"])
            for label, table, row in self.target.visible
            if label == record.label or label.startswith(f"{record.label}-")
        ]
        assert len(told) == len(rows), tables
        self.store.journal.append(Batch(record, tuple(told), definition))

    def check(self) -> None:
        """What is visible is of batches that are finished, or that are decided and not yet told so."""
        promised = (IntentState.FINISHED, IntentState.DECIDED, IntentState.IN_DOUBT)
        for label, count in Counter(label for label, _, _ in self.target.visible).items():
            owners = [i for i in self.world.intents.values() if label in {part.label for part in i.parts}]
            if owners and owners[0].state not in promised:
                raise Violation(f"{count} rows of {label} are visible, which is {owners[0].state}")

    # what disturbs

    def _disturb(self, operation: str, _label: Label) -> Trouble:
        self.stage.pause()
        self.stage.sleep(self.stage.dice.expovariate(200))
        return self.stage.dice.choice(_TROUBLES) if self.faults.strikes(f"target.{operation}") else Trouble.NONE

    def _go_on_with_what_was_left(self) -> None:
        while True:
            self.stage.sleep(0.3)
            if self.goes_on:
                self.settler.work()

    def _life_of_the_target(self) -> None:
        """Requests that were held back arrive; time-outs come; final labels are forgotten."""
        dice, target = self.stage.dice, self.target
        while True:
            self.stage.sleep(dice.expovariate(3))
            late, target.late = target.late, []
            for act in late:
                act()
            open_ones = [p.label for i in self.world.intents.values() if i.state.is_open for p in i.parts]
            known = [label for _, label in target.txns]
            labels = [label for label in known if label in open_ones] or known
            if labels and self.faults.on and dice.random() < 0.2:
                label = dice.choice(labels)
                intent = next(
                    (i for i in self.world.intents.values() if label in {part.label for part in i.parts}), None
                )
                # one of several labels that is aborted after the decision is a doubt that no word can settle
                if intent is not None and (len(intent.parts) == 1 or not intent.was_decided):
                    target.gives_up(label)
                if (
                    target.txns[("db", label)].state is not LabelState.ABORTED
                    or len(intent.parts if intent else ()) < 2
                ):
                    target.forgets(label)


class StageIntents(MemoryIntents):
    """The log of one process: it fails as the metadata does, before the statement or behind it."""

    def __init__(self, sink: ClusterSink) -> None:
        super().__init__(sink.world, "rl", lambda: int(sink.stage.now().timestamp() * 1000))
        self._sink, self._process = sink, sink.stage.alive

    def _fence(self) -> Kept:
        self._sink.stage.check_alive(self._process)
        return super()._fence()

    def intend(self, record, tables):
        self._strike()
        self._sink.store.checked_to_run(record.job_id)
        intent = super().intend(record, tables)
        self._strike()
        return intent

    def finish_without_target(self, record):
        self._strike()
        self._sink.store.checked_to_run(record.job_id)
        finished = super().finish_without_target(record)
        self._strike()
        return finished

    def _labelled(self, record):
        record = super()._labelled(record)
        self._sink.meant[record.label] = self._sink.store.jobs[record.job_id].definition
        return record

    def _finished(self, intent):
        record = super()._finished(intent)
        self._sink.finished(record)
        return record

    def decide(self, intent, report):
        return self._struck(lambda: MemoryIntents.decide(self, intent, report))

    def move(self, intent, to, reason):
        if to is IntentState.IN_DOUBT:
            self._sink.doubted += 1
        return self._struck(lambda: MemoryIntents.move(self, intent, to, reason))

    def finish(self, intent, report=None):
        return self._struck(lambda: MemoryIntents.finish(self, intent, report))

    def place(self, job_id, offsets, *, only=False):
        return self._struck(lambda: MemoryIntents.place(self, job_id, offsets, only=only))

    def forget_job(self, job_id):
        job = self._sink.store.jobs.get(job_id)
        if job is not None and not job.state.is_final:
            raise self._sink.stage.violated(f"the progress of a job that is {job.state} was forgotten")
        return self._struck(lambda: MemoryIntents.forget_job(self, job_id))

    def records_after(self, job_id, sequence):
        self._strike()
        return super().records_after(job_id, sequence)

    def progress(self, job_id):
        self._sink.stage.pause()
        return super().progress(job_id)

    def _struck(self, work):
        self._strike()
        done = work()
        self._strike()
        return done

    def _strike(self) -> None:
        self._sink.stage.pause()
        if self._sink.faults.strikes("intents"):
            raise MetadataError("the metadata database failed, OperationalError: database is locked")
