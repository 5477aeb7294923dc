"""What a message becomes, end to end: statement and messages → rows, counts, rejected rows; one service per vendor.

All stories of a vendor run side by side in one process, each in a database of its own.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import pymysql
import pytest

from tests.e2e.conftest import ServiceProcess

CSV = "COLUMNS TERMINATED BY ','"
JSON = '"format" = "json"'
MANY = '"max_error_number" = "100"'


@dataclass(frozen=True, kw_only=True)
class Story:
    """``batches`` are produced one after the other, each loaded before the next. ``counts``: total, loaded, error,
    unselected. ``rejects``: (offset, part of the reason). ``prepared`` runs behind the CREATE TABLEs.
    """

    rule: str
    tables: tuple[str, ...]
    batches: tuple[tuple[str | bytes, ...], ...]
    rows: tuple[tuple, ...]
    counts: tuple[int, int, int, int]
    clauses: str = CSV
    properties: str = ""
    rejects: tuple[tuple[int, str], ...] = ()
    state: str = "RUNNING"
    on: str = "ON t"
    prepared: str = ""
    query: str = "SELECT * FROM t ORDER BY 1, 2"


def keyed(model: str, columns: str, name: str = "t", properties: str = "") -> str:
    return f"CREATE TABLE {name} ({columns}) {model} KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1 {properties}"


KV = keyed("DUPLICATE", "k INT, v VARCHAR(10)")
AGGREGATES = "k INT, s INT SUM, lo INT MIN, hi INT MAX, r VARCHAR(9) REPLACE, n VARCHAR(9) REPLACE_IF_NOT_NULL"
SEQUENCED = keyed("UNIQUE", "k INT, v VARCHAR(9), s INT", properties="PROPERTIES('function_column.sequence_col' = 's')")
MULTI = (
    keyed("DUPLICATE", "k INT, v VARCHAR(9)", "dup"),
    keyed("UNIQUE", "k INT, v VARCHAR(9)", "uni"),
    keyed("AGGREGATE", "k INT, v INT SUM", "agg"),
)
ALL_OF_MULTI = (
    "SELECT 'agg' AS t, k, CAST(v AS STRING) FROM agg UNION ALL SELECT 'dup', k, v FROM dup"
    " UNION ALL SELECT 'uni', k, v FROM uni ORDER BY 1, 2, 3"
)

STARROCKS = {
    "ctrl_a": Story(
        rule=r"Delimiter strings: '\x01' is one byte", tables=(KV,), clauses=r"COLUMNS TERMINATED BY '\x01'",
        batches=(("1\x01a", "2\x01\\N"),), rows=((1, "a"), (2, None)), counts=(2, 2, 0, 0),
    ),
    "tab": Story(
        rule=r"Delimiter strings: '\t'", tables=(KV,), clauses=r"COLUMNS TERMINATED BY '\t'",
        batches=(("1\ta",),), rows=((1, "a"),), counts=(1, 1, 0, 0),
    ),
    "wide_separators": Story(
        rule="CSV: separators of several characters, several rows in a message, blank rows counted nowhere",
        tables=(KV,), clauses="COLUMNS TERMINATED BY '||', ROWS TERMINATED BY ';'",
        batches=(("1||a|;2||b;", "3||é", ";;"),), rows=((1, "a|"), (2, "b"), (3, "é")), counts=(3, 3, 0, 0),
    ),
    "foreign_separator": Story(
        rule="CSV: a separator of one character and three bytes", tables=(KV,), clauses="COLUMNS TERMINATED BY '，'",
        batches=(("1，a",),), rows=((1, "a"),), counts=(1, 1, 0, 0),
    ),
    "strict": Story(
        rule="CSV strict_mode: a field that does not convert is an error row, NULL is a value, defaults are not asked",
        tables=(keyed("DUPLICATE", "k INT, v VARCHAR(3), n INT NOT NULL"),),
        clauses=f"{CSV}, COLUMNS(k, v, x, n = x + 1)", properties=f'"strict_mode" = "true", {MANY}',
        batches=(("1,abc,1", "x,a,1", "1,abcd,1", "\\N,\\N,\\N", " 5 ,a,1", b"1,\xff,1", "1,2"),),
        rows=((1, "abc", 2), (5, "a", 2)), counts=(7, 2, 5, 0),
        rejects=((1, "The field (name = k, pos = 0)"), (2, "Type: VARCHAR(3), Value length: 4"), (3, "NULL value in"),
                 (5, "Invalid UTF-8 row"), (6, "doesn't match source value column count: 2")),
    ),
    "where": Story(
        rule="Unselected: WHERE after mapping, on table columns; NULL is not true", tables=(KV,),
        clauses=f"{CSV}, WHERE k > 1 AND v LIKE 'a%'", batches=(("1,a", "2,a", "3,b", "x,a", "4,\\N", "5,abc\n6,ab"),),
        rows=((2, "a"), (5, "abc"), (6, "ab")), counts=(7, 3, 0, 4),
    ),
    "narrow_sum": Story(
        rule="Arithmetic is wider than a narrow column's type", tables=(keyed("DUPLICATE", "k TINYINT, v TINYINT"),),
        clauses=f"{CSV}, WHERE k + v > 200", batches=(("100,101", "100,100"),), rows=((100, 101),), counts=(2, 1, 0, 1),
    ),
    "functions": Story(
        rule="from_unixtime in the job's time zone; derived columns and placeholders",
        tables=(keyed("DUPLICATE", "k INT, d DATE, at DATETIME, v VARCHAR(20)"),),
        clauses=f"{CSV}, COLUMNS(k, t, s, d = from_unixtime(t, '%Y%m%d'), at = from_unixtime(t),"
        " v = concat(ifnull(split_part(s, '-', 2), 'none'), if(k > 1, '!', '?')))",
        properties='"timezone" = "America/New_York"', batches=(("1,1590000000,a-b", "2,0,a"),),
        query="SELECT k, CAST(d AS STRING), CAST(at AS STRING), v FROM t ORDER BY k",
        rows=((1, "2020-05-20", "2020-05-20 14:40:00", "b?"), (2, "1969-12-31", "1969-12-31 19:00:00", "none!")),
        counts=(2, 2, 0, 0),
    ),
    "json": Story(
        rule="JSON: by name, case-sensitive; numbers as written; fractions cut; several documents in a message",
        tables=(KV,), clauses="", properties=f"{JSON}, {MANY}",
        batches=(('{"k":1,"v":12.50}', '{"K":2}', '{"k":"3"}{"k":4.9,"v":true}', "[1]", "{", '{"k":5,"v":{"x": [1]}}'),),
        rows=((None, None), (1, "12.50"), (3, None), (4, "1"), (5, '{"x":[1]}')), counts=(7, 5, 2, 0),
        rejects=((3, "strip_outer_array=true"), (4, "parse error")),
    ),
    "json_root": Story(
        rule="JSON: json_root, then strip_outer_array, then jsonpaths", tables=(KV,), clauses="COLUMNS(k, v)",
        properties=f'{JSON}, {MANY}, "strip_outer_array" = "true", "json_root" = "$.r", '
        r'"jsonpaths" = "[\"$.k\", \"$.v[0]\"]"',
        batches=(('{"r":[{"k":1,"v":[10]},{"k":2}]}', '{"r":{"k":3}}'),),
        rows=((1, "10"), (2, None)), counts=(3, 2, 1, 0), rejects=((1, "should be array type"),),
    ),
    "aggregate": Story(
        rule="AGGREGATE KEY: SUM, MIN, MAX, REPLACE, REPLACE_IF_NOT_NULL within and across batches",
        tables=(keyed("AGGREGATE", AGGREGATES),),
        batches=(("1,1,5,5,x,x", "1,2,3,7,\\N,\\N"), ("1,4,9,1,z,\\N", "2,1,1,1,1,1")),
        rows=((1, 7, 3, 7, "z", "x"), (2, 1, 1, 1, "1", "1")), counts=(4, 4, 0, 0),
    ),
    "aggregate_defaults": Story(
        rule="Column mapping: a column that is not filled is its default in each row, aggregated like any other",
        tables=(keyed("AGGREGATE", "k INT, s INT SUM DEFAULT '5', r VARCHAR(9) REPLACE DEFAULT 'd'"),),
        clauses="COLUMNS(k)", prepared="INSERT INTO t VALUES (1, 1, 'old')", batches=(("1", "1", "2"),),
        rows=((1, 11, "d"), (2, 5, "d")), counts=(3, 3, 0, 0),
    ),
    "unique": Story(
        rule="UNIQUE KEY: the later offset wins, within and across batches", tables=(keyed("UNIQUE", "k INT, v INT"),),
        batches=(tuple(f"{i % 3},{i}" for i in range(300)), ("1,-1",)),
        rows=((0, 297), (1, -1), (2, 299)), counts=(301, 301, 0, 0),
    ),
    "op": Story(
        rule="PRIMARY KEY: __op 0 or upsert, 1 or delete; a delete needs its key only",
        tables=(keyed("PRIMARY", "k INT NOT NULL, v VARCHAR(9) NOT NULL"),), clauses=f"{CSV}, COLUMNS(k, v, __op)",
        properties=MANY, batches=(("1,a,0", "1,b,1", "2,c,0", "3,x,0"), ("2,z,1", "3,\\N,1", "3,y,0", "4,u,upsert", "5,5,2")),
        rows=((3, "y"), (4, "u")), counts=(9, 8, 1, 0), rejects=((8, "The type of '__op' is TINYINT"),),
    ),
    "json_op": Story(
        rule="PRIMARY KEY: JSON's key __op is read without being named",
        tables=(keyed("PRIMARY", "k INT NOT NULL, v VARCHAR(9)"),), clauses="", properties=JSON,
        batches=(('{"k":1,"v":"a"}', '{"k":2,"v":"b","__op":0}'), ('{"k":1,"__op":1}',)),
        rows=((2, "b"),), counts=(3, 3, 0, 0),
    ),
    "partial": Story(
        rule="partial_update: named columns change, new keys get defaults",
        tables=(keyed("PRIMARY", "k INT NOT NULL, v VARCHAR(9), w INT DEFAULT '7'"),),
        clauses=f"{CSV}, COLUMNS(k, v)", properties='"partial_update" = "true"',
        prepared="INSERT INTO t VALUES (1, 'a', 1)", batches=(("1,b", "2,c"),),
        rows=((1, "b", 1), (2, "c", 7)), counts=(2, 2, 0, 0),
    ),
    "merge_condition": Story(
        rule="merge_condition: a row replaces the stored one only where its value is not less",
        tables=(keyed("PRIMARY", "k INT NOT NULL, v INT, w INT"),), properties='"merge_condition" = "v"',
        clauses=f"{CSV}, COLUMNS(k, v, w)", batches=(("1,5,1", "1,4,2", "1,5,3", "2,1,1"), ("1,4,9", "2,1,2")),
        rows=((1, 5, 3), (2, 1, 2)), counts=(6, 6, 0, 0),
    ),
    "limits": Story(
        rule="Scalar types at their limits; out of range is NULL where the load is not strict",
        tables=(keyed("DUPLICATE", "k INT, a TINYINT, b BIGINT, c LARGEINT, d DECIMAL(38, 10), e DATETIME, f BOOLEAN"),),
        batches=((
            ("1,-128,9223372036854775807,-170141183460469231731687303715884105728,"
            "9999999999999999999999999999.9999999999,9999-12-31 23:59:59,true"),
            ("2,128,9223372036854775808,170141183460469231731687303715884105728,"
            "10000000000000000000000000000,2020-02-30 00:00:00,maybe"),
        ),),
        query="SELECT k, a, b, CAST(c AS STRING), CAST(d AS STRING), CAST(e AS STRING), f FROM t ORDER BY k",
        rows=((1, -128, 2**63 - 1, str(-(2**127)), "9" * 28 + "." + "9" * 10, "9999-12-31 23:59:59", 1),
              (2, None, None, None, None, None, None)),
        counts=(2, 2, 0, 0),
    ),
    "partial_required": Story(
        rule="partial_update: a new key that would lack a NOT NULL column is an error row",
        tables=(keyed("PRIMARY", "k INT, a INT, b INT NOT NULL"),),
        clauses=f"{CSV}, COLUMNS(k, a)", properties=f'"partial_update" = "true", {MANY}',
        prepared="INSERT INTO t VALUES (1, 1, 1)", batches=(("1,10", "4,40"), ("1,11",)),
        rows=((1, 11, 1),), counts=(3, 2, 1, 0), rejects=((1, "the unmentioned column `b`"),),
    ),
    "generated": Story(
        rule="Generated columns are computed, not loaded; WHERE sees them",
        tables=(keyed("PRIMARY", "k INT, a INT, c INT AS (a * 2)"),), clauses=f"{CSV}, WHERE c > 2",
        batches=(("1,1", "2,2", "3,3"), ("2,5",)), rows=((2, 5, 10), (3, 3, 6)), counts=(4, 3, 0, 1),
    ),
    "ranges": Story(
        rule="Ranges over two columns: rows of no partition are error rows",
        tables=(("CREATE TABLE t (k INT, v INT) DUPLICATE KEY(k) PARTITION BY RANGE(k, v)"
                 " (PARTITION p1 VALUES [('1', '5'), ('2', '3'))) DISTRIBUTED BY HASH(k)"),),
        properties=MANY, batches=(("1,4", "1,5", "2,2", "2,3"),), rows=((1, 5), (2, 2)), counts=(4, 2, 2, 0),
        rejects=((0, "out of partition ranges"), (3, "out of partition ranges")),
    ),
    "error_number": Story(
        rule="max_error_number: counted over batches; the one too many is loaded with its batch, then the job pauses",
        tables=(KV,), properties='"max_error_number" = "1"', batches=(("1,a", "2"), ("3", "4,b")),
        rows=((1, "a"), (4, "b")), counts=(4, 2, 2, 0), rejects=((1, "column count: 1"), (2, "column count: 1")),
        state="PAUSED",
    ),
}  # fmt: skip

DORIS = {
    "preceding": Story(
        rule="Order of evaluation: PRECEDING FILTER on raw text, then mapping, then WHERE; both are unselected",
        tables=(KV,), clauses=f"{CSV}, COLUMNS(k, kind, v = upper(kind)), PRECEDING FILTER kind <> 'x', WHERE v <> 'B'",
        batches=(("2,a", "3,b", "4,x", "5,\\N"),), rows=((2, "A"),), counts=(4, 1, 0, 3),
    ),
    "merge": Story(
        rule="MERGE with DELETE ON: the last row of a key decides",
        tables=(keyed("UNIQUE", "k INT, v VARCHAR(9)"),), on="ON t WITH MERGE",
        clauses=f"{CSV}, COLUMNS(k, v, f), DELETE ON f = 'D'", prepared="INSERT INTO t VALUES (1, 'a'), (2, 'b')",
        batches=(("1,x,D", "2,y,U", "3,z,U", "3,z,D", "4,q,D", "4,r,U"),), rows=((2, "y"), (4, "r")), counts=(6, 6, 0, 0),
    ),
    "delete": Story(
        rule="WITH DELETE: every row deletes its key", tables=(keyed("UNIQUE", "k INT, v VARCHAR(9)"),),
        on="ON t WITH DELETE", prepared="INSERT INTO t VALUES (1, 'a'), (2, 'b')", batches=(("1,x",),),
        rows=((2, "b"),), counts=(1, 1, 0, 0),
    ),
    "sequence": Story(
        rule="Sequence column: the greater (or equal, later) value wins within and across batches", tables=(SEQUENCED,),
        clauses=f"{CSV}, COLUMNS(k, v, s)", batches=(("1,a,5", "1,b,4", "2,a,1"), ("1,c,3", "2,z,1", "1,d,5")),
        rows=((1, "d", 5), (2, "z", 1)), counts=(6, 6, 0, 0),
    ),
    "partial": Story(
        rule="partial_columns: other columns keep their values; new keys get defaults",
        tables=(keyed("UNIQUE", "k INT, a INT, b INT DEFAULT '9'",
                      properties="PROPERTIES('enable_unique_key_merge_on_write' = 'true')"),),
        clauses=f"{CSV}, COLUMNS(k, a)", properties='"partial_columns" = "true"',
        prepared="INSERT INTO t VALUES (1, 1, 1)", batches=(("1,10", "4,40"),),
        rows=((1, 10, 1), (4, 40, 9)), counts=(2, 2, 0, 0),
    ),
    "strict": Story(
        rule="Strict mode: too long and out of range are error rows",
        tables=(keyed("DUPLICATE", "k TINYINT, v CHAR(3), d DECIMAL(1, 0)"),), properties=f'{MANY}, "strict_mode" = "true"',
        batches=(("1,abc,1", "2000,a,1", "1,abcd,1", "1,a,10", "\\N,\\N,\\N"),),
        rows=((None, None, None), (1, "abc", 1)), counts=(5, 2, 3, 0),
        rejects=((1, "src value is 2000"), (2, "src value is abcd"), (3, "src value is 10")),
    ),
    "json": Story(
        rule="JSON: a missing key is the default, null is NULL; strangers and arrays are error rows; a mark is dropped",
        tables=(keyed("DUPLICATE", "k INT, v VARCHAR(9) DEFAULT 'dv'"),), clauses="", properties=f"{JSON}, {MANY}",
        batches=(('{"k":1}', '{"k":2,"v":null}', '{"z":1}', '[{"k":1}]', '\ufeff{"k":9,"v":1.50}'),),
        rows=((1, "dv"), (2, None), (9, "1.50")), counts=(5, 3, 2, 0),
        rejects=((2, "There is no column matching"), (3, "`strip_outer_array` must be TRUE")),
    ),
    "filter_ratio": Story(
        rule="max_filter_ratio: the batch stays loaded, then the job pauses", tables=(KV,),
        properties=f'{MANY}, "max_filter_ratio" = "0.4"', batches=(("1,a", "2", "3"),), rows=((1, "a"),),
        counts=(3, 1, 2, 0), rejects=((1, ""), (2, "")), state="PAUSED",
    ),
    "multi_csv": Story(
        rule="Multi-table: cut at the first bar, tables of all key models, bad rows of one do not hurt the others",
        tables=MULTI, on="", properties=MANY,
        batches=(("dup|1,a|b", "uni|1,a", "agg|1,5", "uni|1,b", "agg|1,6", "dup|1"), ("uni|1,c", "agg|1,-1")),
        query=ALL_OF_MULTI, rows=(("agg", 1, "10"), ("dup", 1, "a|b"), ("uni", 1, "c")), counts=(8, 7, 1, 0),
        rejects=((5, "expected 2, but found 1"),),
    ),
    "multi_json": Story(
        rule="Multi-table: JSON by name", tables=MULTI, on="", clauses="", properties=f"{MANY}, {JSON}",
        batches=(('dup|{"k":1,"v":"a|b"}', 'agg|{"k":1,"v":5}', 'uni|{"k":1'),),
        query=ALL_OF_MULTI, rows=(("agg", 1, "5"), ("dup", 1, "a|b")), counts=(3, 2, 1, 0), rejects=((2, "Parse json"),),
    ),
    "hidden_sequence": Story(
        rule="Hidden sequence column: ORDER BY fills it of a source column; a delete's sequence is remembered",
        tables=(keyed("UNIQUE", "k INT, v VARCHAR(9)",
                      properties="PROPERTIES('function_column.sequence_type' = 'int')"),),
        on="ON t WITH MERGE", clauses=f"{CSV}, COLUMNS(k, v, s, f), DELETE ON f = 'D', ORDER BY s",
        batches=(("1,a,5,U", "2,a,5,U", "1,x,9,D"), ("1,b,8,U", "2,b,4,U", "3,c,1,U"), ("1,d,9,U",)),
        rows=((1, "d"), (2, "a"), (3, "c")), counts=(7, 7, 0, 0),
    ),
    "flexible": Story(
        rule="UPDATE_FLEXIBLE_COLUMNS: each row updates the columns it brings; new keys take defaults",
        tables=(keyed("UNIQUE", "k INT, a INT, b INT DEFAULT '9876', c INT DEFAULT '1234'",
                      properties="PROPERTIES('enable_unique_key_merge_on_write' = 'true',"
                                 " 'enable_unique_key_skip_bitmap_column' = 'true')"),),
        clauses="", properties=f'{JSON}, "unique_key_update_mode" = "UPDATE_FLEXIBLE_COLUMNS"',
        prepared="INSERT INTO t VALUES (1, 1, 1, 1), (2, 2, 2, 2)",
        batches=(('{"k":1,"a":10}', '{"k":1,"b":null}', '{"k":3,"a":30}', '{"k":2,"__DORIS_DELETE_SIGN__":1}',
                  '{"k":2,"c":20}'), ('{"k":3,"c":31}',)),
        rows=((1, 10, None, 1), (2, None, 9876, 20), (3, 30, 9876, 31)), counts=(6, 6, 0, 0),
    ),
    "partial_required": Story(
        rule="partial_columns: a new key that would lack a NOT NULL column is an error row",
        tables=(keyed("UNIQUE", "k INT, a INT, b INT NOT NULL",
                      properties="PROPERTIES('enable_unique_key_merge_on_write' = 'true')"),),
        clauses=f"{CSV}, COLUMNS(k, a)", properties=f'"partial_columns" = "true", {MANY}',
        prepared="INSERT INTO t VALUES (1, 1, 1)", batches=(("1,10", "4,40", "1,11"),),
        rows=((1, 11, 1),), counts=(3, 2, 1, 0), rejects=((1, "the unmentioned column `b`"),),
    ),
    "multi_holes": Story(
        rule="Multi-table: a row without a name and a name without a row are error rows", tables=MULTI, on="",
        properties=MANY, batches=(("dup|1,a", "|1,a", "dup|", "uni|1,b"),), query=ALL_OF_MULTI,
        rows=(("dup", 1, "a"), ("uni", 1, "b")), counts=(4, 2, 2, 0),
        rejects=((1, "table name is empty"), (2, "empty data")),
    ),
    "lists": Story(
        rule="LIST partitions: rows of no partition, and of others than PARTITION names, are error rows",
        tables=(("CREATE TABLE t (k INT, v VARCHAR(9)) DUPLICATE KEY(k) PARTITION BY LIST(v)"
                 " (PARTITION p1 VALUES IN ('a', 'b'), PARTITION p2 VALUES IN ('c')) DISTRIBUTED BY HASH(k)"),),
        clauses=f"{CSV}, PARTITION(p1)", properties=MANY, batches=(("1,a", "2,c", "3,z", "4,b"),),
        rows=((1, "a"), (4, "b")), counts=(4, 2, 2, 0), rejects=((1, "no partition"), (2, "no partition")),
    ),
    "multi_unknown": Story(
        rule="Multi-table: an unknown table pauses the job with code 100, nothing of the batch is visible",
        tables=MULTI, on="", batches=(("dup|1,a", "nope|1,a"),), query=ALL_OF_MULTI, rows=(), counts=(0, 0, 0, 0),
        state="PAUSED: table not found, table name is nope",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What came of a story."""

    rows: tuple
    counts: tuple[int, ...]
    rejects: list[tuple]
    state: str
    reason: str


class Teller:
    """Plays all stories of one vendor side by side."""

    def __init__(self, service: ServiceProcess, kafka, stories: dict[str, Story]):
        self.service, self.kafka, self.stories = service, kafka, stories

    def tell(self) -> dict[str, Told]:
        self.connection = self.service.connect()
        for name, story in self.stories.items():
            self.begin(name, story)
        for turn in range(max(len(story.batches) for story in self.stories.values())):
            playing = {name: story for name, story in self.stories.items() if len(story.batches) > turn}
            for name, story in playing.items():
                for message in story.batches[turn] if turn else ():
                    self.kafka.produce(self.topic(name), [message])
            for name, story in playing.items():
                self.settled(name, sum(len(batch) for batch in story.batches[: turn + 1]))
        told = {name: self.outcome(name, story) for name, story in self.stories.items()}
        self.connection.close()
        return told

    def topic(self, name: str) -> str:
        return f"stories-{self.service.compat}-{name}"

    def run(self, *statements: str) -> list[tuple]:
        with self.connection.cursor() as cursor:
            for statement in filter(None, statements):
                cursor.execute(statement)
            return list(cursor.fetchall())

    def begin(self, name: str, story: Story) -> None:
        self.kafka.create_topic(self.topic(name), 1)
        self.kafka.produce(self.topic(name), list(story.batches[0]))
        properties = f"PROPERTIES ({story.properties})" if story.properties else ""
        self.run(f"CREATE DATABASE {name}", f"USE {name}", *story.tables, story.prepared)
        self.run(f"""CREATE ROUTINE LOAD {name}.j {story.on} {story.clauses} {properties} FROM KAFKA (
            "kafka_broker_list" = "{self.kafka.bootstrap}", "kafka_topic" = "{self.topic(name)}",
            "property.kafka_default_offsets" = "OFFSET_BEGINNING")""")

    def show(self, name: str) -> dict:
        with self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(f"SHOW ROUTINE LOAD FOR {name}.j")
            return cursor.fetchall()[-1]

    def settled(self, name: str, messages: int) -> None:
        give_up = time.monotonic() + 60
        while True:
            job = self.show(name)
            if job["State"] == "PAUSED" or json.loads(job["Progress"]).get("0") == str(messages - 1):
                return
            assert time.monotonic() < give_up, job
            time.sleep(0.02)

    def outcome(self, name: str, story: Story) -> Told:
        job = self.show(name)
        counts = json.loads(job["Statistic"])
        rejects = self.run(
            "SELECT `partition`, `offset`, reason, raw FROM information_schema.routine_load_rejects"
            f" WHERE database_name = '{name}' ORDER BY `offset`"
        )
        return Told(
            tuple(self.run(f"USE {name}", story.query)),
            tuple(counts[key] for key in ("totalRows", "loadedRows", "errorRows", "unselectedRows")),
            rejects,
            job["State"],
            job["ReasonOfStateChanged"] or "",
        )


@pytest.fixture(scope="module")
def told(tmp_path_factory, embedded_kafka):
    """Stories by vendor, played when the first test of the vendor asks."""
    known: dict[str, dict[str, Told]] = {}

    def ask(compat: str) -> dict[str, Told]:
        if compat not in known:
            service = ServiceProcess(tmp_path_factory.mktemp("stories") / "data", compat=compat).start()
            try:
                stories = STARROCKS if compat == "starrocks" else DORIS
                known[compat] = Teller(service, embedded_kafka, stories).tell()
            finally:
                service.kill()
        return known[compat]

    return ask


@pytest.mark.parametrize(
    ("compat", "name"), [("starrocks", name) for name in STARROCKS] + [("doris", name) for name in DORIS]
)
def test_story(told, compat, name):
    """Rows, exact counts, and every rejected row with its partition, offset, reason and bytes, as the rule says."""
    story = (STARROCKS if compat == "starrocks" else DORIS)[name]
    outcome = told(compat)[name]
    state, _, reason = story.state.partition(": ")
    assert outcome.rows == story.rows, story.rule
    assert outcome.counts == story.counts, story.rule
    assert outcome.state == state, outcome.reason
    assert reason in outcome.reason
    assert [(partition, offset) for partition, offset, _, _ in outcome.rejects] == [(0, at) for at, _ in story.rejects]
    messages = [message for batch in story.batches for message in batch]
    for (at, said), (_, _, why, raw) in zip(story.rejects, outcome.rejects, strict=True):
        assert said in why, story.rule
        message = messages[at] if isinstance(messages[at], bytes) else messages[at].encode()
        assert (raw if isinstance(raw, bytes) else raw.encode()) in message
