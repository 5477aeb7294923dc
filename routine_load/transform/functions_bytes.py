"""Bytes for VARBINARY columns: of hexadecimal digits, of base64, of text, and back."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.transform.registry import Context, Family, constant
from routine_load.transform.typed import Kind, Typed

BYTES = Family()
_FORMATS = ("hex", "encode64", "utf8")
_HEX = "CASE WHEN length({0}) % 2 = 0 THEN TRY(unhex({0})) END"
_UNHEX = f"coalesce({_HEX}, CASE WHEN {{0}} IS NOT NULL THEN ''::BLOB END)"
_PART = (
    "CASE WHEN {1} = 0 OR abs({1}) > octet_length({0}) OR {2} <= 0 THEN ''::BLOB "
    "WHEN {1} > 0 THEN {0}[{1}:least({1} + {2} - 1, octet_length({0}))] "
    "ELSE {0}[octet_length({0}) + {1} + 1:least(octet_length({0}) + {1} + {2}, octet_length({0}))] END"
)


def _format(args: list[Typed], function: str) -> str:
    text = constant(args, 1, function, "the format").lower() if len(args) > 1 else "hex"
    if text not in _FORMATS:
        raise AnalysisError(f"{function}: the format is one of {', '.join(_FORMATS)}, not {text}")
    return text


def _to_binary(args: list[Typed], _: Context) -> str:
    """Digits that are none make no bytes, as in unhex."""
    made = {"hex": _UNHEX, "encode64": "TRY(from_base64({0}))", "utf8": "encode({0})"}[_format(args, "to_binary")]
    return made.format(args[0].sql)


def _from_binary(args: list[Typed], _: Context) -> str:
    made = {"hex": "hex({0})", "encode64": "to_base64({0})", "utf8": "TRY(decode({0}))"}
    return made[_format(args, "from_binary")].format(args[0].sql)


def _sub_binary(args: list[Typed], _: Context) -> str:
    """Positions count from 1, negative ones from the end; beyond it there are no bytes."""
    count = args[2].sql if len(args) > 2 else f"octet_length({args[0].sql})"
    known = " AND ".join(f"{arg.sql} IS NOT NULL" for arg in args)
    return f"CASE WHEN {known} THEN {_PART.format(args[0].sql, args[1].sql, count)} END"


BYTES.add("to_binary", "TF?", Kind.BYTES, _to_binary)
BYTES.add("from_binary", "YF?", Kind.TEXT, _from_binary)
BYTES.add("to_hex", "T", Kind.BYTES, _UNHEX)
BYTES.add("from_hex", "Y", Kind.TEXT, "hex({0})")
BYTES.add("hex_decode_binary", "T", Kind.BYTES, _HEX)
BYTES.add("base64_decode_binary from_base64_binary", "T", Kind.BYTES, "TRY(from_base64({0}))")
BYTES.add("to_base64_binary", "Y", Kind.TEXT, "to_base64({0})")
BYTES.add("sub_binary", "YII?", Kind.BYTES, _sub_binary)
