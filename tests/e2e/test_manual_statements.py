"""Statements as the manuals have them and as clients send them, against the service: what each answers, by vendor.

A table of statement → expected: column names, an error number with words of its text, or nothing to say (an OK).
"""

from __future__ import annotations

import pymysql
import pytest

from tests.e2e.conftest import ServiceProcess

KEY_MODELS = {
    "duplicate": "DUPLICATE KEY(id)",
    "unique": "UNIQUE KEY(id)",
    "primary": "PRIMARY KEY(id)",
    "aggregate": "AGGREGATE KEY(id)",
}
SCALARS = [
    *("BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT", "FLOAT", "DOUBLE", "DECIMAL(27, 9)", "DATE"),
    *("DATETIME", "CHAR(10)", "VARCHAR(65533)", "STRING", "JSON", "ARRAY<INT>", "ARRAY<ARRAY<VARCHAR(10)>>"),
]
REFUSED = ["AGG_STATE<sum(int)>", "DECIMAL256(76, 2)", "TIME", "ENUM"]
COMMON_JOB = ["Id", "Name", "CreateTime", "PauseTime", "EndTime", "DbName", "TableName"]
JOB_COLUMNS = {
    "starrocks": [
        *(*COMMON_JOB, "State", "DataSourceType", "CurrentTaskNum", "JobProperties", "DataSourceProperties"),
        *("CustomProperties", "Statistic", "Progress", "TimestampProgress", "ReasonOfStateChanged", "ErrorLogUrls"),
        *("TrackingSQL", "OtherMsg", "LatestSourcePosition", "OffsetLag"),
    ],
    "doris": [
        *(*COMMON_JOB, "IsMultiTable", "State", "DataSourceType", "CurrentTaskNum", "JobProperties"),
        *("DataSourceProperties", "CustomProperties", "Statistic", "Progress", "Lag", "ReasonOfStateChanged"),
        *("ErrorLogUrls", "OtherMsg", "User", "Comment", "ComputeGroup", "FirstErrorMsg"),
    ],
}
VARIABLES = {
    "starrocks": ["Variable_name", "Value"],
    "doris": ["Variable_name", "Value", "Default_Value", "Changed"],
}
FULL_COLUMNS = ["Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"]
CONNECTOR_J = (
    "/* mysql-connector-j-9.5.0 */SELECT  @@session.auto_increment_increment AS auto_increment_increment,"
    " @@character_set_client AS character_set_client, @@init_connect AS init_connect, @@license AS license,"
    " @@performance_schema AS performance_schema, @@query_cache_size AS query_cache_size, @@sql_mode AS sql_mode,"
    " @@system_time_zone AS system_time_zone, @@time_zone AS time_zone, @@tx_isolation AS tx_isolation"
)

Expected = dict[str, object] | list[str] | tuple[int, str] | None
CLIENTS: list[tuple[str, Expected]] = [
    ("select @@version_comment limit 1", ["@@version_comment"]),
    ("SELECT DATABASE()", ["DATABASE()"]),
    ("select USER()", ["USER()"]),
    ("SELECT CURRENT_USER", ["CURRENT_USER"]),
    ("show databases", ["Database"]),
    ("show tables", ["Tables_in_d"]),
    (CONNECTOR_J, [part.split(" AS ")[1] for part in CONNECTOR_J.split(",")]),
    ("SHOW WARNINGS", ["Level", "Code", "Message"]),
    ("SET character_set_results = NULL", None),
    ("SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'", None),
    ("SET @@session.autocommit = OFF", None),
    ("SET SESSION TRANSACTION READ ONLY", None),
    ("set sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')", None),
    ("select @@session.transaction_read_only", ["@@session.transaction_read_only"]),
    ("SHOW VARIABLES WHERE Variable_name ='language' OR Variable_name = 'sql_mode'", VARIABLES),
    ("SHOW GLOBAL VARIABLES LIKE 'lower_case_table_names'", VARIABLES),
    ("SHOW COLLATION", ["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"]),
    ("SHOW CHARSET", ["Charset", "Description", "Default collation", "Maxlen"]),
    ("SHOW ENGINES", ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"]),
    ("SHOW PLUGINS", ["Name", "Status", "Type", "Library", "License"]),
    ("SHOW STATUS", ["Variable_name", "Value"]),
    ("SHOW FULL TABLES FROM `d`", ["Tables_in_d", "Table_type"]),
    ("SHOW FULL TABLES FROM `d` WHERE Table_type = 'BASE TABLE'", ["Tables_in_d", "Table_type"]),
    ("SHOW schemas", ["Database"]),
    ("DESCRIBE `d`.`t`", ["Field", "Type", "Null", "Key", "Default", "Extra"]),
    ("SHOW FULL COLUMNS FROM `t` FROM `d`", FULL_COLUMNS),
    ("SHOW CREATE TABLE `t`", ["Table", "Create Table"]),
    ("SHOW CREATE VIEW `t`", {"starrocks": (1064, "is not VIEW"), "doris": (1105, "is not VIEW")}),
    ("ROLLBACK", None),
    ("START TRANSACTION READ ONLY", None),
    ("SELECT @@nope", (1193, "Unknown system variable 'nope'")),
    ("SELECT * FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'd' AND 1 = 0 LIMIT 0", []),
    ("SELECT TABLE_NAME FROM information_schema.tables WHERE table_schema = DATABASE()", ["TABLE_NAME"]),
    ("DESC information_schema.tables", ["Field", "Type", "Null", "Key", "Default", "Extra"]),
    ("SELECT CURRENT_TIMESTAMP", ["CURRENT_TIMESTAMP"]),
    ("SELECT /*+ SET_VAR(query_timeout = 1) */ 1", ["1"]),
    ("/*!40101 SET NAMES utf8 */", None),
    ("KILL QUERY 99999", (1094, "Unknown thread id: 99999")),
    ("CREATE DATABASE d", (1007, "database exists")),
    ("CREATE TABLE t (id INT)", (1050, "already exists")),
    ("DESC nope", {"starrocks": (5502, "Unknown table 'nope'"), "doris": (1051, "Unknown table 'nope'")}),
    ("USE nope", {"starrocks": (5501, "Unknown database 'nope'"), "doris": (1049, "Unknown database 'nope'")}),
    ("SHOW ROUTINE LOAD", JOB_COLUMNS),
    ("SHOW ALL ROUTINE LOAD", JOB_COLUMNS),
    ("SHOW ROUTINE LOAD WHERE Name LIKE 'j%' ORDER BY CreateTime DESC LIMIT 1, 2", JOB_COLUMNS),
    ("ADMIN SHOW FRONTEND CONFIG LIKE 'run_mode'", None),
    ("SHOW PROC '/frontends'", None),
    ("SHOW INDEX FROM `t`", None),
    ("SHOW EVENTS", None),
    ("SHOW TRIGGERS FROM `d`", None),
    ("SHOW FULL PROCESSLIST", None),
]


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def vendor(request, tmp_path_factory):
    """A service of each vendor, with a database ``d`` and a table ``t``."""
    service = ServiceProcess(tmp_path_factory.mktemp(request.param) / "data", compat=request.param).start()
    service.run("CREATE DATABASE d", "CREATE TABLE d.t (id INT, name VARCHAR(20)) DUPLICATE KEY(id)")
    yield service
    assert service.stop() == 0


@pytest.mark.parametrize(("statement", "expected"), CLIENTS, ids=lambda value: str(value)[:40])
def test_what_clients_send(vendor, statement, expected):
    """Every statement that shells, drivers and tools send is answered in the vendor's shape."""
    if isinstance(expected, dict):
        expected = expected[vendor.compat]
    connection = vendor.connect(database="d")
    cursor = connection.cursor()
    try:
        if isinstance(expected, tuple):
            with pytest.raises(pymysql.Error) as caught:
                cursor.execute(statement)
            assert caught.value.args[0] == expected[0]
            assert expected[1] in caught.value.args[1]
            assert ("errCode = 2, detailMessage = " in caught.value.args[1]) is (vendor.compat == "doris")
            return
        cursor.execute(statement)
        if expected:
            assert [column[0] for column in cursor.description] == expected
    finally:
        connection.close()


@pytest.mark.parametrize("model", KEY_MODELS)
def test_every_scalar_type_in_every_key_model(vendor, model):
    """CREATE TABLE with all types, partitions, distribution and properties; what SHOW CREATE TABLE says makes it again."""
    kind = " REPLACE" if model == "aggregate" else ""
    columns = ", ".join(f"c{i} {name}{kind} NULL COMMENT 'c'" for i, name in enumerate(SCALARS))
    name = f"types_{model}"
    vendor.run(
        f"CREATE TABLE d.{name} (id BIGINT NOT NULL, dt DATE NOT NULL, {columns}) ENGINE = OLAP"
        f" {KEY_MODELS[model].replace('id', 'id, dt')} COMMENT 'all'"
        " PARTITION BY RANGE (dt) (PARTITION p1 VALUES LESS THAN ('2024-01-01'), PARTITION p2 VALUES LESS THAN (MAXVALUE))"
        " DISTRIBUTED BY HASH(id) BUCKETS 4 PROPERTIES ('replication_num' = '1')"
    )
    described = vendor.run(f"DESC d.{name}")
    [(_, text)] = vendor.run(f"SHOW CREATE TABLE d.{name}")
    assert vendor.run(f"DROP TABLE d.{name}", "USE d", text, f"DESC d.{name}") == described


@pytest.mark.parametrize("kind", REFUSED)
def test_types_that_cannot_be_kept_are_refused_clearly(vendor, kind):
    """AGG_STATE, TIME and their like: the message names the column, the type and what to use instead."""
    name = kind.partition("<")[0].partition("(")[0]
    with pytest.raises(pymysql.Error, match=rf"Column\[v\]: type {name} cannot be kept here; (keep|use) "):
        vendor.run(f"CREATE TABLE d.refused (id INT, v {kind} REPLACE) AGGREGATE KEY(id)")
    assert "refused" not in [row[0] for row in vendor.run("SHOW TABLES FROM d")]


CLAUSES = {
    "starrocks": (
        """COLUMNS TERMINATED BY ",", ROWS TERMINATED BY "\\n", COLUMNS (id, n, name = concat(n, '!')), WHERE id > 1""",
        """"desired_concurrent_number" = "3", "max_error_number" = "10", "max_filter_ratio" = "0.5",
        "max_batch_interval" = "5", "max_batch_rows" = "300000", "log_rejected_record_num" = "-1",
        "strict_mode" = "true", "timezone" = "+08:00", "format" = "csv", "trim_space" = "true", "enclose" = "'",
        "escape" = "\\\\", "task_consume_second" = "3", "task_timeout_second" = "12",
        "pause_on_fatal_parse_error" = "true" """,
    ),
    "doris": (
        """COLUMNS TERMINATED BY ",", COLUMNS (id, n, name = concat(n, '!')), PRECEDING FILTER id > 0, WHERE id > 1""",
        """"desired_concurrent_number" = "3", "max_error_number" = "10", "max_filter_ratio" = "0.5",
        "max_batch_interval" = "5", "max_batch_rows" = "300000", "max_batch_size" = "209715200",
        "strict_mode" = "true", "timezone" = "Africa/Abidjan", "exec_mem_limit" = "2147483648",
        "send_batch_parallelism" = "2", "load_to_single_tablet" = "false", "format" = "csv" """,
    ),
}
CREATED = {"starrocks": 1, "doris": 2}


def test_show_create_routine_load_is_executed_again(vendor, embedded_kafka):
    """A job with every clause is created, and again from what SHOW CREATE says; both show the same clauses."""
    embedded_kafka.create_topic(f"manual_{vendor.compat}", partitions=2)
    clauses, properties = CLAUSES[vendor.compat]
    vendor.run(
        "USE d",
        f"""CREATE ROUTINE LOAD d.j_again ON t {clauses} PROPERTIES ({properties}) FROM KAFKA (
        "kafka_broker_list" = "{embedded_kafka.bootstrap}", "kafka_topic" = "manual_{vendor.compat}",
        "kafka_partitions" = "0,1", "kafka_offsets" = "0,OFFSET_END", "property.client.id" = "me")""",
    )
    first = vendor.show("d.j_again")
    [row] = vendor.run("SHOW CREATE ROUTINE LOAD FOR d.j_again")
    vendor.run("USE d", "STOP ROUTINE LOAD FOR j_again", row[CREATED[vendor.compat]])
    second = vendor.show("d.j_again")
    assert second["State"] in {"NEED_SCHEDULE", "RUNNING"}
    for column in ("DbName", "TableName", "DataSourceType"):
        assert second[column] == first[column]
    again = vendor.run("SHOW CREATE ROUTINE LOAD FOR d.j_again")[0][CREATED[vendor.compat]]
    assert again.split("FROM KAFKA")[0] == row[CREATED[vendor.compat]].split("FROM KAFKA")[0]
    vendor.run("STOP ROUTINE LOAD FOR d.j_again")


def test_values_keep_their_type_and_text(vendor):
    """Extremes, NULLs, quotes and characters beyond the basic plane come back as they were inserted."""
    text = "it's \\ \"漢字😀\n"
    vendor.run(
        "CREATE TABLE IF NOT EXISTS d.v (id INT, g LARGEINT, x DECIMAL(38, 9), d DOUBLE, s STRING, a ARRAY<INT>)"
        " DUPLICATE KEY(id)",
        "TRUNCATE TABLE d.v",
    )
    connection = vendor.connect(database="d")
    with connection.cursor() as cursor:
        values = (1, -(2**127) + 1, "12345678901234567890123456789.123456789", 1e300, text)
        cursor.execute("INSERT INTO v VALUES (%s, %s, %s, %s, %s, [1, NULL])", values)
        cursor.execute("INSERT INTO v (id) VALUES (2)")
        cursor.execute("SELECT * FROM v ORDER BY id")
        first, second = cursor.fetchall()
    connection.close()
    assert [str(value) for value in first[:3]] == ["1", str(-(2**127) + 1), values[2]]
    assert first[3:] == (1e300, text, "[1, null]" if vendor.compat == "doris" else "[1,null]")
    assert second == (2, None, None, None, None, None)


def test_a_client_is_told_how_long_a_statement_may_be(vendor):
    """Drivers cut batches by @@max_allowed_packet: a statement of about that size is taken, a longer one refused."""
    [(limit,)] = vendor.run("SELECT @@max_allowed_packet")
    assert vendor.run(f"SELECT length('{'x' * (limit - 100)}')") == [(limit - 100,)]
    with pytest.raises(pymysql.Error, match=f"allows {limit}"):
        vendor.run(f"SELECT length('{'x' * limit}')")
