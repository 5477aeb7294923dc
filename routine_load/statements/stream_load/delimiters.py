r"""Separators as headers write them: escapes and hexadecimal digits (StarRocks, Doris: 1.9.1 of their loads)."""

from __future__ import annotations

import re
from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.delimiters import delimiter_value

_ESCAPES: Final = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}
_ESCAPE: Final = re.compile(r"\\[tnr\\]")
_HEX_PREFIX: Final = re.compile(r"\\x|0x", re.IGNORECASE)


def header_delimiter(text: str, compat: Compat) -> str:
    r"""The characters meant. ``\x0102`` are bytes; Doris takes ``\x01\x02``, too. Raises AnalysisError."""
    if not _HEX_PREFIX.match(text):
        return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], text)
    if compat is Compat.STARROCKS:
        return delimiter_value(text)
    digits = _HEX_PREFIX.sub("", text)
    if not digits:
        raise AnalysisError("Hex str is empty")
    if not re.fullmatch(r"[0-9a-fA-F]+", digits):
        raise AnalysisError("Hex str format error")
    if len(digits) % 2:
        raise AnalysisError("Hex str length error")
    return delimiter_value("\\x" + digits)
