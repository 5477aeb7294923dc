"""Statements made of values say what was meant and nothing else."""

from __future__ import annotations

import pytest

from routine_load.api.wording import Clauses, alter_text, create_text, job_name, offsets_as_source, resume_text
from routine_load.errors import AnalysisError, IncorrectName, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.parser import parse
from routine_load.sql.statements import AlterRoutineLoad, CreateRoutineLoad, JobName, ResumeRoutineLoad

JOB = JobName(database="web", name="j")
ODD = "a\"b'c`d\\e\nf; STOP ROUTINE LOAD FOR web.j -- g\0\t\x1a é"


def only(text: str):
    (statement,) = parse(text, Compat.STARROCKS)
    return statement


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("j", JobName(name="j")),
        ("web.j", JobName(database="web", name="j")),
        ("`we.b`.`j`", JobName(database="we.b", name="j")),
        ("web.`a``b`", JobName(database="web", name="a`b")),
    ],
)
def test_a_job_is_named_like_in_sql(text, name):
    """Back-quotes are for names with points in them."""
    assert job_name(text) == name


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "web.", ".j", "`j", "a`b.j"])
def test_what_names_no_job_is_refused(text):
    """The error shows what was given."""
    with pytest.raises(IncorrectName, match=r"names no job; write database\.name"):
        job_name(text)


def test_values_arrive_as_they_are():
    """Every character of names and values comes through the quotes."""
    clauses = Clauses(
        properties={"jsonpaths": ODD, "strict_mode": True, "max_error_number": 7, "max_filter_ratio": 0.5}
    )
    statement = only(alter_text(JobName(database="we`b", name="j"), clauses))
    assert isinstance(statement, AlterRoutineLoad)
    assert statement.job == JobName(database="we`b", name="j")
    assert {each.key: each.value for each in statement.properties} == {
        "jsonpaths": ODD,
        "strict_mode": "true",
        "max_error_number": "7",
        "max_filter_ratio": "0.5",
    }


def test_a_whole_create_statement():
    """Every clause that has a keyword is in the statement once."""
    clauses = Clauses(
        columns=["id", "raw", "page = lower(raw)"],
        where="id > 1 AND page <> 'a, b'",
        column_separator=",",
        properties={"format": "csv"},
        source={"kafka_broker_list": "k:9092", "kafka_topic": "t", **offsets_as_source({1: "OFFSET_END", 0: 5})},
    )
    statement = only(create_text(JOB, "clicks", clauses))
    assert isinstance(statement, CreateRoutineLoad)
    assert (statement.job, statement.table, statement.source.upper()) == (JOB, "clicks", "KAFKA")
    assert [item.name for item in statement.clauses.columns] == ["id", "raw", "page"]
    assert statement.clauses.where.text == "id > 1 AND page <> 'a, b'"
    assert statement.clauses.column_separator.original == ","
    assert [(each.key, each.value) for each in statement.source_properties] == [
        ("kafka_broker_list", "k:9092"),
        ("kafka_topic", "t"),
        ("kafka_partitions", "0,1"),
        ("kafka_offsets", "5,OFFSET_END"),
    ]


@pytest.mark.parametrize(
    "clauses",
    [
        Clauses(where='id > 1 FROM KAFKA ("kafka_topic" = "other")'),
        Clauses(where='id > 1 PROPERTIES ("max_error_number" = "9")'),
        Clauses(where="id > 1; STOP ROUTINE LOAD FOR web.j"),
        Clauses(where="id > 1, COLUMNS TERMINATED BY ','"),
        Clauses(where="id > 1 -- and page = 'x'", properties={"max_error_number": 9}),
        Clauses(where=""),
        Clauses(where="id >"),
        Clauses(columns="id), WHERE (id > 1"),
        Clauses(columns="id) , COLUMNS TERMINATED BY ','"),
        Clauses(columns=["id", 'x) PROPERTIES ("a"="b"']),
        Clauses(columns="id) FROM KAFKA ('kafka_topic'='t') /*", source={"kafka_topic": "u"}),
    ],
)
def test_sql_cannot_leave_its_clause(clauses):
    """What is given for one clause and would say more is refused, and nothing is sent."""
    with pytest.raises(RoutineLoadError):
        alter_text(JOB, clauses)


def test_the_refusal_says_what_is_left_of_the_condition():
    """The error names the part that would have been the condition."""
    with pytest.raises(
        AnalysisError, match=r"columns and where are one clause each; they would also say FROM KAFKA|only"
    ):
        alter_text(JOB, Clauses(where='id > 1 FROM KAFKA ("kafka_topic" = "other")'))


def test_nothing_to_alter_is_an_error():
    """An ALTER that says nothing is a mistake of its caller."""
    with pytest.raises(PropertyError, match="alter needs something to change"):
        alter_text(JOB, Clauses())


def test_a_value_has_to_be_a_scalar():
    """A list or None for a property is refused by name."""
    with pytest.raises(PropertyError, match="max_error_number is a list; allowed: a text, a number"):
        alter_text(JOB, Clauses(properties={"max_error_number": [1]}))


def test_resume_may_have_properties():
    """RESUME ROUTINE LOAD FOR j PROPERTIES ("in_doubt" = "committed")."""
    plain, told = only(resume_text(JOB, {})), only(resume_text(JOB, {"in_doubt": "committed"}))
    assert plain == ResumeRoutineLoad(job=JOB)
    assert [(each.key, each.value) for each in told.properties] == [("in_doubt", "committed")]
