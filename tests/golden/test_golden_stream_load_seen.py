"""What SHOW tells of loads that clients sent: by HTTP and SQL on one service a vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymysql.cursors import DictCursor
from stream_load_cases import Doors

from routine_load.ids import Compat, Label, TableRef
from routine_load.loads.transaction_values import BeginLoad
from routine_load.loads.values import LoadSpec
from tests.support.client_transactions import Rows

SEEN = {
    Compat.STARROCKS: (
        "Label",
        "TableName",
        "State",
        "ErrorMsg",
        "NumRowsNormal",
        "NumRowsAbNormal",
        "PreparedChannelNum",
    ),
    Compat.DORIS: ("Label", "Table", "Status", "Message", "LoadedRows", "FilteredRows", "ClientIp", "User", "Comment"),
}


class Desk:
    def __init__(self, doors: Doors) -> None:
        self.compat = doors.compat
        self._doors = doors

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self._doors.connection.cursor(DictCursor) as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def load_some(self) -> None:
        """One of each end."""
        self.rows("CREATE DATABASE d")
        self.rows(
            "CREATE TABLE d.t (a BIGINT NOT NULL) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a) BUCKETS 1"
            " PROPERTIES ('replication_num' = '1')"
        )
        transactions = self._doors.coordinator.service._context.transactions
        for label in ("loaded", "prepared", "aborted", "open"):
            begin = BeginLoad(
                database="d", label=Label(label), compat=self.compat, user="root", client="127.0.0.1:4711",
                comment="said", two_phase=True, timeout_s=50,
            )  # fmt: skip
            opened = transactions.begin(begin)
            with opened.load(TableRef("d", "t"), LoadSpec(compat=self.compat)) as stream:
                stream.add(Rows([b"1", b"x", b"2"]), received_bytes=6)
            match label:
                case "loaded":
                    opened.commit()
                case "prepared":
                    opened.prepare(100)
                case "aborted":
                    opened.rollback("too many filtered rows")
        self.rows("INSERT INTO d.t WITH LABEL inserted VALUES (1), (2)")

    def seen(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row[name] for name in SEEN[self.compat]) for row in self.rows(sql)]


@pytest.fixture(scope="module", params=list(Compat), ids=str)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    doors = Doors(tmp_path_factory.mktemp("seen"), request.param)
    opened = Desk(doors)
    opened.load_some()
    yield opened
    doors.close()


def test_show_stream_load_lists_what_clients_sent(desk: Desk) -> None:
    """StarRocks: states of the load; Doris: Success or Fail, of what has ended or waits for its commit."""
    seen = desk.seen("SHOW ALL STREAM LOAD FROM d" if desk.compat is Compat.STARROCKS else "SHOW STREAM LOAD FROM d")
    if desk.compat is Compat.STARROCKS:
        assert seen == [
            ("loaded", "t", "FINISHED", "", "2", "1", "1"),
            ("prepared", "t", "PREPARED", "", "2", "1", "1"),
            ("aborted", "t", "CANCELLED", "too many filtered rows", "2", "1", "0"),
            ("open", "t", "LOADING", "", "2", "1", "0"),
        ]
    else:
        who = ("127.0.0.1", "root", "said")
        assert seen == [
            ("loaded", "t", "Success", "OK", "2", "1", *who),
            ("prepared", "t", "Success", "OK", "2", "1", *who),
            ("aborted", "t", "Fail", "too many filtered rows", "0", "1", *who),
        ]


def test_show_stream_load_takes_conditions_order_and_limit(desk: Desk) -> None:
    """Both: LABEL, LABEL LIKE, the state's column; ORDER BY; LIMIT; FOR a label."""
    said = "STATE = 'cancelled'" if desk.compat is Compat.STARROCKS else "STATUS = 'fail'"
    for where in (f"WHERE {said}", "WHERE LABEL = 'aborted'", "WHERE LABEL LIKE 'abo%'", "ORDER BY Label LIMIT 1"):
        assert [row[0] for row in desk.seen(f"SHOW STREAM LOAD FROM d {where}")] == ["aborted"], where
    assert [row[0] for row in desk.seen("SHOW STREAM LOAD FOR d.`loaded`")] == ["loaded"]


def test_show_transaction_tells_states_and_timeouts(desk: Desk) -> None:
    """StarRocks: PREPARED; Doris: PRECOMMITTED; who coordinates, which kind, how long it has."""
    rows = {row["Label"]: row for row in desk.rows("SHOW TRANSACTION FROM d WHERE LABEL LIKE '%'")}
    word = "PREPARED" if desk.compat is Compat.STARROCKS else "PRECOMMITTED"
    assert {label: row["TransactionStatus"] for label, row in rows.items()} == {
        "loaded": "VISIBLE", "prepared": word, "aborted": "ABORTED", "open": "PREPARE", "inserted": "VISIBLE",
    }  # fmt: skip
    prepared = rows["prepared"]
    assert prepared["PreparedTime" if desk.compat is Compat.STARROCKS else "PreCommitTime"]
    assert (prepared["LoadJobSourceType"], prepared["ListenerId"], prepared["TimeoutMs"]) == (
        "BACKEND_STREAMING",
        "-1",
        "50000",
    )
    assert prepared["Coordinator"] == "BE: 127.0.0.1"
    assert (rows["inserted"]["LoadJobSourceType"], rows["aborted"]["Reason"]) == (
        "INSERT_STREAMING",
        "too many filtered rows",
    )
    if desk.compat is Compat.STARROCKS:
        assert (prepared["PreparedTimeoutMs"], rows["loaded"]["PreparedTimeoutMs"]) == ("100000", "86400000")


def test_loads_and_their_rejected_rows_are_in_the_information_schema(desk: Desk) -> None:
    """StarRocks: information_schema.loads has every kind; load_tracking_logs shows what was rejected, by label."""
    rows = desk.rows("SELECT LABEL, STATE, TYPE, SINK_ROWS, JOB_ID FROM information_schema.loads ORDER BY LABEL")
    assert [tuple(row.values()) for row in rows] == [
        ("aborted", "CANCELLED", "STREAM_LOAD", 2 if desk.compat is Compat.STARROCKS else 0, None),
        ("inserted", "FINISHED", "INSERT", 2, None),
        ("loaded", "FINISHED", "STREAM_LOAD", 2, None),
        ("open", "LOADING", "STREAM_LOAD", 2, None),
        ("prepared", "PREPARED", "STREAM_LOAD", 2, None),
    ]
    tracking = desk.rows("SELECT TRACKING_SQL FROM information_schema.loads WHERE label = 'prepared'")[0][
        "TRACKING_SQL"
    ]
    assert " where job_id=" in tracking
    shown = "Row: x" if desk.compat is Compat.STARROCKS else "src line [x"
    for which in (tracking.rpartition(" where ")[2], "label = 'prepared'"):
        logs = desk.rows(f"SELECT * FROM information_schema.load_tracking_logs WHERE {which}")
        assert [(log["LABEL"], log["TYPE"], shown in log["TRACKING_LOG"]) for log in logs] == [
            ("prepared", "STREAM_LOAD", True)
        ]
    assert [row["Label"] for row in desk.rows("SHOW LOAD FROM d")] == ["inserted"]
