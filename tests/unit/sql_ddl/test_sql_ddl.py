"""Both vendors' DDL text to declarations and back."""

from __future__ import annotations

import pytest

from routine_load.errors import (
    AnalysisError,
    NoDatabaseSelected,
    RoutineLoadError,
    StatementSyntaxError,
    UnsupportedFeature,
)
from routine_load.ids import Compat, TableRef
from routine_load.sql.ddl import CreateTable, DdlContext, parse_create_table, parse_ddl
from routine_load.sql.ddl_text import create_table_text
from routine_load.sql.ddl_types import spell
from routine_load.sql.schema import Aggregation, KeyModel, Table, TablePartition, TypeName

MANUALS = [
    """CREATE TABLE testdb.test_routineload_tbl(
    user_id            BIGINT       NOT NULL COMMENT "user id",
    name               VARCHAR(20)           COMMENT "name",
    age                INT                   COMMENT "age"
)
DUPLICATE KEY(user_id)
DISTRIBUTED BY HASH(user_id) BUCKETS 10;""",
    """CREATE TABLE example_db.example_tbl1 (
    `order_id` bigint NOT NULL COMMENT "Order ID",
    `pay_dt` date NOT NULL COMMENT "Payment date",
    `customer_name` varchar(26) NULL COMMENT "Customer name",
    `nationality` varchar(26) NULL COMMENT "Nationality",
    `price`double NULL COMMENT "Price"
)
ENGINE=OLAP
PRIMARY KEY (order_id,pay_dt)
DISTRIBUTED BY HASH(`order_id`) BUCKETS 5; """,
    """CREATE TABLE `example_tbl2` (
    `commodity_id` varchar(26) NULL COMMENT "Commodity ID",
    `customer_name` varchar(26) NULL COMMENT "Customer name",
    `country` varchar(26) NULL COMMENT "Country",
    `pay_time` bigint(20) NULL COMMENT "Payment time",
    `pay_dt` date NULL COMMENT "Payment date",
    `price`double SUM NULL COMMENT "Price"
)
AGGREGATE KEY(`commodity_id`,`customer_name`,`country`,`pay_time`,`pay_dt`)
ENGINE=OLAP
DISTRIBUTED BY HASH(`commodity_id`) BUCKETS 5; """,
    """create table if not exists wide (
    a tinyint(4) key not null default "1", b smallint(6), c int(11), d largeint(40), e float, f double precision,
    g decimal, h decimalv3(20, 4), i decimal64(18,2), j datev2, k datetime(6) default current_timestamp(6),
    l datetimev2(3) null default current_timestamp, m char(10), n varchar(*), o varchar(65533) default 'it''s', p string,
    q text, r boolean default "true", s json, t jsonb, u variant, v varbinary(16), w array<varchar(10)>,
    x map<string, array<int>>, y struct<a int, b: struct<c decimal(10,2)>>, z date default current_date,
    INDEX idx_b (b) USING BITMAP COMMENT 'x', INDEX inv (p) USING INVERTED PROPERTIES("parser" = "english")
) ENGINE=olap COMMENT "all types" PARTITION BY RANGE(a) (
    PARTITION p1 VALUES LESS THAN ("10"), PARTITION p2 VALUES [("10"), ("20")), PARTITION p3 VALUES LESS THAN MAXVALUE
) DISTRIBUTED BY RANDOM BUCKETS AUTO ORDER BY(a, b) PROPERTIES ("replication_num" = "1", "x" = "say \\"y\\"");""",
    """CREATE TABLE u (k1 DATE, k2 INT, v BIGINT REPLACE_IF_NOT_NULL DEFAULT "10") AGGREGATE KEY(k1, k2)
    PARTITION BY date_trunc('day', k1) DISTRIBUTED BY HASH(k2)""",
    """CREATE TABLE v (k1 DATE NOT NULL, k2 VARCHAR(5)) UNIQUE KEY(k1) AUTO PARTITION BY RANGE (date_trunc(`k1`, 'month')) ()
    DISTRIBUTED BY HASH(k1) BUCKETS 1 PROPERTIES("enable_unique_key_merge_on_write" = "true",)""",
    """CREATE TABLE w (id BIGINT NOT NULL AUTO_INCREMENT, dt DATE, city VARCHAR(20) NOT NULL)
    PARTITION BY LIST (city) (PARTITION p1 VALUES IN ("a", "b"), PARTITION p2 VALUES IN ("c"))""",
    """CREATE TABLE x (dt DATE, v INT) PARTITION BY RANGE (dt) (START ("2024-01-01") END ("2024-02-01") EVERY (INTERVAL 1 DAY))""",
]


def table(text: str, compat: Compat = Compat.STARROCKS) -> Table:
    return parse_create_table(text, DdlContext("d", compat))


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("text", MANUALS)
def test_what_show_create_table_prints_declares_the_same_table(text: str, compat: Compat) -> None:
    """A declaration survives being printed and read again, in both vendors' spelling."""
    declared = table(text, compat)
    printed = create_table_text(declared, compat)
    assert parse_create_table(printed, DdlContext(declared.ref.database, compat)) == declared


def test_an_aggregate_table_of_the_manual_has_its_keys_and_sum() -> None:
    """StarRocks manual, example_tbl2: five keys, SUM behind a type without a space before it."""
    declared = table(MANUALS[2])
    assert declared.ref == TableRef("d", "example_tbl2")
    assert declared.key_model is KeyModel.AGGREGATE
    assert [c.name for c in declared.key_columns] == ["commodity_id", "customer_name", "country", "pay_time", "pay_dt"]
    price = declared.columns[-1]
    assert (price.name, price.type.name, price.aggregation) == ("price", TypeName.DOUBLE, Aggregation.SUM)
    assert declared.distribution == "HASH(`commodity_id`) BUCKETS 5"


def test_all_scalar_and_nested_types_are_kept() -> None:
    """Display widths go, lengths and scales stay."""
    spelled = {c.name: spell(c.type) for c in table(MANUALS[3]).columns}
    assert spelled["a"] == "tinyint"
    assert spelled["d"] == "largeint"
    assert spelled["g"] == "decimal(10,0)"
    assert spelled["h"] == "decimal(20,4)"
    assert spelled["k"] == "datetime(6)"
    assert spelled["n"] == "varchar"
    assert spelled["x"] == "map<string,array<int>>"
    assert spelled["y"] == "struct<a int, b struct<c decimal(10,2)>>"
    assert table("CREATE TABLE t (a DECIMAL)", Compat.DORIS).columns[0].type.precision == 38


def test_range_partitions_keep_their_bounds() -> None:
    """LESS THAN begins where the one before ends; MAXVALUE is unbounded."""
    assert table(MANUALS[3]).partitions == (
        TablePartition(name="p1", lower=None, upper=("'10'",)),
        TablePartition(name="p2", lower=("'10'",), upper=("'20'",)),
        TablePartition(name="p3", lower=("'20'",), upper=None),
    )


def test_a_table_without_key_clause_has_its_first_column_as_duplicate_key() -> None:
    """DUPLICATE is the default; a first column that cannot be a key leaves none."""
    assert [c.name for c in table("CREATE TABLE t (a INT, b INT)").key_columns] == ["a"]
    assert table("CREATE TABLE t (a DOUBLE, b INT)").key_columns == ()


def test_primary_key_columns_are_not_null() -> None:
    """StarRocks: primary key columns are NOT NULL without being told."""
    assert not table("CREATE TABLE t (a INT, b INT) PRIMARY KEY(a)").columns[0].nullable


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("CREATE TABLE t (a INT, h AGG_STATE<max(int)> GENERIC) AGGREGATE KEY(a)", UnsupportedFeature, ["AGG_STATE"]),
        ("CREATE TABLE t (a INT, h HLL MAX) AGGREGATE KEY(a)", AnalysisError, ["h", "MAX", "HLL"]),
        ("CREATE TABLE t (a INT, b BITMAP HLL_UNION) AGGREGATE KEY(a)", AnalysisError, ["b", "HLL_UNION", "BITMAP"]),
        ("CREATE TABLE t (a INT, b INT BITMAP_UNION) AGGREGATE KEY(a)", AnalysisError, ["b", "BITMAP_UNION", "INT"]),
        ("CREATE TABLE t (b BITMAP, a INT) DUPLICATE KEY(b)", AnalysisError, ["b", "BITMAP", "key"]),
        ("CREATE TABLE t (a INT, b BITMAP DEFAULT '1')", AnalysisError, ["b", "BITMAP", "default"]),
        ("CREATE TABLE t (a INT, b ARRAY<BITMAP>)", AnalysisError, ["b", "BITMAP"]),
        ("CREATE TABLE t (a INT AS (b), b INT)", AnalysisError, ["a", "key"]),
        ("CREATE TABLE t (a INT, b INT AS (a + 1) DEFAULT '1')", AnalysisError, ["b", "default value"]),
        ("CREATE TABLE t (a INT, b INT SUM, c INT AS (a)) AGGREGATE KEY(a)", AnalysisError, ["c", "AGGREGATE"]),
        ("CREATE EXTERNAL TABLE t (a INT)", UnsupportedFeature, ["EXTERNAL"]),
        ("CREATE TABLE t (a INT) ENGINE=MYSQL", UnsupportedFeature, ["MYSQL", "OLAP"]),
        ("CREATE TABLE t (a INT, b INT) AGGREGATE KEY(a)", AnalysisError, ["b", "SUM"]),
        ("CREATE TABLE t (a INT, b INT SUM) DUPLICATE KEY(a)", AnalysisError, ["b", "SUM"]),
        ("CREATE TABLE t (a INT, b VARCHAR(3) SUM) AGGREGATE KEY(a)", AnalysisError, ["b", "SUM", "VARCHAR"]),
        ("CREATE TABLE t (a INT SUM, b INT) AGGREGATE KEY(a)", AnalysisError, ["a", "SUM"]),
        ("CREATE TABLE t (a INT, b INT) UNIQUE KEY(b)", AnalysisError, ["Key columns must be the first", "b"]),
        ("CREATE TABLE t (a INT, b INT) UNIQUE KEY(b, a)", AnalysisError, ["Key columns must be the first"]),
        ("CREATE TABLE t (a INT) UNIQUE KEY(z)", AnalysisError, ["z"]),
        ("CREATE TABLE t (a INT, A INT)", AnalysisError, ["A"]),
        ("CREATE TABLE t (a FLOAT, b INT) UNIQUE KEY(a)", AnalysisError, ["a", "FLOAT", "DECIMAL"]),
        ("CREATE TABLE t (a INT NULL) PRIMARY KEY(a)", AnalysisError, ["a", "nullable"]),
        ("CREATE TABLE t (a INT, __op INT)", AnalysisError, ["__op"]),
        ("CREATE TABLE t (a VARCHAR(0))", AnalysisError, ["VARCHAR", "0"]),
        ("CREATE TABLE t (a DECIMAL(40, 2))", AnalysisError, ["40", "38"]),
        ("CREATE TABLE t (a DATETIME(7))", AnalysisError, ["7", "6"]),
        ("CREATE TABLE t (a FOO)", AnalysisError, ["a", "FOO"]),
        ("CREATE TABLE t (a INT) DISTRIBUTED BY HASH(z)", AnalysisError, ["z"]),
        ("CREATE TABLE t (a INT) PARTITION BY (z)", AnalysisError, ["z"]),
        ("CREATE TABLE t (a INT NOT NULL DEFAULT NULL)", AnalysisError, ["a"]),
        ("CREATE TABLE t (a INT) UNIQUE KEY(a) PRIMARY KEY(a)", AnalysisError, ["Only one key clause"]),
        ('CREATE TABLE t (a INT) UNIQUE KEY(a) PROPERTIES("function_column.sequence_col"="s")', AnalysisError, ["s"]),
    ],
)
def test_a_declaration_that_cannot_be_kept_is_refused_by_name(
    text: str, kind: type[Exception], words: list[str]
) -> None:
    """The error names the column, the rule, and what to use instead."""
    with pytest.raises(kind) as caught:
        table(text)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE",
        "CREATE TABLE t",
        "CREATE TABLE t (",
        "CREATE TABLE t (a)",
        "CREATE TABLE t (a INT,)",
        "CREATE TABLE t (a INT) FOO",
        "CREATE TABLE t (a INT) PROPERTIES(a=b)",
        "CREATE TABLE t (a INT) PARTITION BY",
        "DROP TABLE t u",
        "ALTER TABLE t ADD COLUMN",
        "CREATE TABLE t (a INT",
        "CREATE TABLE t (a INT) COMMENT x",
        "CREATE TABLE t (a INT COMMENT 'x)",
    ],
)
def test_syntax_errors_say_where(text: str) -> None:
    """Every prefix and misspelling is a syntax error with a position, never another exception."""
    with pytest.raises(StatementSyntaxError) as caught:
        parse_ddl(text, DdlContext("d", Compat.STARROCKS))
    assert caught.value.position is not None


def test_every_truncation_of_a_statement_is_answered() -> None:
    """However a statement is cut off, the answer is a value or one of our errors."""
    for whole in MANUALS:
        for end in range(len(whole)):
            try:
                parse_ddl(whole[:end], DdlContext("d", Compat.STARROCKS))
            except RoutineLoadError:
                continue


def test_an_unqualified_table_needs_a_database() -> None:
    """No database selected is its own error."""
    with pytest.raises(NoDatabaseSelected):
        parse_ddl("CREATE TABLE t (a INT)", DdlContext(None, Compat.STARROCKS))


def test_comments_and_catalogs_do_not_disturb() -> None:
    """Comments of all kinds, a trailing semicolon and the default catalog's name are accepted."""
    text = "/* x */ CREATE -- y\n TABLE default_catalog.e.t # z\n (a INT);"
    statement = parse_ddl(text, DdlContext(None, Compat.STARROCKS))
    assert isinstance(statement, CreateTable)
    assert statement.table.ref == TableRef("e", "t")


@pytest.mark.parametrize(
    ("column", "fits"),
    [
        ("INT DEFAULT '10'", True),
        ("INT DEFAULT 'abc'", False),
        ("BIGINT DEFAULT -1", True),
        ("BIGINT DEFAULT '1.5'", False),
        ("DECIMAL(10, 2) DEFAULT '10.5'", True),
        ("DOUBLE DEFAULT 'x'", False),
        ("BOOLEAN DEFAULT 'true'", True),
        ("BOOLEAN DEFAULT 'yes'", False),
        ("DATE DEFAULT '2024-01-01'", True),
        ("DATE DEFAULT 'today'", False),
        ("DATETIME DEFAULT '2014-02-04 15:36:00'", True),
        ("DATETIME DEFAULT '15:36'", False),
        ("VARCHAR(10) DEFAULT 'x'", True),
        ("DATETIME DEFAULT CURRENT_TIMESTAMP", True),
        ("INT DEFAULT NULL", True),
    ],
)
def test_a_default_is_a_value_of_its_columns_type(column: str, fits: bool) -> None:
    """A constant default of another type is refused with the column's name, not at the first load."""
    text = f"CREATE TABLE d.t (id INT, v {column}) DUPLICATE KEY(id)"
    if fits:
        assert isinstance(parse_ddl(text, DdlContext(None, Compat.STARROCKS)), CreateTable)
        return
    with pytest.raises(AnalysisError, match="Invalid default value for 'v'"):
        parse_ddl(text, DdlContext(None, Compat.STARROCKS))
