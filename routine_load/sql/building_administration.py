"""Statements about the service: files, transactions, loads, settings, nodes, connections.

Owns the way from parse trees to values; refuses to know what answers them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from routine_load.sql import statements as s
from routine_load.sql.literals import string_value
from routine_load.sql.trees import (
    Node,
    Reading,
    child,
    database,
    has,
    like,
    limits,
    nodes,
    sort_keys,
    text_or_name,
    token,
    tokens,
)


def _create_file(reading: Reading, tree: Node) -> s.Statement:
    return s.CreateFile(
        name=text_or_name(tree.children[0]),
        database=database(tree),
        properties=reading.properties(child(tree, "properties")),
    )


def _drop_file(reading: Reading, tree: Node) -> s.Statement:
    return s.DropFile(
        name=text_or_name(tree.children[0]),
        database=database(tree),
        properties=reading.properties(child(tree, "properties")),
    )


def _show_transaction(reading: Reading, tree: Node) -> s.Statement:
    return s.ShowTransaction(database=database(tree), where=reading.show_where(tree))


def _show_load(reading: Reading, tree: Node) -> s.Statement:
    limit, offset = limits(tree)
    return s.ShowLoad(
        database=database(tree),
        where=reading.show_where(tree),
        order_by=sort_keys(tree),
        limit=limit,
        offset=offset,
    )


def _show_stream_load(reading: Reading, tree: Node) -> s.Statement:
    limit, offset = limits(tree)
    for_job = child(tree, "for_job")
    name = reading.job(for_job) if for_job else None
    return s.ShowStreamLoad(
        database=name.database if name and name.database else database(tree),
        label=name.name if name else None,
        where=reading.show_where(tree),
        order_by=sort_keys(tree),
        limit=limit,
        offset=offset,
    )


def _set_config(reading: Reading, tree: Node) -> s.Statement:
    """WITH PERSISTENT (StarRocks) says what the property ``persist`` says (Doris)."""
    properties = reading.properties(tree)
    if has(tree, "persistent"):
        properties = (*properties, s.Property(key="persist", value="true"))
    return s.SetFrontendConfig(properties=properties)


def _kill(_reading: Reading, tree: Node) -> s.Statement:
    return s.Kill(connection_id=int(token(tree)), query_only=has(tree, "query"))


_NODE_CHANGES: Final = {
    "add_backend": s.NodeChange.ADD,
    "drop_backend": s.NodeChange.DROP,
    "decommission_backend": s.NodeChange.DECOMMISSION,
    "cancel_decommission": s.NodeChange.CANCEL_DECOMMISSION,
}


def _alter_system(_reading: Reading, tree: Node) -> s.Statement:
    (change,) = nodes(tree)
    return s.AlterSystem(
        change=_NODE_CHANGES[change.data], addresses=tuple(string_value(address) for address in tokens(tree))
    )


STATEMENTS: Final[dict[str, Callable[[Reading, Node], s.Statement]]] = {
    "create_file": _create_file,
    "drop_file": _drop_file,
    "show_file": lambda _reading, tree: s.ShowFile(database=database(tree)),
    "show_transaction": _show_transaction,
    "show_load": _show_load,
    "show_stream_load": _show_stream_load,
    "show_backends": lambda _reading, _tree: s.ShowBackends(),
    "show_compute_nodes": lambda _reading, _tree: s.ShowComputeNodes(),
    "show_frontends": lambda _reading, _tree: s.ShowFrontends(),
    "show_processlist": lambda _reading, tree: s.ShowProcesslist(full=has(tree, "full")),
    "show_proc": lambda _reading, tree: s.ShowProc(path=string_value(token(tree))),
    "show_config": lambda _reading, tree: s.ShowFrontendConfig(like=like(tree)),
    "set_config": _set_config,
    "kill": _kill,
    "alter_system": _alter_system,
}
