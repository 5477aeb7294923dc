"""Hashes and digests. Of several arguments each is hashed with the hash of those before it as seed."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.native import call
from routine_load.transform.registry import Builder, Context, Family
from routine_load.transform.typed import Kind, Typed, derived

HASH = Family()
_MURMUR_SEED = 104_729
"""Both vendors' seed of murmur_hash3_32."""
_WORD = "18446744073709551616::UHUGEINT"


def _signed(value: str, bits: int) -> str:
    """An unsigned number of so many bits read as a signed one."""
    if bits == 32:
        return f"(CASE WHEN {value} > 2147483647 THEN {value}::BIGINT - 4294967296 ELSE {value}::BIGINT END)"
    if bits == 64:
        return (
            f"(CASE WHEN {value} > 9223372036854775807 THEN {value}::HUGEINT - 18446744073709551616::HUGEINT "
            f"ELSE {value}::HUGEINT END)::BIGINT"
        )
    half = "170141183460469231731687303715884105728::UHUGEINT"
    low = f"({value} - {half})::HUGEINT - 170141183460469231731687303715884105727::HUGEINT - 1"
    return f"(CASE WHEN {value} >= {half} THEN {low} ELSE {value}::HUGEINT END)"


def _chained(name: str, bits: int) -> Builder:
    """XxHash of all arguments; NULL where one is."""

    def build(args: list[Typed], context: Context) -> Typed:
        made = Typed("0::UBIGINT", Kind.OTHER, atomic=True)
        for arg in args:
            level = max(made.level, arg.level)
            made = context.stages.bind(Typed(call(name, f"encode({arg.sql})", made.sql), Kind.OTHER, level))
        return Typed(f"({_signed(made.sql, bits)})", Kind.INT, made.level)

    return build


def _of_hexadecimal(digits: Typed, context: Context) -> Typed:
    """A LARGEINT of 32 hexadecimal digits; what is beyond it wraps."""
    halves = [f"('0x' || substring({digits.sql}, {1 + 16 * i}, 16))::UBIGINT::UHUGEINT" for i in range(2)]
    number = context.stages.bind(derived(f"({halves[0]} * {_WORD} + {halves[1]})", Kind.OTHER, digits))
    return derived(f"({_signed(number.sql, 128)})", Kind.LARGEINT, number)


def _xxh3_128(args: list[Typed], context: Context) -> Typed:
    """StarRocks: several arguments are one text."""
    text = _joined(args, context)
    digits = derived(call("xxh3_128", f"encode({text.sql})", "0::UBIGINT"), Kind.TEXT, text)
    return _of_hexadecimal(context.stages.bind(digits), context)


def _murmur32(args: list[Typed], context: Context) -> Typed:
    made = Typed(f"{_MURMUR_SEED}::UINTEGER", Kind.OTHER, atomic=True)
    for arg in args:
        level = max(made.level, arg.level)
        made = context.stages.bind(
            Typed(f"{call('murmur32', arg.sql, made.sql, 'false')}::UINTEGER", Kind.OTHER, level)
        )
    return Typed(f"({_signed(made.sql, 32)})", Kind.INT, made.level)


def _murmur64(args: list[Typed], context: Context) -> Typed:
    number = _first_half(args, "murmur_hash3_64_v2", context)
    return derived(f"({_signed(number.sql, 64)})", Kind.INT, number)


def _unsigned_murmur64(args: list[Typed], context: Context) -> Typed:
    number = _first_half(args, "murmur_hash3_u64_v2", context)
    return derived(f"({number.sql}::HUGEINT)", Kind.LARGEINT, number)


def _first_half(args: list[Typed], function: str, context: Context) -> Typed:
    """Doris: of the 128-bit hash, as a UBIGINT. More than one argument needs seeds that no library takes."""
    if len(args) > 1:
        raise AnalysisError(f"{function}: only one argument is supported here, use xxhash_64 for more")
    digest = call("murmur128", f"encode({args[0].sql})", "0::UINTEGER")
    # The lowest byte comes first.
    digits = f"array_to_string(list_reverse(regexp_extract_all(left(hex({digest}), 16), '..')), '')"
    return context.stages.bind(derived(f"('0x' || {digits})::UBIGINT", Kind.OTHER, args[0]))


def _sha2(args: list[Typed], _: Context) -> str:
    bits = args[1].literal
    if bits in {"0", "256"}:
        return f"sha256({args[0].sql})"
    if bits in {"224", "384", "512"}:
        return call(f"sha{bits}", f"encode({args[0].sql})")
    if bits is None:
        raise AnalysisError("sha2: the number of bits must be a constant")
    return "NULL::VARCHAR"


def _sm3(args: list[Typed], context: Context) -> str:
    """Hexadecimal; StarRocks writes it in groups of eight digits."""
    digest = call("sm3", f"encode({args[0].sql})")
    if context.compat is Compat.DORIS:
        return digest
    return rf"trim(regexp_replace({digest}, '(.{{8}})', '\1 ', 'g'))"


def _joined(args: list[Typed], context: Context) -> Typed:
    text = " || ".join(arg.sql for arg in args)
    return context.stages.bind(Typed(f"({text})", Kind.TEXT, max(arg.level for arg in args)))


def _md5sum(args: list[Typed], context: Context) -> Typed:
    text = _joined(args, context)
    return Typed(f"md5({text.sql})", Kind.TEXT, text.level)


def _md5_number(args: list[Typed], context: Context) -> Typed:
    """StarRocks: the digest as one big-endian number; what is beyond LARGEINT wraps."""
    text = _joined(args, context)
    return _of_hexadecimal(context.stages.bind(derived(f"md5({text.sql})", Kind.TEXT, text)), context)


def _sm3sum(args: list[Typed], context: Context) -> Typed:
    text = _joined(args, context)
    return Typed(call("sm3", f"encode({text.sql})"), Kind.TEXT, text.level)


HASH.add("md5", "T", Kind.TEXT, "md5({0})")
HASH.add("md5sum", "TT*", Kind.TEXT, _md5sum)
HASH.add("md5sum_numeric", "TT*", Kind.LARGEINT, _md5_number)
HASH.add("sha1 sha", "T", Kind.TEXT, "sha1({0})")
HASH.add("sha2", "TA", Kind.TEXT, _sha2)
HASH.add("sm3", "T", Kind.TEXT, _sm3)
HASH.add("sm3sum", "TT*", Kind.TEXT, _sm3sum)
HASH.add("crc32", "T", Kind.INT, f"{call('crc32', 'encode({0})')}::BIGINT")
HASH.add("murmur_hash3_32", "TT*", Kind.INT, _murmur32)
HASH.add("murmur_hash3_64_v2", "TT*", Kind.INT, _murmur64)
HASH.add("murmur_hash3_u64_v2", "TT*", Kind.LARGEINT, _unsigned_murmur64)
HASH.add("xx_hash3_64 xxhash_64 xxhash3_64", "TT*", Kind.INT, _chained("xxh3_64", 64))
HASH.add("xx_hash3_128", "TT*", Kind.LARGEINT, _xxh3_128)
HASH.add("xx_hash32 xxhash_32", "TT*", Kind.INT, _chained("xxh32", 32))
HASH.add("xx_hash64", "TT*", Kind.INT, _chained("xxh64", 64))
