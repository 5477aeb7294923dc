"""What DuckDB does not have, as functions of DuckDB: hashes of mmh3, xxhash, zlib and hashlib, and the error function.

DuckDB calls the C function itself for each row, or a chain of such is mapped over a column: there is no line of Python
per row. Nothing here knows the vendors' functions, which are written in terms of these.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import operator
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import duckdb
import mmh3
import pyarrow as pa
import xxhash
from duckdb import func

PREFIX = "__rl_"


class _Direct:
    """A C function with a signature, which DuckDB asks for and C functions do not tell."""

    def __init__(self, parameters: int) -> None:
        names = [inspect.Parameter(f"p{i}", inspect.Parameter.POSITIONAL_ONLY) for i in range(parameters)]
        self.__signature__ = inspect.Signature(names)


def _direct(function: Callable[..., Any], parameters: int) -> _Direct:
    made = type("_Direct", (_Direct,), {"__call__": staticmethod(function)})(parameters)
    assert isinstance(made, _Direct)
    return made


_BY_ROW: dict[str, tuple[Callable[..., Any], list[str], str]] = {
    "murmur32": (mmh3.hash, ["VARCHAR", "UINTEGER", "BOOLEAN"], "BIGINT"),
    "murmur128": (mmh3.mmh3_x64_128_digest, ["BLOB", "UINTEGER"], "BLOB"),
    "xxh32": (xxhash.xxh32_intdigest, ["BLOB", "UBIGINT"], "UBIGINT"),
    "xxh64": (xxhash.xxh64_intdigest, ["BLOB", "UBIGINT"], "UBIGINT"),
    "xxh3_64": (xxhash.xxh3_64_intdigest, ["BLOB", "UBIGINT"], "UBIGINT"),
    "xxh3_128": (xxhash.xxh3_128_hexdigest, ["BLOB", "UBIGINT"], "VARCHAR"),
    "crc32": (zlib.crc32, ["BLOB"], "UINTEGER"),
    "erf": (math.erf, ["DOUBLE"], "DOUBLE"),
}
_DIGESTS: dict[str, Callable[[bytes], Any]] = {
    "sm3": functools.partial(hashlib.new, "sm3"),
    "sha224": hashlib.sha224,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
}
_HEXADECIMAL = operator.methodcaller("hexdigest")


def install(connection: duckdb.DuckDBPyConnection, sql: Iterable[str] | None = None) -> None:
    """Make the functions known to the connection's database: those that ``sql`` names, or all."""
    texts = None if sql is None else list(sql)
    for name in (*_BY_ROW, *_DIGESTS):
        if texts is None or any(f"{PREFIX}{name}(" in text for text in texts):
            _install(connection, name)


def _install(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    # DuckDB's stubs know neither objects with a signature of their own nor Arrow's types.
    create: Any = connection.create_function
    if name in _DIGESTS:
        digest = _DIGESTS[name]

        def hexadecimal(column: pa.ChunkedArray) -> pa.Array:
            return pa.array(map(_HEXADECIMAL, map(digest, column.to_pylist())), pa.string())

        create(PREFIX + name, hexadecimal, ["BLOB"], "VARCHAR", type=func.ARROW)
        return
    function, parameters, result = _BY_ROW[name]
    create(PREFIX + name, _direct(function, len(parameters)), parameters, result)


def call(name: str, *arguments: str) -> str:
    """SQL that calls one of them."""
    assert name in _BY_ROW or name in _DIGESTS, name
    return f"{PREFIX}{name}({', '.join(arguments)})"
