"""What a cluster's answers mean: done, refused or unknown; and what is made of answers that are late, lost or wrong."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from routine_load.commit.labels import LabelState, Outcome, Part
from routine_load.engines.cluster.address import ClusterAddress
from routine_load.engines.cluster.body import Encoder
from routine_load.engines.cluster.doris import DorisTarget
from routine_load.engines.cluster.http import Wire
from routine_load.engines.cluster.nodes import Members
from routine_load.engines.cluster.starrocks import StarRocksTarget
from routine_load.engines.cluster.target import Parts
from routine_load.errors import ClusterRefused, TargetUnavailable
from routine_load.ids import Compat, Label, TableRef, TxnId
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from tests.support.cluster_peer import Body
from tests.unit.engines.cluster_server import MisbehavingServer, page, redirect

REF = TableRef("d", "t")
PART = Part(REF, Label("l"), TxnId(7))
DONE, REFUSED, UNKNOWN = Outcome
ROWS = pa.table({"id": pa.array([1, 2], pa.int32())})


@dataclass
class Described:
    """The FE's SQL side, without a cluster: one table, and what SHOW TRANSACTION says."""

    transactions: list = field(default_factory=list)
    refusal: str = ""

    def table(self, ref):
        return Table(ref=ref, columns=(Column(name="id", type=ColumnType(name=TypeName.INT)),))

    def ask(self, text):
        assert "SHOW TRANSACTION FROM `d`" in text
        if self.refusal:
            raise ClusterRefused(self.refusal)
        return self.transactions


class Nobody:
    identity = "starrocks-1"


@contextmanager
def target(vendor, folder, act, *nodes, tables=None):
    """A target whose front end answers as ``act`` says."""
    with MisbehavingServer(act) as front:
        address = ClusterAddress(vendor=vendor, fronts=(("127.0.0.1", 9030),), http_port=front.port, load_timeout_s=5)
        members = Members(alive=1, nodes=frozenset(node.endpoint for node in nodes), fronts=frozenset({front.endpoint}))
        wire, encoder = Wire(address, lambda: members), Encoder()
        kind = StarRocksTarget if vendor is Compat.STARROCKS else DorisTarget
        made = kind(
            Parts(
                address=address,
                tables=tables or Described(),
                nodes=Nobody(),
                wire=wire,
                encoder=encoder,
                spool_dir=folder,
            )
        )
        try:
            yield made
        finally:
            wire.close()
            encoder.close()


STARROCKS_COMMITS = [
    ({"Status": "OK", "Message": "", "TxnId": 7}, DONE),
    ({"Status": "OK", "Message": "Transaction 7 has already committed, label is l"}, DONE),
    ({"Status": "FAILED", "Message": "Transaction 7 has already committed, label is l"}, DONE),
    ({"Status": "FAILED", "Message": "Can not commit ABORTED transaction 7, label is l"}, REFUSED),
    ({"Status": "FAILED", "Message": "No transaction found with db[d] and label[l]"}, REFUSED),
    ({"Status": "FAILED", "Message": "publish timeout: 20000, transactionId=7"}, UNKNOWN),
    ({"Status": "FAILED", "Message": "class java.lang.NullPointerException: null"}, UNKNOWN),
    ({"Status": "FAILED", "Message": "get db write lock timeout"}, UNKNOWN),
    ({"status": "FAILED", "code": "1", "msg": "Access denied for root", "message": "Access denied"}, UNKNOWN),
    ({"Status": "MAYBE"}, UNKNOWN),
    ({}, UNKNOWN),
]
STARROCKS_ROLLBACKS = [
    ({"Status": "OK", "Message": ""}, DONE),
    ({"Status": "OK", "Message": "Transaction 7 has already aborted, label is l"}, DONE),
    ({"Status": "TXN_NOT_EXISTS", "Message": "transaction with label l not exists"}, DONE),
    ({"Status": "FAILED", "Message": "No transaction found by label l"}, DONE),
    ({"Status": "FAILED", "Message": "Can not abort VISIBLE transaction 7, label is l"}, REFUSED),
    ({"Status": "FAILED", "Message": "Can not abort COMMITTED transaction 7, label is l"}, REFUSED),
    ({"Status": "TXN_IN_PROCESSING", "Message": "Transaction is in processing"}, UNKNOWN),
    ({"Status": "FAILED", "Message": "class java.lang.Exception: rpc"}, UNKNOWN),
]
FIXED = "TStatus: errCode = 2, detailMessage = "
DORIS_COMMITS = [
    ({"status": "Success", "msg": "transaction [7] commit successfully."}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already committed, not pre-committed."}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already visible, not pre-committed."}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already VISIBLE, not pre-committed."}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already aborted. abort reason: x"}, REFUSED),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] not found"}, REFUSED),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is prepare, not pre-committed."}, UNKNOWN),
    ({"status": "INTERNAL_ERROR", "msg": "get tableList write lock timeout, tableList=(t)"}, UNKNOWN),
    ({"msg": "Unauthorized", "code": 401, "data": "Access denied", "count": 0}, UNKNOWN),
    ({}, UNKNOWN),
]
DORIS_ROLLBACKS = [
    ({"status": "Success", "msg": "transaction [7] abort successfully."}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already aborted, abort reason: x"}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] not found"}, DONE),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already COMMITTED, could not abort."}, REFUSED),
    ({"status": "ANALYSIS_ERROR", "msg": f"{FIXED}transaction [7] is already VISIBLE, could not abort."}, REFUSED),
    ({"status": "INTERNAL_ERROR", "msg": "rpc failed"}, UNKNOWN),
]
SAID = [
    *((Compat.STARROCKS, "commit", answer, outcome) for answer, outcome in STARROCKS_COMMITS),
    *((Compat.STARROCKS, "rollback", answer, outcome) for answer, outcome in STARROCKS_ROLLBACKS),
    *((Compat.DORIS, "commit", answer, outcome) for answer, outcome in DORIS_COMMITS),
    *((Compat.DORIS, "rollback", answer, outcome) for answer, outcome in DORIS_ROLLBACKS),
]


@pytest.mark.parametrize(("vendor", "operation", "answer", "outcome"), SAID)
def test_an_answer_is_done_refused_or_unknown(tmp_path, vendor, operation, answer, outcome):
    """Refused is only what is known to mean that it has not happened; everything else asks for the label's state."""
    with target(vendor, tmp_path, lambda _: page(answer)) as made:
        assert getattr(made, operation)(PART).outcome is outcome


@pytest.mark.parametrize("vendor", list(Compat))
@pytest.mark.parametrize("operation", ["commit", "rollback", "prepare"])
@pytest.mark.parametrize(
    "answer", [None, b"", page(b"<html>", "502 Bad Gateway"), page(b"x" * 2_000_000), page(b"{}", "500 Oops")]
)
def test_an_answer_that_was_lost_is_unknown_and_asked_for_once(tmp_path, vendor, operation, answer):
    """No request is repeated: nobody knows whether the first one was heard."""
    seen = []

    def act(received):
        seen.append(received.path)
        return answer

    with target(vendor, tmp_path, act) as made:
        reply = made.prepare(PART, Body(ROWS)).reply if operation == "prepare" else getattr(made, operation)(PART)
    assert reply.outcome is UNKNOWN
    assert len(seen) == 1


STATES = [
    (Compat.STARROCKS, {"state": "VISIBLE", "status": "OK", "code": "0"}, LabelState.VISIBLE),
    (Compat.STARROCKS, {"state": "PREPARED", "status": "OK"}, LabelState.PREPARED),
    (Compat.STARROCKS, {"state": "UNKNOWN", "status": "OK"}, LabelState.UNKNOWN),
    (Compat.STARROCKS, {"status": "FAILED", "msg": "unknown database, database=d"}, LabelState.UNKNOWN),
    (Compat.STARROCKS, {"status": "FAILED", "msg": "No label selected."}, None),
    (Compat.STARROCKS, {"state": "ALMOST", "status": "OK"}, None),
    (Compat.STARROCKS, {"state": "VISIBLE"}, None),
    (Compat.DORIS, {"msg": "success", "code": 0, "data": "PRECOMMITTED", "count": 0}, LabelState.PREPARED),
    (Compat.DORIS, {"msg": "success", "code": 0, "data": "ABORTED", "count": 0}, LabelState.ABORTED),
    (Compat.DORIS, {"msg": "Error", "code": 1, "data": "unknown database, database=d", "count": 0}, LabelState.UNKNOWN),
    (Compat.DORIS, {"msg": "Unauthorized", "code": 401, "data": "Access denied", "count": 0}, None),
    (Compat.DORIS, {"msg": "success", "data": "VISIBLE"}, None),
]


@pytest.mark.parametrize(("vendor", "answer", "state"), STATES)
def test_a_state_is_only_what_the_cluster_says_in_its_own_words(tmp_path, vendor, answer, state):
    """StarRocks, Doris: get_load_state. What is no answer raises, and is not taken for UNKNOWN."""
    with target(vendor, tmp_path, lambda _: page(answer)) as made:
        if state is None:
            with pytest.raises(TargetUnavailable):
                made.state("d", Label("l"))
        else:
            assert made.state("d", Label("l")) is state


def test_a_state_is_asked_of_the_leader(tmp_path):
    """StarRocks: a follower redirects the question to the leader."""
    with (
        MisbehavingServer(lambda _: page({"state": "COMMITTED", "status": "OK"})) as leader,
        target(
            Compat.STARROCKS, tmp_path, lambda r: redirect(f"http://127.0.0.1:{leader.port}{r.path}"), leader
        ) as made,
    ):
        assert made.state("d", Label("l")) is LabelState.COMMITTED
        assert leader.seen[0].path == "/api/d/get_load_state?label=l"


def test_a_question_keeps_its_label_on_the_way_to_the_leader(tmp_path):
    """The query is ours, whatever the redirect says of it."""
    with (
        MisbehavingServer(lambda _: page({"state": "UNKNOWN", "status": "OK"})) as leader,
        target(
            Compat.STARROCKS,
            tmp_path,
            lambda r: redirect(f"http://127.0.0.1:{leader.port}{r.path.partition('?')[0]}?label=other"),
            leader,
        ) as made,
    ):
        made.state("d", Label("l"))
        assert leader.seen[0].path == "/api/d/get_load_state?label=l"


def starrocks(load=None, prepare=None, begin=None):
    """A node that speaks the transaction interface, with an answer of its own for one step."""
    answers = {
        "begin": begin or {"Status": "OK", "TxnId": 7},
        "load": load or {"Status": "OK", "TxnId": 7},
        "prepare": prepare
        or {"Status": "OK", "TxnId": 7, "NumberTotalRows": 2, "NumberLoadedRows": 2, "NumberFilteredRows": 0},
    }
    return MisbehavingServer(lambda r: page(answers[r.path.rpartition("/")[2]]))


def prepared(node, tmp_path):
    def act(received):
        return redirect(f"http://127.0.0.1:{node.port}{received.path}")

    with target(Compat.STARROCKS, tmp_path, act, node) as made:
        return made.prepare(PART, Body(ROWS))


def test_a_part_is_begun_loaded_and_prepared_once(tmp_path):
    """StarRocks: three requests to the node that the leader names, in this order."""
    with starrocks() as node:
        done = prepared(node, tmp_path)
        assert (done.reply.outcome, done.loaded, done.txn_id) == (DONE, 2, 7)
        assert [each.path.rpartition("/")[2] for each in node.seen] == ["begin", "load", "prepare"]
        assert node.seen[1].body == b'{"id":1}\n{"id":2}\n'
        assert {each.headers["label"] for each in node.seen} == {"l"}


@pytest.mark.parametrize(
    ("steps", "asked", "outcome"),
    [
        ({"begin": {"Status": "LABEL_ALREADY_EXISTS", "ExistingJobStatus": "RUNNING"}}, 1, REFUSED),
        ({"begin": {"Status": "FAILED", "Message": "No backend alive."}}, 1, REFUSED),
        ({"load": {"Status": "INTERNAL_ERROR", "Message": "parse error"}}, 2, REFUSED),
        ({"load": {"Status": "TXN_NOT_EXISTS", "Message": "gone"}}, 2, REFUSED),
        ({"prepare": {"Status": "TXN_NOT_EXISTS", "Message": "gone"}}, 3, REFUSED),
        ({"prepare": {"Status": "OK", "NumberTotalRows": 1, "NumberLoadedRows": 1}}, 3, UNKNOWN),
        ({"prepare": {"Status": "OK", "NumberTotalRows": 4, "NumberLoadedRows": 4}}, 3, UNKNOWN),
        ({"prepare": {"Status": "OK"}}, 3, UNKNOWN),
        ({"prepare": {"Status": "OK", "NumberLoadedRows": "2"}}, 3, UNKNOWN),
    ],
)
def test_a_step_that_fails_is_the_last_one(tmp_path, steps, asked, outcome):
    """The label is given up; rows that the cluster does not tell of are not taken for loaded."""
    with starrocks(**steps) as node:
        done = prepared(node, tmp_path)
        assert done.reply.outcome is outcome
        assert len(node.seen) == asked


def test_a_front_end_that_takes_rows_itself_was_not_given_any(tmp_path):
    """A load that is answered without a redirect had no body: nothing is counted as loaded."""
    with target(Compat.DORIS, tmp_path, lambda _: page({"Status": "Success", "TwoPhaseCommit": "true"})) as made:
        assert made.prepare(PART, Body(ROWS)).reply.outcome is REFUSED


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"Status": "Success", "TwoPhaseCommit": "true", "TxnId": 9, "NumberLoadedRows": 2}, DONE),
        ({"Status": "Success", "TwoPhaseCommit": "false", "TxnId": 9, "NumberLoadedRows": 2}, UNKNOWN),
        ({"Status": "Success", "GroupCommit": True, "TxnId": 9, "NumberLoadedRows": 2}, UNKNOWN),
        ({"Status": "Publish Timeout", "TwoPhaseCommit": "true", "NumberLoadedRows": 2}, REFUSED),
        ({"Status": "Label Already Exists", "ExistingJobStatus": "PRECOMMITTED"}, REFUSED),
        ({"Status": "Fail", "Message": "[DATA_QUALITY_ERROR]too many filtered rows"}, REFUSED),
    ],
)
def test_doris_prepares_in_one_request_or_not_at_all(tmp_path, answer, outcome):
    """Doris: a server that leaves two_phase_commit out has loaded the rows: that is unknown, never done."""
    with (
        MisbehavingServer(lambda _: page(answer)) as node,
        target(Compat.DORIS, tmp_path, lambda r: redirect(f"http://u:p@127.0.0.1:{node.port}{r.path}?"), node) as made,
    ):
        assert made.prepare(PART, Body(ROWS)).reply.outcome is outcome
        assert len(node.seen) == 1


def test_doris_is_asked_for_a_number_that_was_lost(tmp_path):
    """Doris: SHOW TRANSACTION tells the number of a label; the latest counts."""
    lost = Part(REF, Label("l"))
    said = {"status": "Success", "msg": "transaction [9] commit successfully."}
    rows = [{"TransactionId": "8", "Label": "l"}, {"TransactionId": "9", "Label": "l"}]
    seen = []

    def act(received):
        seen.append(received.headers["txn_id"])
        return page(said)

    with target(Compat.DORIS, tmp_path, act, tables=Described(rows)) as made:
        assert made.commit(lost).outcome is DONE
    assert seen == ["9"]


def test_a_number_that_cannot_be_asked_for_leaves_it_unknown(tmp_path):
    """Doris: neither refused nor done; a label that is nowhere is refused, and rolled back already."""
    lost = Part(REF, Label("l"))
    with target(Compat.DORIS, tmp_path, lambda _: None, tables=Described(refusal="Access denied")) as made:
        assert (made.commit(lost).outcome, made.rollback(lost).outcome) == (UNKNOWN, UNKNOWN)
    gone = Described(refusal="transaction with label l does not exist")
    with target(Compat.DORIS, tmp_path, lambda _: None, tables=gone) as made:
        assert (made.commit(lost).outcome, made.rollback(lost).outcome) == (REFUSED, DONE)


def test_a_late_answer_of_one_request_is_not_taken_for_anothers(tmp_path):
    """Every request has a connection of its own: what comes behind an answer is read by nobody."""
    both = page({"Status": "FAILED", "Message": "publish timeout"}) + page({"Status": "OK"})
    with target(Compat.STARROCKS, tmp_path, lambda _: both) as made:
        assert [made.commit(PART).outcome for _ in range(2)] == [UNKNOWN, UNKNOWN]
