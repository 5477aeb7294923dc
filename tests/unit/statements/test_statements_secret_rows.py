"""A user without SELECT on a table gets none of its rows, however the query is built."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import PrivilegeDenied, RoutineLoadError
from routine_load.sql.results import ResultTable

SECRET = "CANARY"


@dataclass(frozen=True)
class Query:
    """``certain``: it names the secret table so that nothing can stand in its place (an unqualified name may mean a
    WITH query)."""

    sql: str
    certain: bool = False


def leaf() -> st.SearchStrategy[Query]:
    certain = ["d.t", "`d`.`t`", "d.`t`", "default_catalog.d.t", "internal.`d`.t", " d . t ", "d./* */t"]
    names = [(name, True) for name in certain] + [(name, False) for name in ("t", "`t`", "D.T", "d.T", "T")]
    tables = st.sampled_from([*names, ("d.open", False), ("open", False)])
    alias = st.sampled_from(["", " AS x", " open", " AS `t`"])
    shape = st.sampled_from(
        [
            "SELECT id, v FROM {}",
            "SELECT * FROM {}",
            "SELECT id, v FROM {} WHERE id > 0",
            "SELECT max(id) AS id, max(v) AS v FROM {}",
            "SELECT id, v FROM {} ORDER BY id LIMIT 3",
            "SELECT DISTINCT id, upper(v) AS v FROM {}",
            "SELECT id, row_number() OVER (ORDER BY v) AS n, v FROM {}",
        ]
    )
    return st.builds(lambda table, alias, shape: Query(shape.format(table[0] + alias), table[1]), tables, alias, shape)


def grown(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    one = st.sampled_from(
        [
            "SELECT id, v FROM ({}) AS s",
            "SELECT (SELECT max(v) FROM ({}) AS s) AS v, 1 AS id",
            "SELECT id, v FROM d.open WHERE EXISTS (SELECT 1 FROM ({}) AS s)",
            "SELECT id, v FROM d.open WHERE id IN (SELECT id FROM ({}) AS s)",
            "SELECT id, v FROM d.open WHERE v >= ALL (SELECT v FROM ({}) AS s)",
            "SELECT 1 AS id, CASE WHEN (SELECT count(*) FROM ({}) AS s) > 0 THEN 'yes' ELSE 'no' END AS v",
            "WITH w AS ({}) SELECT id, v FROM w",
            "WITH t AS ({}) SELECT id, v FROM t",
            "WITH `open` AS ({}), t AS (SELECT id, v FROM `open`) SELECT id, v FROM t",
            "SELECT id, v FROM (WITH t AS ({}) SELECT id, v FROM t) AS s",
            "WITH t AS (SELECT 1 AS id, 'x' AS v) SELECT s.id, s.v FROM t, ({}) AS s",
            "SELECT s.id, s.v FROM d.open AS o LEFT JOIN ({}) AS s ON o.id = s.id",
            "SELECT id, v FROM d.open HAVING (SELECT count(*) FROM ({}) AS s) > 0",
            "SELECT id, v FROM d.open ORDER BY (SELECT max(id) FROM ({}) AS s)",
        ]
    )
    two = st.sampled_from(
        [
            "SELECT id, v FROM ({}) AS a UNION ALL SELECT id, v FROM ({}) AS b",
            "SELECT a.id, b.v FROM ({}) AS a CROSS JOIN ({}) AS b",
            "WITH w AS ({}), t AS ({}) SELECT w.id, t.v FROM w JOIN t ON w.id = t.id",
            "SELECT id, v FROM ({}) AS a WHERE id NOT IN (SELECT id FROM ({}) AS b)",
            "SELECT id, v FROM ({}) AS a EXCEPT SELECT id, v FROM ({}) AS b",
        ]
    )
    return st.one_of(
        st.builds(lambda shape, q: Query(shape.format(q.sql), q.certain), one, inner),
        st.builds(lambda shape, p, q: Query(shape.format(p.sql, q.sql), p.certain or q.certain), two, inner, inner),
    )


QUERIES = st.recursive(leaf(), grown, max_leaves=6)
STATEMENTS = st.sampled_from(
    [
        "{}",
        "{}",
        "SELECT 1; {}",
        "EXPLAIN {}",
        "INSERT INTO d.open SELECT id, v FROM ({}) AS s",
        "CREATE TABLE d.made AS SELECT id, v FROM ({}) AS s",
        "UPDATE d.open SET v = (SELECT max(v) FROM ({}) AS s)",
        "DELETE FROM d.open WHERE id IN (SELECT id FROM ({}) AS s)",
    ]
)


class Stand:
    def __init__(self, directory) -> None:
        self.coordinator = Coordinator(Settings(data_dir=directory, mysql_port=None, http_port=None))
        self.coordinator.start()
        self.service = self.coordinator.service
        self.root = self.service.open_session("root", "test")
        for text in (
            "CREATE DATABASE d",
            "CREATE TABLE d.t (id INT, v STRING) DUPLICATE KEY(id)",
            f"INSERT INTO d.t VALUES (1, '{SECRET}'), (2, '{SECRET}')",
            "CREATE USER eve",
            "GRANT ALL ON TABLE d.open TO eve",
            "GRANT ALL ON TABLE d.made TO eve",
            "GRANT CREATE TABLE ON DATABASE d TO eve",
            "USE d",
        ):
            if "d.open" in text:
                self.open()
            if "d.made" not in text:  # it comes and goes
                self.service.execute(self.root, text)
        self.eve = self.service.open_session("eve", "test")
        self.service.execute(self.eve, "USE d")

    def open(self) -> None:
        self.service.execute(self.root, "CREATE TABLE IF NOT EXISTS d.open (id INT, v STRING) DUPLICATE KEY(id)")
        self.service.execute(self.root, "INSERT INTO d.open VALUES (1, 'a'), (2, 'b')")

    def told(self, session, text: str) -> str:
        """Everything that came back."""
        told = ""
        for step in self.service.steps(session, text):
            result = step()
            if isinstance(result, ResultTable):
                told += str([tuple(row) for row in result.rows])
        return told

    def kept(self) -> str:
        """What eve's own tables hold; they are as they were afterwards, so that nothing grows."""
        before = kept = self.told(self.root, "SELECT * FROM d.open ORDER BY id")
        if "made" in self.coordinator.service._context.engine.tables("d"):
            kept += self.told(self.root, "SELECT * FROM d.made")
            self.service.execute(self.root, "DROP TABLE d.made")
        if before != "[(1, 'a'), (2, 'b')]":
            self.service.execute(self.root, "TRUNCATE TABLE d.open; INSERT INTO d.open VALUES (1, 'a'), (2, 'b')")
        return kept


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("secret"))
    yield made
    made.coordinator.stop()


@settings(max_examples=400, deadline=None)
@given(query=QUERIES, statement=STATEMENTS)
def test_no_row_of_a_table_without_select(stand, query, statement):
    """Refused where the table is surely meant; and where something else may be, no value of it comes out."""
    text = statement.format(query.sql)
    told, error = "", None
    try:
        told = stand.told(stand.eve, text)
    except RoutineLoadError as caught:
        error = caught
    assert SECRET not in told + stand.kept() + str(error), text
    assert error is not None or not query.certain, text


@settings(max_examples=60, deadline=None)
@given(query=QUERIES.filter(lambda query: query.certain))
def test_what_is_refused_is_refused_for_the_privilege(stand, query):
    """What root may ask and eve not is error 5203 or its like: the queries above are no nonsense."""
    try:
        stand.told(stand.root, query.sql)
    except RoutineLoadError:
        return
    with pytest.raises(PrivilegeDenied):
        stand.told(stand.eve, query.sql)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT v FROM d.t",
        "SELECT v FROM t",
        "WITH t AS (SELECT * FROM t) SELECT v FROM t",
        "WITH t AS (SELECT v FROM d.t), w AS (SELECT * FROM t) SELECT * FROM w",
        "SELECT (SELECT max(v) FROM d.t)",
        "SELECT v FROM (SELECT * FROM (SELECT * FROM `t`) a) b",
        "SELECT o.id, s.v FROM d.open o JOIN d.t s ON o.id = s.id",
        "WITH RECURSIVE r AS (SELECT 1 AS n, 'x' AS v UNION ALL SELECT n + 1, t.v FROM r, t WHERE n < 2) SELECT v FROM r",
        "SELECT 'x' AS v UNION ALL SELECT v FROM t",
        "SELECT group_concat(v) FROM t GROUP BY id",
    ],
)
def test_root_sees_what_eve_does_not(stand, text):
    """The canary is really there: the same text gives it to root."""
    assert SECRET in stand.told(stand.root, text)
    with pytest.raises(PrivilegeDenied):
        stand.told(stand.eve, text)


@pytest.mark.parametrize(
    "clause",
    [
        "COLUMNS (id, v = (SELECT max(v) FROM d.t))",
        "COLUMNS (id, v), WHERE id IN (SELECT id FROM d.t)",
        "COLUMNS (id, x, v = CASE WHEN EXISTS (SELECT 1 FROM t) THEN 'a' ELSE 'b' END)",
    ],
)
def test_a_job_cannot_read_other_tables(stand, clause):
    """COLUMNS and WHERE have no sub-queries: who may load into one table learns nothing of another."""
    create = 'CREATE ROUTINE LOAD d.j ON open {} FROM KAFKA ("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "t")'
    stand.service.execute(stand.eve, "SET validate = 'off'")
    with pytest.raises(RoutineLoadError, match=r"(?i)subquer|sub-quer|select"):
        stand.service.execute(stand.eve, create.format(clause))
