"""The text of SHOW CREATE ROUTINE LOAD: a statement that makes an equal job when it is executed again.

Owns the layout and the order of clauses of both vendors; where the originals print what cannot be executed, prints what
can. A masked secret stands as ``******``, which CREATE refuses. Refuses to know columns and rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from routine_load.ids import Compat, PartitionId
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.pairs import Pairs, property_pairs, source_pairs
from routine_load.sql.literals import is_plain_name, quote_name, quote_string
from routine_load.sql.statements import ColumnItem, Delimiter, Expression, LoadClauses, MergeType

_WORDS = frozenset(
    {
        *("with", "columns", "rows", "where", "preceding", "delete", "order", "partition", "partitions", "temporary"),
        *("include", "metadata", "properties", "from", "comment", "on", "by", "default", "append", "merge", "as"),
    }
)
"""Words that begin or end a clause: as a name they are quoted, wherever the grammar could do without."""


def create_text(job: Job, *, from_progress: bool = False) -> str:
    """CREATE ROUTINE LOAD of a job by the rules of its own vendor.

    ``from_progress``: from the next offsets of now, instead of those of CREATE.
    """
    return definition_text(job.definition, job.progress if from_progress else None)


def definition_text(definition: JobDefinition, progress: Mapping[PartitionId, int] | None = None) -> str:
    """CREATE ROUTINE LOAD of a definition, from these offsets or from its own."""
    doris = definition.compat is Compat.DORIS
    lines = [_head(definition)]
    if doris or definition.merge_type is not MergeType.APPEND:
        lines.append(f"WITH {definition.merge_type.value}")
    clauses = clause_texts(definition)
    if clauses:
        lines.append(",\n".join(clauses.values()))
    equals = " = " if doris else "="
    pairs = property_pairs(definition) if doris else _with_empty(property_pairs(definition))
    lines += ["PROPERTIES", "(", _list(pairs, equals), ")"]
    lines += ["FROM KAFKA", "(", _list(source_pairs(definition, progress), equals), ")"]
    if definition.comment:
        lines.append(f"COMMENT {quote_string(definition.comment)}")
    return "\n".join(lines) + ";"


def _with_empty(pairs: Pairs) -> Pairs:
    """StarRocks prints the two JSON properties though they are empty, each behind its neighbour."""
    known = dict(pairs)
    neighbours = {"format": "jsonpaths", "strip_outer_array": "json_root"}
    printed: Pairs = []
    for key, value in pairs:
        printed.append((key, value))
        if (empty := neighbours.get(key)) is not None and empty not in known:
            printed.append((empty, ""))
    return printed


def clause_texts(definition: JobDefinition) -> dict[str, str]:
    """The load clauses by kind, in the vendor's order, each as it stands in a statement."""
    clauses = definition.clauses
    doris = definition.compat is Compat.DORIS
    separator = _delimiter("COLUMNS", clauses.column_separator, doris=doris)
    rows = _delimiter("ROWS", clauses.row_delimiter, doris=doris)
    columns = _columns(clauses, "COLUMNS" if doris else "COLUMNS ")
    where = _condition("WHERE", clauses.where)
    partitions = _partitions(clauses, "PARTITION" if doris else "PARTITIONS ")
    middle = {"WHERE": where, "PARTITION": partitions} if doris else {"PARTITION": partitions, "WHERE": where}
    texts = {
        "COLUMNS TERMINATED BY": separator,
        "ROWS TERMINATED BY": rows,
        "COLUMNS": columns,
        **middle,
        "DELETE ON": _condition("DELETE ON", clauses.delete_on),
        "ORDER BY": f"ORDER BY {_name(clauses.order_by)}" if clauses.order_by else "",
        "PRECEDING FILTER": _condition("PRECEDING FILTER", clauses.preceding_filter),
        "INCLUDE METADATA": _metadata(clauses),
    }
    return {kind: text for kind, text in texts.items() if text}


def _head(definition: JobDefinition) -> str:
    name, table = _name(definition.name), definition.table
    if definition.compat is Compat.DORIS:
        return f"CREATE ROUTINE LOAD {name}" + ("" if table is None else f" ON {_name(table)}")
    head = f"CREATE ROUTINE LOAD {_name(definition.database)}.{name}"
    return head + ("" if table is None else f" on {_name(table)}")


def _name(name: str) -> str:
    return name if is_plain_name(name) and name.lower() not in _WORDS else quote_name(name)


def _delimiter(what: str, delimiter: Delimiter | None, *, doris: bool) -> str:
    if delimiter is None:
        return ""
    text = quote_string(delimiter.original)
    if not doris:
        text = "'" + text[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
    return f"{what} TERMINATED BY {text}"


def _columns(clauses: LoadClauses, word: str) -> str:
    return f"{word}({', '.join(_item(item) for item in clauses.columns)})" if clauses.columns else ""


def _condition(keyword: str, expression: Expression | None) -> str:
    return f"{keyword} {expression.text}" if expression else ""


def _partitions(clauses: LoadClauses, word: str) -> str:
    if not clauses.partitions:
        return ""
    names = ", ".join(_name(name) for name in clauses.partitions)
    return f"{'TEMPORARY ' if clauses.temporary_partitions else ''}{word}({names})"


def _metadata(clauses: LoadClauses) -> str:
    if not clauses.metadata:
        return ""
    return f"INCLUDE METADATA ({', '.join(f'{item.field.value} AS {_name(item.name)}' for item in clauses.metadata)})"


def _item(item: ColumnItem) -> str:
    if item.is_default:
        return f"{_name(item.name)} = DEFAULT"
    return _name(item.name) + (f" = {item.expression.text}" if item.expression else "")


def _list(pairs: Pairs, equals: str) -> str:
    return ",\n".join(f"{quote_string(key)}{equals}{quote_string(value)}" for key, value in pairs)
