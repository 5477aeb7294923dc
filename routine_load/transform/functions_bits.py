"""Bits of whole numbers, and internet addresses as numbers. Shifts are those of 64-bit words, without overflow."""

from __future__ import annotations

from routine_load.ids import Compat
from routine_load.transform.registry import Context, Family
from routine_load.transform.typed import Kind, Typed

BITS = Family()
_WORD = "18446744073709551616::HUGEINT"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = r"[0-9a-fA-F]{1,4}"
_IPV6_MAX_PARTS = 8


def _unsigned(value: str) -> str:
    return f"(CASE WHEN {value} < 0 THEN {value}::HUGEINT + {_WORD} ELSE {value}::HUGEINT END)"


def _signed(value: str) -> str:
    word = f"(({value}) % {_WORD})"
    return f"(CASE WHEN {word} > 9223372036854775807 THEN {word} - {_WORD} ELSE {word} END)::BIGINT"


def _power(count: str) -> str:
    return f"(1::HUGEINT << (CASE WHEN {count} BETWEEN 0 AND 63 THEN {count} ELSE 0 END)::INTEGER)"


def _or_zero(value: str, count: str, shifted: str) -> str:
    """The shifted word; nothing is left of one that is shifted by more than its bits."""
    known = f"{value} IS NOT NULL AND {count} IS NOT NULL"
    return f"CASE WHEN {count} BETWEEN 0 AND 63 THEN {shifted} WHEN {known} THEN 0 END"


def _shift_left(args: list[Typed], _: Context) -> str:
    value, count = args[0].sql, args[1].sql
    # What leaves the word on the left is cut before the shift: 128 bits are enough for both.
    shifted = f"({_unsigned(value)} % ({_WORD} // {_power(count)})) * {_power(count)}"
    return _or_zero(value, count, _signed(shifted))


def _shift_right_logical(args: list[Typed], _: Context) -> str:
    value, count = args[0].sql, args[1].sql
    shifted = _signed(f"{_unsigned(value)} // {_power(count)}")
    return (
        f"CASE WHEN {count} BETWEEN 0 AND 63 THEN {shifted} WHEN {value} IS NOT NULL AND {count} IS NOT NULL THEN 0 END"
    )


def _shift_right(args: list[Typed], context: Context) -> str:
    """StarRocks keeps the sign; Doris shifts zeros in."""
    if context.compat is Compat.DORIS:
        return _shift_right_logical(args, context)
    value, count = args[0].sql, args[1].sql
    size = _power(count)
    below = f"((({value}::HUGEINT % {size}) + {size}) % {size})"
    shifted = f"(({value}::HUGEINT - {below}) // {size})"
    return _or_zero(value, count, f"{shifted}::BIGINT")


def _bit_test(args: list[Typed], _: Context) -> str:
    """1 where all the bits at those positions are set."""
    value = args[0].sql
    tests = " AND ".join(
        f"{arg.sql} BETWEEN 0 AND 63 AND ({_unsigned(value)} // {_power(arg.sql)}) % 2 = 1" for arg in args[1:]
    )
    return f"({tests})::BIGINT"


def _ipv4_number(text: str) -> str:
    part = "split_part({0}, '.', {1})"
    parts = [f"TRY_CAST({part.format(text, i + 1)} AS BIGINT) * {256 ** (3 - i)}" for i in range(4)]
    return f"CASE WHEN regexp_full_match({text}, '{_IPV4}') THEN {' + '.join(parts)} END"


def _ipv4_string_to_num(args: list[Typed], _: Context) -> str:
    return _ipv4_number(args[0].sql)


def _ipv4_or_zero(args: list[Typed], _: Context) -> str:
    return f"coalesce({_ipv4_number(args[0].sql)}, 0)"


def _ipv4_text(args: list[Typed], _: Context) -> str:
    value = args[0].sql
    octets = " || '.' || ".join(f"(({value} // {256 ** (3 - i)}) % 256)::VARCHAR" for i in range(4))
    return f"CASE WHEN {value} BETWEEN 0 AND 4294967295 THEN {octets} END"


def _is_ipv6(text: str) -> str:
    """Eight groups of hexadecimal digits, one run of which may be '::'; the last two may be written as IPv4."""
    whole = rf"regexp_replace({text}, '(^|:){_IPV4}$', '\11:1')"
    full = rf"regexp_full_match({whole}, '{_GROUP}(?::{_GROUP}){{7}}')"
    short = rf"regexp_full_match({whole}, '(?:{_GROUP}(?::{_GROUP})*)?::(?:{_GROUP}(?::{_GROUP})*)?')"
    groups = f"len(regexp_extract_all({whole}, '{_GROUP}'))"
    return f"({full} OR ({short} AND {groups} < {_IPV6_MAX_PARTS}))"


def _in_range(args: list[Typed], _: Context) -> str:
    """An IPv4 address within a CIDR range; NULL where one of them is none."""
    address, network = args[0].sql, f"split_part({args[1].sql}, '/', 1)"
    bits = f"TRY_CAST(split_part({args[1].sql}, '/', 2) AS BIGINT)"
    size = f"(1::BIGINT << (32 - (CASE WHEN {bits} BETWEEN 0 AND 32 THEN {bits} ELSE 0 END))::INTEGER)"
    same = f"({_ipv4_number(address)}) // {size} = ({_ipv4_number(network)}) // {size}"
    return f"CASE WHEN {bits} BETWEEN 0 AND 32 THEN {same} END"


BITS.add("bitcount bit_count", "I", Kind.INT, "bit_count({0})::BIGINT")
BITS.add("bit_length", "T", Kind.INT, "(strlen({0}) * 8)")
BITS.add("bit_shift_left bitshiftleft", "II", Kind.INT, _shift_left)
BITS.add("bit_shift_right bitshiftright", "II", Kind.INT, _shift_right)
BITS.add("bit_shift_right_logical", "II", Kind.INT, _shift_right_logical)
BITS.add("bit_test bit_test_all", "III*", Kind.INT, _bit_test)
BITS.add("xor", "BB", Kind.BOOL, "({0} <> {1})")
BITS.add("inet_aton ipv4_string_to_num ipv4_string_to_num_or_null", "T", Kind.INT, _ipv4_string_to_num)
BITS.add("ipv4_string_to_num_or_default", "T", Kind.INT, _ipv4_or_zero)
BITS.add("ipv4_num_to_string inet_ntoa", "I", Kind.TEXT, _ipv4_text)
BITS.add("is_ipv4_string", "T", Kind.BOOL, f"regexp_full_match({{0}}, '{_IPV4.replace('{', '{{').replace('}', '}}')}')")
BITS.add("is_ipv6_string", "T", Kind.BOOL, lambda args, _: _is_ipv6(args[0].sql))
BITS.add("is_ip_address_in_range", "TT", Kind.BOOL, _in_range)
