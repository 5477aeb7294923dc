"""Rendered statements read back as equal values."""

import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.ids import Compat
from routine_load.sql import statements as s
from routine_load.sql.delimiters import delimiter_value
from routine_load.sql.expressions import read_expression
from routine_load.sql.parser import parse
from routine_load.sql.render import _RENDERERS, render

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
spelt_names = names.filter(lambda name: name.strip() != "")
expressions = st.sampled_from(
    [
        "a > 1",
        "`from` = 'x,y)' and (b in (1, 2) or c is not null)",
        "from_unixtime(pay_time, '%Y%m%d')",
        "case when a then b else c end",
        "date_add(d, interval 1 day)",
        'a = "it\'s -- not a comment"\n or b',
        "if(a like '%\\_x', [1, 2], cast(b as decimal(10, 2)))",
        "(((a)))",
        "extract(year from d) = 2024",
    ]
).map(read_expression)
jobs = st.builds(s.JobName, name=names, database=st.none() | names)
properties = st.lists(
    st.builds(s.Property, key=text.map(str.strip), value=text),
    max_size=3,
).map(tuple)


def _delimiter(original):
    return s.Delimiter(original=original, value=delimiter_value(original))


delimiters = st.none() | st.sampled_from([",", "\t", "\\t", "\\x01", "0x0d0a", "||", "'", '"', "\n", "\\%"]).map(
    _delimiter
)
plain_columns = st.lists(st.builds(s.ColumnItem, name=names), max_size=3)
derived_columns = st.lists(
    st.builds(s.ColumnItem, name=names, expression=expressions)
    | st.builds(s.ColumnItem, name=names, is_default=st.just(True)),
    max_size=3,
)
columns = st.none() | st.builds(lambda p, d: (*p, *d), plain_columns, derived_columns).filter(bool)
partitions = st.none() | st.lists(spelt_names, min_size=1, max_size=3).map(tuple)
metadata = st.none() | st.lists(
    st.builds(s.MetadataColumn, field=st.sampled_from(s.MetadataField), name=names),
    min_size=1,
    max_size=6,
    unique_by=lambda column: column.name.lower(),
).map(tuple)
clauses = st.builds(
    lambda temporary, **fields: s.LoadClauses(
        temporary_partitions=temporary and fields["partitions"] is not None, **fields
    ),
    st.booleans(),
    column_separator=delimiters,
    row_delimiter=delimiters,
    columns=columns,
    where=st.none() | expressions,
    preceding_filter=st.none() | expressions,
    partitions=partitions,
    delete_on=st.none() | expressions,
    order_by=st.none() | names,
    metadata=metadata,
)
creates = st.builds(
    s.CreateRoutineLoad,
    job=jobs,
    table=st.none() | names,
    merge_type=st.sampled_from(s.MergeType),
    clauses=clauses,
    properties=properties,
    source=st.just("KAFKA") | names,
    source_properties=properties,
    comment=text,
)
alters = st.builds(
    s.AlterRoutineLoad,
    job=jobs,
    clauses=clauses,
    properties=properties,
    source=st.just("kafka"),
    source_properties=properties.filter(bool),
) | st.builds(s.AlterRoutineLoad, job=jobs, table=names)
shows = st.builds(
    lambda limit, **fields: s.ShowRoutineLoad(limit=limit, offset=0 if limit is None else 3, **fields),
    st.none() | st.integers(0, 10**17),
    all=st.booleans(),
    job=st.none() | jobs,
    database=st.none() | names,
    like=st.none() | text,
    where=st.none() | expressions,
    order_by=st.lists(st.builds(s.SortKey, column=names, descending=st.booleans()), max_size=2).map(tuple),
)
tasks = st.builds(s.ShowRoutineLoadTask, database=st.none() | names, where=st.none() | expressions)
sort_keys = st.lists(st.builds(s.SortKey, column=names, descending=st.booleans()), max_size=2).map(tuple)
loads = st.builds(
    lambda limit, **fields: s.ShowLoad(limit=limit, offset=0 if limit is None else 2, **fields),
    st.none() | st.integers(0, 10**17),
    database=st.none() | names,
    where=st.none() | expressions,
    order_by=sort_keys,
)
stream_loads = st.builds(
    lambda limit, **fields: s.ShowStreamLoad(limit=limit, offset=0 if limit is None else 2, **fields),
    st.none() | st.integers(0, 10**17),
    label=st.none() | names,
    database=st.none() | names,
    where=st.none() | expressions,
    order_by=sort_keys,
)
targets = (
    st.builds(s.PrivilegeTarget, scope=st.just(s.Scope.SYSTEM))
    | st.builds(s.PrivilegeTarget, scope=st.just(s.Scope.ALL), tables_only=st.booleans())
    | st.builds(s.PrivilegeTarget, scope=st.just(s.Scope.DATABASE), database=text, tables_only=st.booleans())
    | st.builds(s.PrivilegeTarget, scope=st.just(s.Scope.TABLE), database=st.none() | names, table=names)
)
granted = st.fixed_dictionaries(
    {
        "privileges": st.lists(st.sampled_from(["INSERT", "ALL", "CREATE TABLE", "ADMIN", "LOAD"]), min_size=1).map(
            tuple
        ),
        "target": targets,
    }
) | st.fixed_dictionaries({"roles": st.lists(text, min_size=1, max_size=3).map(tuple)})
grants = st.builds(
    lambda given, option, **who: s.Grant(**given, **who, with_grant_option=option and "target" in given),
    granted,
    st.booleans(),
    grantee=text,
    role=st.booleans(),
) | st.builds(lambda given, **who: s.Revoke(**given, **who), granted, grantee=text, role=st.booleans())
administration = st.one_of(
    grants,
    loads,
    stream_loads,
    st.builds(s.ShowRoutineLoadVersions, job=jobs),
    st.builds(s.RollbackRoutineLoad, job=jobs, version=st.integers(0, 10**17)),
    st.builds(s.CreateFile, name=text, database=st.none() | names, properties=properties),
    st.builds(s.DropFile, name=text, database=st.none() | names, properties=properties),
    st.builds(s.ShowFile, database=st.none() | names),
    st.builds(s.ShowTransaction, database=st.none() | names, where=st.none() | expressions),
    st.builds(
        lambda user, role: s.ShowGrants(user=user, role=role and user is not None), st.none() | text, st.booleans()
    ),
    st.builds(s.ShowGrants, all=st.booleans()),
    st.builds(s.SetFrontendConfig, properties=properties.filter(bool)),
)
others = st.one_of(
    st.builds(s.PauseRoutineLoad, job=st.none() | jobs),
    st.builds(s.ResumeRoutineLoad, job=jobs, properties=properties) | st.just(s.ResumeRoutineLoad(job=None)),
    st.builds(s.StopRoutineLoad, job=jobs),
    st.builds(s.ShowCreateRoutineLoad, job=jobs, all=st.booleans()),
    st.builds(s.CreateUser, user=text, password=text, if_not_exists=st.booleans()),
    st.builds(s.DropUser, user=text, if_exists=st.booleans()),
    st.builds(s.SetPassword, user=st.none() | text, password=text),
    st.sampled_from(
        [s.ShowBackends(), s.ShowComputeNodes(), s.ShowFrontends(), s.ShowProcesslist(), s.ShowProcesslist(full=True)]
    ),
    st.builds(s.ShowProc, path=text),
    st.builds(s.ShowFrontendConfig, like=st.none() | text),
    st.builds(s.Kill, connection_id=st.integers(0, 10**9), query_only=st.booleans()),
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(creates, alters, shows, tasks, others, administration))
def test_a_rendered_statement_reads_back_as_itself(statement):
    """Whatever names, literals, islands and properties a statement holds, its text means the same."""
    assert parse(render(statement), Compat.STARROCKS) == [statement]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(creates, others, administration), max_size=4))
def test_rendered_statements_can_be_joined(several):
    """A semicolon between two statements keeps both."""
    assert parse(";\n".join(map(render, several)), Compat.DORIS) == several


@pytest.mark.parametrize("condition", ["WHERE JobName = 'a'", "LIKE 'a%'", "FROM d WHERE JobName = 'b'", ""])
def test_show_task_reads_back_with_its_job_name(condition):
    """The condition's literal survives the way out and back."""
    (statement,) = parse(f"SHOW ROUTINE LOAD TASK {condition}", Compat.DORIS)
    assert parse(render(statement), Compat.DORIS) == [statement]


def test_every_statement_can_be_rendered():
    """The way back exists for each value that the grammar makes."""
    assert set(typing.get_args(s.Statement)) - set(_RENDERERS) == set()
