r"""Column and row separators: from the literal in the statement to the characters meant.

Owns the conversion of delimiter strings (StarRocks: delimiter strings), with one deliberate improvement: ``'\x01'``
means the byte 1, as in Doris and in the manuals' examples, where StarRocks' SQL unescaping would leave ``x01``.
Refuses to know the length limit, which is checked when a task is planned.
"""

from __future__ import annotations

import re
from typing import Final

from routine_load.errors import AnalysisError, Position
from routine_load.sql.literals import string_value
from routine_load.sql.statements import Delimiter

_HEX: Final = re.compile(r"[0-9a-fA-F]*\Z")


def read_delimiter(source: str, position: Position | None = None) -> Delimiter:
    """The delimiter of a string literal as written, quotes included. Raises AnalysisError."""
    original = string_value(source, keep_hex=True)
    return Delimiter(original=original, value=delimiter_value(original, position))


def delimiter_value(text: str, position: Position | None = None) -> str:
    r"""Characters meant by an unescaped delimiter text: ``\x0102`` and ``0x0102`` are bytes, ``\t`` ``\n`` escapes."""
    if not text:
        raise AnalysisError("Delimiter cannot be empty or null", position=position)
    if text[:2].lower() not in {"\\x", "0x"}:
        return text.replace("\\t", "\t").replace("\\n", "\n")
    digits = text[2:]
    if not digits:
        raise AnalysisError(f"Invalid delimiter '{text}: empty hex string", position=position)
    if len(digits) % 2:
        raise AnalysisError(f"Invalid delimiter '{text}: hex length must be a even number", position=position)
    if not _HEX.match(digits):
        raise AnalysisError(f"Invalid delimiter '{text}': invalid hex format", position=position)
    value = bytes.fromhex(digits)
    if not value.isascii():
        raise AnalysisError(
            f"Invalid delimiter '{text}': bytes above 7F are not supported; write the characters themselves",
            position=position,
        )
    return value.decode("ascii")
