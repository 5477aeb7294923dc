from __future__ import annotations

import pytest
from jobs_builders import defined, listed

from routine_load.errors import AnalysisError, ExecutionError, IncorrectName, RoutineLoadError
from routine_load.ids import Compat, TableRef
from routine_load.jobs.checks import check_table
from routine_load.jobs.definition import alter_definition, merge_clauses
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.sql.schema import Column, ColumnType, KeyModel, PartitionKind, Table, TablePartition, TypeName
from routine_load.sql.statements import ColumnItem, Delimiter, Expression, LoadClauses, MergeType

SR, DORIS = Compat.STARROCKS, Compat.DORIS
WHERE = Expression(text="a > 1", columns=("a",))
NO_COLUMNS = "Multi-table load does not support setting columns info"


@pytest.mark.parametrize(
    ("compat", "name"),
    [(SR, "j"), (SR, "_1"), (SR, "a" * 64), (DORIS, "a-b"), (DORIS, "_j"), (DORIS, "A" + "1" * 63)],
)
def test_a_proper_name_is_taken(compat, name):
    """Job names: up to 64 characters; Doris takes hyphens."""
    assert defined(compat, name=name).name == name


@pytest.mark.parametrize("name", ["", "1a", "_", "a" * 65, "a-b", "a b", "ä", "a\n"])
def test_starrocks_refuses_a_wrong_name(name):
    """StarRocks: 5063 with the name."""
    with pytest.raises(IncorrectName) as refused:
        defined(SR, name=name)
    assert (refused.value.message, refused.value.number(SR)) == (f"Incorrect ROUTINE LOAD NAME name '{name}'", 5063)


@pytest.mark.parametrize("name", ["", "1a", "-a", "a" * 65, "a b", "a\n"])
def test_doris_refuses_a_wrong_name(name):
    """Doris: the text names the required format."""
    with pytest.raises(
        IncorrectName, match=r"required format is '\^\[a-zA-Z_\]\[a-zA-Z0-9-_\]\{0,63\}\$' Maybe routine"
    ):
        defined(DORIS, name=name)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (
            {"merge_type": MergeType.MERGE},
            "Excepted DELETE ON clause when merge type is MERGE.",
        ),
        (
            {"clauses": LoadClauses(delete_on=WHERE)},
            "not support DELETE ON clause when merge type is not MERGE.",
        ),
        ({"table": None, "clauses": LoadClauses(where=WHERE)}, NO_COLUMNS),
        ({"table": None, "clauses": LoadClauses(preceding_filter=WHERE)}, NO_COLUMNS),
        ({"table": None, "clauses": LoadClauses(columns=(ColumnItem(name="a"),))}, NO_COLUMNS),
        (
            {"table": None, "properties": {"partial_columns": "true"}},
            "Partial update is not supported in multi-table load.",
        ),
        ({"comment": "x" * 5000}, "the comment has 5000 characters, at most 4096 are kept"),
    ],
)
def test_clauses_that_do_not_go_together_are_refused(given, refusal):
    """Merge type against DELETE ON; a multi-table job has no mapping of its own."""
    with pytest.raises(AnalysisError) as refused:
        defined(DORIS, **given)
    assert refused.value.message == refusal


def test_alter_replaces_whole_clauses_and_keeps_the_others():
    """Each clause given replaces the clause of its kind; properties are altered by the job's own vendor."""
    comma, bar = Delimiter(original=",", value=","), Delimiter(original="|", value="|")
    before = defined(clauses=LoadClauses(column_separator=comma, where=WHERE, partitions=("p",)))
    given = LoadClauses(column_separator=bar, columns=(ColumnItem(name="a"),))
    config = FrontendConfig.of(SR)
    after = alter_definition(before, given, listed({"max_error_number": "3"}), config)
    assert after.clauses == LoadClauses(
        column_separator=bar, where=WHERE, partitions=("p",), columns=(ColumnItem(name="a"),)
    )
    assert after.properties.max_error_number == 3
    assert (after.source, after.name) == (before.source, before.name)
    assert merge_clauses(after.clauses, LoadClauses()) == after.clauses
    with pytest.raises(AnalysisError):
        alter_definition(defined(table=None), LoadClauses(where=WHERE), (), config)


def table(model: KeyModel = KeyModel.PRIMARY, distribution: str = "HASH(k)", *partitions: str) -> Table:
    def column(name: str, kind: TypeName, *, is_key: bool = False) -> Column:
        return Column(name=name, type=ColumnType(name=kind), is_key=is_key)

    return Table(
        ref=TableRef("db", "t"),
        columns=(column("K", TypeName.INT, is_key=True), column("v", TypeName.INT), column("s", TypeName.VARCHAR)),
        key_model=model,
        partitions=tuple(TablePartition(name=name) for name in partitions),
        partition_kind=PartitionKind.RANGE if partitions else None,
        distribution=distribution,
    )


TABLE_REFUSED = [
    (SR, {"merge_condition": "v"}, {}, table(KeyModel.UNIQUE), "Conditional update only support primary key table t"),
    (
        SR,
        {"merge_condition": "x"},
        {},
        table(),
        (
            "Merge condition column x does not exist. If you are doing partial update with condition update, please "
            "check condition column is in the given update columns. Otherwise please check condition column is in table t"
        ),
    ),
    (SR, {"merge_condition": "k"}, {}, table(), "Merge condition column k should not be primary key!"),
    (
        SR,
        {"merge_condition": "s"},
        {},
        table(),
        "Merge condition column has invalid type maybe bitmap/hll/percentile/json/varchar!",
    ),
    (SR, {"partial_update": "true"}, {}, table(KeyModel.UNIQUE), "Only primary key table support partial update"),
    (SR, {"partial_update": "true"}, {}, table(), "key column K not in partial update columns"),
    (
        DORIS,
        {"partial_columns": "true"},
        {},
        table(KeyModel.AGGREGATE),
        "load by PARTIAL_COLUMNS is only supported in unique table MoW",
    ),
    (
        DORIS,
        {},
        {"merge_type": MergeType.DELETE},
        table(KeyModel.DUPLICATE),
        "load by MERGE or DELETE is only supported in unique tables.",
    ),
    (
        DORIS,
        {"load_to_single_tablet": "true"},
        {},
        table(),
        "if load_to_single_tablet set to true, the olap table must be with random distribution",
    ),
    (
        DORIS,
        {},
        {"clauses": LoadClauses(partitions=("p1", "p9"))},
        table(KeyModel.UNIQUE, "", "P1"),
        "Partition p9 does not exist",
    ),
]


@pytest.mark.parametrize(("compat", "properties", "more", "against", "refusal"), TABLE_REFUSED)
def test_a_job_that_does_not_fit_its_table_is_refused(compat, properties, more, against, refusal):
    """merge_condition, partial update, merge type, distribution and partitions, in the vendor's words."""
    with pytest.raises(RoutineLoadError) as refused:
        check_table(defined(compat, properties, **more), against)
    assert isinstance(refused.value, AnalysisError | ExecutionError)
    assert refused.value.message == refusal


def test_a_job_that_fits_its_table_passes():
    """The same clauses against tables that can keep them."""
    check_table(defined(SR, {"merge_condition": "v"}), table())
    keyed = LoadClauses(columns=(ColumnItem(name="k"), ColumnItem(name="v")), partitions=("t",))
    check_table(defined(SR, {"partial_update": "true"}, clauses=keyed), table())
    check_table(defined(DORIS, {"partial_columns": "true"}, merge_type=MergeType.DELETE), table(KeyModel.UNIQUE))
    check_table(defined(DORIS, {"load_to_single_tablet": "true"}), table(KeyModel.DUPLICATE, "RANDOM"))


def test_a_multi_table_job_names_no_table():
    """Doris: without ON there is no table reference."""
    job = defined(DORIS, table=None)
    assert (job.is_multi_table, job.table_ref) == (True, None)
    assert defined().table_ref == TableRef("db", "t")
