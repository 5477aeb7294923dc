"""Feats that only a family of clients has: JDBC's meta data, SQLAlchemy's models."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Column, DateTime, Integer, MetaData, Numeric, String, Table, func, insert, inspect, select
from sqlalchemy.orm import Session, registry

from real_clients.feats import KINDS, ROW, feat, same
from real_clients.session import Talk
from routine_load.ids import Compat

JDBC = "JDBC"
ALCHEMY = "SQLAlchemy"


TERMINAL = "Terminals"


@feat(TERMINAL, TERMINAL)
def status(talk: Talk) -> None:
    """Status of the session."""
    told = talk.session.status()
    assert ("8.0.33", "5.7.99")[talk.place.compat is Compat.DORIS] in told
    assert "shop" in told


def _data(talk: Talk, *words: str) -> list[dict[str, Any]]:
    return talk.session.look(*words)


@feat(JDBC, JDBC)
def jdbc_columns(talk: Talk) -> None:
    """getColumns: sizes and nullability."""
    found = {each["COLUMN_NAME"]: each for each in _data(talk, "columns", "shop", "kinds")}
    assert list(found) == list(KINDS)
    assert [int(found["c_decimal"][name]) for name in ("COLUMN_SIZE", "DECIMAL_DIGITS", "DATA_TYPE")] == [38, 10, 3]
    assert found["c_varchar"]["COLUMN_SIZE"] == 200
    assert (found["id"]["IS_NULLABLE"], found["c_int"]["IS_NULLABLE"]) == ("NO", "YES")
    assert found["id"]["REMARKS"] == "the key"


@feat(JDBC, JDBC)
def jdbc_keys(talk: Talk) -> None:
    """getPrimaryKeys."""
    assert [each["COLUMN_NAME"] for each in _data(talk, "keys", "shop", "kinds")] == ["id"]


@feat(JDBC, JDBC)
def jdbc_others(talk: Talk) -> None:
    """getIndexInfo, getImportedKeys, getTypeInfo, getTableTypes, getProcedures."""
    _data(talk, "indexes", "shop", "kinds")
    assert _data(talk, "foreign", "shop", "kinds") == []
    assert len(_data(talk, "types")) > 20
    assert "TABLE" in {each["TABLE_TYPE"] for each in _data(talk, "tabletypes")}
    assert _data(talk, "procedures", "shop") == []


@feat(JDBC, JDBC)
def jdbc_fetch(talk: Talk) -> None:
    """A result in pieces (setFetchSize)."""
    found = talk.session.fetched("SELECT a.n FROM shop.thousand a, shop.kinds b", 100)
    assert len(found) == 2000


def _options(talk: Talk) -> dict[str, Any]:
    if talk.place.compat is Compat.STARROCKS:
        return {"starrocks_primary_key": "id", "starrocks_distributed_by": "HASH(id) BUCKETS 1"}
    return {"pydoris_key_type": "UNIQUE", "pydoris_key_columns": ["id"], "pydoris_distributed_by": "HASH(id)"}


@feat(ALCHEMY, ALCHEMY)
def alchemy_inspect(talk: Talk) -> None:
    """Inspector: has_table, keys, indexes, comments, options."""
    seen = inspect(talk.session.engine)
    assert (seen.has_table("kinds"), seen.has_table("nope"), seen.has_table("t", schema="nowhere")) == (
        True,
        False,
        False,
    )
    assert (seen.get_foreign_keys("kinds"), seen.get_view_names()) == ([], [])
    seen.get_pk_constraint("kinds")
    seen.get_indexes("kinds")
    seen.get_table_comment("kinds")
    seen.get_table_options("kinds")


@feat(ALCHEMY, ALCHEMY)
def alchemy_reflect(talk: Talk) -> None:
    """Reflects a table, and selects through what was reflected."""
    known = MetaData()
    known.reflect(talk.session.engine, only=["kinds"])
    table = known.tables["kinds"]
    assert [column.name for column in table.columns] == list(KINDS)
    wanted = [name for name in KINDS if name not in ("c_json", "c_array", "c_double")]
    columns = [table.c[name] for name in wanted]
    with talk.session.engine.connect() as connection:
        found = [tuple(each) for each in connection.execute(select(*columns).where(table.c.id == 1))]
    same(talk, found, [tuple(value for name, value in zip(KINDS, ROW, strict=True) if name in wanted)])


@feat(ALCHEMY, ALCHEMY)
def alchemy_core(talk: Talk) -> None:
    """Core: create, insert, select, update, delete, drop."""
    known = MetaData()
    name = f"core_{uuid.uuid4().hex[:8]}"
    columns = [Column("id", Integer, primary_key=True, autoincrement=False), Column("name", String(50))]
    columns += [Column("price", Numeric(10, 2)), Column("at", DateTime)]
    table = Table(name, known, *columns, **_options(talk))
    engine = talk.session.engine
    known.create_all(engine)
    known.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"id": n, "name": f"it's {n}", "price": n / 4} for n in range(1, 4)])
        connection.execute(table.update().where(table.c.id == 2).values(name="two"))
        connection.execute(table.delete().where(table.c.id == 3))
    with engine.connect() as connection:
        found = connection.execute(select(table.c.id, table.c.name).order_by(table.c.id).limit(5).offset(0)).all()
    assert [tuple(each) for each in found] == [(1, "it's 1"), (2, "two")]
    known.drop_all(engine)
    assert not inspect(engine).has_table(name)


@feat(ALCHEMY, ALCHEMY)
def alchemy_orm(talk: Talk) -> None:
    """ORM: a session adds, changes, selects and deletes."""
    mapped = registry()
    name = f"orm_{uuid.uuid4().hex[:8]}"
    columns = [Column("id", Integer, primary_key=True, autoincrement=False), Column("name", String(50))]
    table = Table(name, mapped.metadata, *columns, **_options(talk))

    class Thing:
        pass

    mapped.map_imperatively(Thing, table)
    mapped.metadata.create_all(talk.session.engine)
    with Session(talk.session.engine) as session:
        for number in (1, 2):
            thing = Thing()
            thing.id, thing.name = number, f"thing {number}"
            session.add(thing)
        session.commit()
        session.get(Thing, 1).name = "changed"
        session.commit()
        assert [each.id for each in session.scalars(select(Thing).where(table.c.name.like("ch%")))] == [1]
        session.delete(session.get(Thing, 2))
        session.commit()
        assert session.scalar(select(func.count()).select_from(Thing)) == 1
    mapped.metadata.drop_all(talk.session.engine)
    mapped.dispose()
