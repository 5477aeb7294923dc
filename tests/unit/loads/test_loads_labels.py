"""The name space of labels, by any sequence of begins and ends, against a list that is searched from its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routine_load.errors import LabelUsed, LimitExceeded
from routine_load.ids import Compat, Label, TxnId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.labels import Labels
from routine_load.loads.transaction_values import BeginLoad, Transaction, TxnState

START = datetime(2026, 1, 1, tzinfo=UTC)
KEPT, KEPT_S, RUNNING = 5, 100, 4
SETTINGS = {
    Compat.STARROCKS: {"label_keep_max_num": str(KEPT), "label_keep_max_second": str(KEPT_S)},
    Compat.DORIS: {"label_num_threshold": str(KEPT), "streaming_label_keep_max_second": str(KEPT_S)},
}


def config(compat: Compat) -> FrontendConfig:
    return FrontendConfig.of(compat, SETTINGS[compat] | {"max_running_txn_num_per_db": str(RUNNING)})


class LabelRules(RuleBasedStateMachine):
    """``known`` is the model: everything that was ever begun and not forgotten, in order."""

    compat = Compat.STARROCKS

    def __init__(self) -> None:
        super().__init__()
        self.labels = Labels(config)
        self.known: list[Transaction] = []
        self.now = START
        self.ids = 0

    @rule(database=st.sampled_from("de"), label=st.sampled_from(["a", "A", "b"]))
    def begin(self, database: str, label: str) -> None:
        self.ids += 1
        begin = BeginLoad(database=database, label=Label(label), compat=self.compat)
        begun = Transaction.begun(TxnId(self.ids), begin, self.now)
        same = [each for each in self.known if (each.database, each.label) == (database, label)]
        running = [each for each in self.known if each.database == database and each.state.is_running]
        if same and same[-1].state is not TxnState.ABORTED:
            with pytest.raises(LabelUsed) as used:
                self.labels.claim(begun)
            assert (used.value.txn_id, used.value.txn_state) == (same[-1].id, same[-1].state)
        elif len(running) >= RUNNING:
            with pytest.raises(LimitExceeded):
                self.labels.claim(begun)
        else:
            self.labels.claim(begun)
            self.known.append(begun)

    @precondition(lambda self: any(each.state.is_running for each in self.known))
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from([i for i, each in enumerate(self.known) if each.state.is_running]))
        each = self.known[at]
        ends = [each.visible(self.now), each.aborted("no", self.now)]
        ends += [each.prepared(self.now, 10)] if each.state is TxnState.PREPARE else []
        self.known[at] = data.draw(st.sampled_from(ends))
        self.labels.put(self.known[at])

    @rule(seconds=st.integers(1, 80))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def forget(self) -> None:
        expected = set()
        for database in "de":
            mine = [each for each in self.known if each.database == database]
            ended = sorted((each for each in mine if each.state.is_final), key=lambda each: each.finished_at or START)
            for count, each in enumerate(ended):
                assert each.finished_at is not None
                if len(mine) - count > KEPT or (self.now - each.finished_at).total_seconds() > KEPT_S:
                    expected.add(each.id)
        # Of those that ended at one moment, any may be the older one.
        forgotten = self.labels.forget_old(self.now)
        assert len(forgotten) == len(expected)
        self.known = [each for each in self.known if each.id not in forgotten]

    @invariant()
    def what_is_asked_is_what_is_known(self) -> None:
        for database in "de":
            mine = [each for each in self.known if each.database == database]
            assert self.labels.of(database) == mine
            assert {each.id for each in self.labels.running(database)} == {e.id for e in mine if e.state.is_running}
            for label in ("a", "A", "b"):
                same = [each for each in mine if each.label == label]
                assert self.labels.find(database, label) == (same[-1] if same else None)
        assert all(self.labels.get(each.id) == each for each in self.known)


class DorisLabelRules(LabelRules):
    compat = Compat.DORIS


TestStarRocksLabels = LabelRules.TestCase
TestDorisLabels = DorisLabelRules.TestCase


def test_what_is_dropped_leaves_its_label_as_it_was() -> None:
    """A begin that failed behind the label has never been."""
    labels = Labels(config)
    begun = Transaction.begun(TxnId(1), BeginLoad(database="d", label=Label("l"), compat=Compat.STARROCKS), START)
    labels.claim(begun)
    labels.drop(begun.id)
    labels.drop(begun.id)
    assert (labels.find("d", "l"), labels.of("d"), labels.running()) == (None, [], [])
    labels.claim(replace(begun, id=TxnId(2)))
