"""What clients that load by HTTP are asked to do; every effect is looked at by SQL."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Any

import pytest

from real_clients.feats import feat
from real_clients.session import Login, Refused, Talk
from routine_load.ids import Compat

LOADING = "Loading by HTTP"
LOADER = "loader"
_ROWS = 2000


def table(talk: Talk, *, keyed: bool = False) -> str:
    """A fresh one."""
    name = f"h_{uuid.uuid4().hex[:12]}"
    kind = "DUPLICATE" if not keyed else "PRIMARY" if talk.place.compat is Compat.STARROCKS else "UNIQUE"
    talk.seen(
        f"CREATE TABLE {name} (id INT NOT NULL, name VARCHAR(60), n DECIMAL(12, 2)) {kind} KEY(id)"
        " DISTRIBUTED BY HASH(id) BUCKETS 1"
    )
    return name


def document(**columns: Any) -> str:
    return json.dumps(columns, ensure_ascii=False)


def contents(talk: Talk, name: str) -> list[tuple[Any, ...]]:
    return talk.seen(f"SELECT * FROM {name} ORDER BY id")


@feat(LOADING, LOADER)
def rows_of_json(talk: Talk) -> None:
    """Rows of JSON."""
    name = table(talk)
    documents = [
        document(id=1, name='naïve "漢字" 😀\n', n=-1.25),
        document(id=2, name=None),
        document(n=0, id=3, name=""),
    ]
    many = [document(id=number, name=f"row {number}", n=number) for number in range(4, _ROWS)]
    talk.session.load("json", *((name, each) for each in documents + many))
    found = contents(talk, name)
    assert found[:3] == [(1, 'naïve "漢字" 😀\n', Decimal("-1.25")), (2, None, None), (3, "", Decimal("0.00"))]
    assert found[3:] == [(number, f"row {number}", Decimal(number)) for number in range(4, _ROWS)]


@feat(LOADING, LOADER)
def rows_of_csv(talk: Talk) -> None:
    """Rows of CSV."""
    name = table(talk)
    many = [f"{number},row {number},{number}" for number in range(3, _ROWS)]
    talk.session.load("csv", *((name, each) for each in ["1,naïve 漢字 😀,-1.25", r"2,\N,\N", *many]))
    found = contents(talk, name)
    assert found[:2] == [(1, "naïve 漢字 😀", Decimal("-1.25")), (2, None, None)]
    assert found[2:] == [(number, f"row {number}", Decimal(number)) for number in range(3, _ROWS)]


@feat(LOADING, LOADER)
def several_tables(talk: Talk) -> None:
    """Rows of several tables."""
    names = [table(talk) for _ in range(3)]
    talk.session.load("csv", *((names[number % 3], f"{number},a,1") for number in range(99)))
    for place, name in enumerate(names):
        assert [row[0] for row in contents(talk, name)] == list(range(place, 99, 3))


@feat(LOADING, LOADER)
def upserts_and_deletes(talk: Talk) -> None:
    """Upserts and deletes."""
    name = table(talk, keyed=True)
    sign = {Compat.STARROCKS: ("__op", (0, 1)), Compat.DORIS: ("__DORIS_DELETE_SIGN__", ("0", "1"))}[talk.place.compat]

    def change(number: int, text: str | None, *, gone: bool = False) -> tuple[str, str]:
        return name, document(id=number, name=text, **{sign[0]: sign[1][gone]})

    talk.session.load("json", *(change(number, "old") for number in range(10)))
    talk.session.load(
        "json", change(3, "new"), change(4, None, gone=True), change(77, None, gone=True), change(10, "a")
    )
    found = {row[0]: row[1] for row in contents(talk, name)}
    assert found == {number: "old" for number in range(10) if number != 4} | {3: "new", 10: "a"}


@feat(LOADING, LOADER)
def refused(talk: Talk) -> None:
    """A refused load tells why."""
    name = table(talk)
    for text in ("one,a,1", "1,a"):
        with pytest.raises(Refused, match="too many filtered rows"):
            talk.session.load("csv", (name, "5,good,1"), (name, text))
    assert contents(talk, name) == []


@feat(LOADING, LOADER)
def wrong_password(talk: Talk) -> None:
    """A wrong password is refused."""
    name = table(talk)
    session = talk.client.connect(talk.place, Login(password="wrong"))
    with pytest.raises(Refused):
        session.load("csv", (name, "1,a,1"))
    assert contents(talk, name) == []


@feat(LOADING, LOADER)
def prepared(talk: Talk) -> None:
    """A prepared load is seen after its commit, and never after its rollback."""
    name = table(talk)
    first, second = (talk.session.prepare("csv", (name, f"{number},a,1")) for number in (1, 2))
    assert contents(talk, name) == []
    talk.session.decide(second, commit=True)
    assert [row[0] for row in contents(talk, name)] == [2]
    talk.session.decide(first, commit=False)
    assert [row[0] for row in contents(talk, name)] == [2]


@feat(LOADING, LOADER)
def breaks_down(talk: Talk) -> None:
    """A job that breaks down and starts again: every row once."""
    name = f"h_{uuid.uuid4().hex[:12]}"
    talk.seen(f"CREATE TABLE {name} (id BIGINT, name VARCHAR(60)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1")
    talk.session.fail("json" if talk.place.compat is Compat.STARROCKS else "csv", name, 20_000, 10_000)
    assert talk.seen(f"SELECT count(*), count(DISTINCT id), min(id), max(id) FROM {name}") == [
        (20_000, 20_000, 0, 19_999)
    ]
