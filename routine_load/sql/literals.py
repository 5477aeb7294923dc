"""SQL string literals and names: from their source text to their value and back.

Owns the vendors' escape rules (StarRocks: string literals and property text) and refuses to know where literals occur.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_BACK: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\0": "\\0", "\x1a": "\\Z"}


def unescape(body: str, quote: str, *, keep_hex: bool = False) -> str:
    r"""Value of a literal's text between its quotes.

    A doubled quote is one; ``\n \t \r \b \0 \Z`` mean what they mean in MySQL, ``\%`` and ``\_`` keep the backslash,
    any other escape drops it. ``keep_hex`` keeps ``\x`` too, for delimiters: there ``'\x01'`` shall mean the byte.
    """
    doubled = quote * 2
    if "\\" not in body:
        return body.replace(doubled, quote)

    def replaced(match: re.Match[str]) -> str:
        character = match.group(1)
        if character is None:
            return quote
        if keep_hex and character in "xX":
            return match.group(0)
        return _ESCAPES.get(character, character)

    return re.sub(rf"\\(.)|{doubled}", replaced, body, flags=re.DOTALL)


def string_value(source: str, *, keep_hex: bool = False) -> str:
    """Value of a whole literal, quotes included."""
    return unescape(source[1:-1], source[0], keep_hex=keep_hex)


def quote_string(value: str) -> str:
    """A double-quoted literal with this value."""
    text = "".join('\\"' if character == '"' else _BACK.get(character, character) for character in value)
    return f'"{text}"'


_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def quote_name(name: str) -> str:
    """A back-quoted identifier."""
    return f"`{name.replace('`', '``')}`"


def name_value(source: str) -> str:
    """Name behind an identifier as written, back-quoted or plain."""
    return source[1:-1].replace("``", "`") if source.startswith("`") else source


def is_plain_name(name: str) -> bool:
    """The name needs no quotes (keywords aside)."""
    return _PLAIN_NAME.match(name) is not None
