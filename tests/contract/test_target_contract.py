"""The port ``loads.ports.Target``: one suite for StarRocks and Doris over their wire, and for the fake of other tests.

The peer of the two real targets is our own service as that vendor.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pyarrow as pa
import pytest

from routine_load.commit.labels import LabelState, Outcome, Part
from routine_load.errors import UnknownTable
from routine_load.ids import Compat, Label, TableRef
from tests.support.cluster_peer import Body, connected_to, peer_of
from tests.support.fake_target import FakeTarget

_NUMBERS = itertools.count(1)


class Stand:
    """A target with a table ``d.t`` of ``p`` and ``v``, and what is visible in it."""

    def __init__(self, target, visible):
        self.target = target
        self.visible = visible

    def part(self, table="t"):
        return Part(TableRef("d", table), Label(f"label-{next(_NUMBERS)}"))

    def prepared(self, rows, part=None):
        """The part as prepared, with the number that the target gave it."""
        part = part or self.part()
        done = self.target.prepare(part, Body(rows))
        assert done.reply.outcome is Outcome.DONE, done
        return replace(part, txn_id=done.txn_id)

    def state(self, part):
        return self.target.state("d", part.label)


def rows(*numbers):
    return pa.table({"id": pa.array(numbers, pa.int64()), "v": [f"v{n}" for n in numbers]})


@pytest.fixture(scope="module", params=["fake", "starrocks", "doris"])
def stand(request, tmp_path_factory):
    if request.param == "fake":
        fake = FakeTarget()
        yield Stand(fake, lambda: sorted(row["id"] for _, _, row in fake.visible))
        return
    folder = tmp_path_factory.mktemp("target")
    with peer_of(Compat(request.param), folder) as peer, connected_to(peer, folder) as connected:
        peer.table("t", "v VARCHAR(20)", "DUPLICATE KEY")
        yield Stand(connected.target, lambda: [row[0] for row in peer.run("SELECT id FROM d.t ORDER BY id")])


def test_a_label_that_nobody_used_is_unknown(stand):
    """StarRocks, Doris: get_load_state of a label without a transaction."""
    assert stand.state(stand.part()) is LabelState.UNKNOWN


def test_prepared_rows_are_counted_and_seen_by_nobody(stand):
    """The first phase makes rows durable, the second makes them visible."""
    before = stand.visible()
    part = stand.part()
    done = stand.target.prepare(part, Body(rows(1, 2, 3, 4, 5)))
    assert (done.reply.outcome, done.loaded, done.filtered, done.unselected) == (Outcome.DONE, 5, 0, 0)
    assert stand.state(part) is LabelState.PREPARED
    assert stand.visible() == before
    assert stand.target.rollback(replace(part, txn_id=done.txn_id)).outcome is Outcome.DONE


def test_a_commit_makes_all_rows_visible_once(stand):
    """A second commit of the same label is done, too, and adds nothing."""
    before = stand.visible()
    part = stand.prepared(rows(11, 12))
    assert stand.target.commit(part).outcome is Outcome.DONE
    assert stand.state(part) in {LabelState.COMMITTED, LabelState.VISIBLE}
    assert stand.target.commit(part).outcome is Outcome.DONE
    assert stand.visible() == sorted([*before, 11, 12])


def test_a_commit_finds_its_transaction_by_label_where_the_number_was_lost(stand):
    """After a crash between prepare and its report only the label is known (Doris: SHOW TRANSACTION tells the number)."""
    before = stand.visible()
    part = replace(stand.prepared(rows(21)), txn_id=stand.part().txn_id)
    assert stand.target.commit(part).outcome is Outcome.DONE
    assert stand.visible() == sorted([*before, 21])


def test_what_was_rolled_back_cannot_be_committed(stand):
    """Rolling back twice is done; a commit is refused, and nothing of it is visible."""
    before = stand.visible()
    part = stand.prepared(rows(31))
    assert stand.target.rollback(part).outcome is Outcome.DONE
    assert stand.target.rollback(part).outcome is Outcome.DONE
    assert stand.state(part) is LabelState.ABORTED
    assert stand.target.commit(part).outcome is Outcome.REFUSED
    assert stand.visible() == before


def test_what_was_committed_cannot_be_rolled_back(stand):
    """The refusal is one: rows stay."""
    part = stand.prepared(rows(41))
    assert stand.target.commit(part).outcome is Outcome.DONE
    before = stand.visible()
    assert stand.target.rollback(part).outcome is Outcome.REFUSED
    assert stand.visible() == before


def test_a_label_that_was_never_begun_is_given_up_and_not_committed(stand):
    """Rolling it back is done; committing it is refused."""
    part = stand.part()
    assert stand.target.rollback(part).outcome is Outcome.DONE
    assert stand.target.commit(part).outcome is Outcome.REFUSED


def test_a_label_is_used_once(stand):
    """Somebody else's transaction is not taken for ours: its rows stay as they are."""
    part = stand.prepared(rows(51))
    again = stand.target.prepare(replace(part, txn_id=stand.part().txn_id), Body(rows(52)))
    assert again.reply.outcome is Outcome.REFUSED
    assert stand.state(part) is LabelState.PREPARED
    before = stand.visible()
    assert stand.target.commit(part).outcome is Outcome.DONE
    assert stand.visible() == sorted([*before, 51])


def test_tables_are_described_or_unknown(stand):
    """A load is planned with the columns that the target has."""
    assert stand.target.table(TableRef("d", "t")).columns
    with pytest.raises(UnknownTable):
        stand.target.table(TableRef("d", "nowhere"))


def test_a_target_has_a_name_and_an_identity(stand):
    """For messages and for recognising another cluster; the name has no password."""
    assert stand.target.name
    assert stand.target.incarnation
