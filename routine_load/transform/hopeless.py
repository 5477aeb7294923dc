"""Odd rows of a plain load that are settled without SQL: one field is no value in any spelling, the others are plain.

Most rejected rows are like that, and a query for them costs more than everything else that is done about them. What is
settled here comes out as the program has it (``tests/unit/transform``: both are compared on any texts); a row that is
not certain is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec
from routine_load.sql.schema import TypeName
from routine_load.transform.faults import LOADED, REJECTED, UNUSUAL
from routine_load.transform.plain import Places, PlainColumn

_BLANKS: Final = r" \t\n\v\f\r"
_NO_NUMBER: Final = rf"[^0-9+\-.eE_{_BLANKS}]"
_NO_MOMENT: Final = rf"[^0-9+\-.:/TZBC(){_BLANKS}]"
"""What is in no spelling of one, however odd: BC is how DuckDB prints a year that no vendor has."""
_STRANGE: Final = {
    **dict.fromkeys((TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT), _NO_NUMBER),
    **dict.fromkeys((TypeName.FLOAT, TypeName.DOUBLE, TypeName.DECIMAL), _NO_NUMBER),
    **dict.fromkeys((TypeName.DATE, TypeName.DATETIME), _NO_MOMENT),
}
_TEXTS: Final = {TypeName.CHAR, TypeName.VARCHAR}

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The faults of a column, by number, None where there is none: of a text that is no value, and of a NULL.

    ``shows``: the reason has the text in it. ``cuts``: a text that is too long is a value, cut.
    """

    misspelled: int | None
    missing: int | None
    shows: bool
    cuts: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """``status`` of all rows; ``known`` has for each rejected one its fault and the text to show with that.

    ``certain``: none is left to the program.
    """

    status: pa.Array
    known: dict[int, tuple[int, str | None]]
    certain: bool


def refusals(
    spec: LoadSpec, columns: Sequence[PlainColumn], names: Sequence[str], faults: Sequence[tuple[str, str]], early: int
) -> tuple[Refusal, ...]:
    """``early``: so many of the faults are of texts; the others of NULLs."""
    strict = {column: number for number, (column, _) in enumerate(faults[:early])}
    missing = {column: number for number, (column, _) in enumerate(faults[early:], early)}
    cuts = spec.compat is Compat.DORIS and not spec.strict_mode
    return tuple(
        Refusal(strict.get(name, missing.get(name)), missing.get(name), shows=name in strict, cuts=cuts)
        for name in names[: len(columns)]
    )


def settle(
    columns: Sequence[PlainColumn], refused: Sequence[Refusal], rows: pa.Table, odds: Sequence[Places | None]
) -> Settled:
    """``odds``: for each column which rows are not spelled plainly in it; not None for all."""
    everywhere, counts = np.unique(np.concatenate([odd for odd in odds if odd is not None]), return_counts=True)
    several = everywhere[counts > 1]
    status = np.full(rows.num_rows, LOADED, np.int8)
    status[everywhere] = UNUSUAL
    known: dict[int, tuple[int, str | None]] = {}
    for column, refusal, odd in zip(columns, refused, odds, strict=True):
        if odd is None:
            continue
        places = odd[~np.isin(odd, several)] if len(several) else odd
        texts = rows.column(column.source).take(pa.array(places))
        hopeless = _hopeless(column, refusal, texts)
        places, texts = places[_mask(hopeless)], texts.filter(hopeless)
        is_null = _mask(pc.is_null(texts))
        for here, fault in ((is_null, refusal.missing), (~is_null, refusal.misspelled)):
            status[places[here]] = LOADED if fault is None else REJECTED
        for place, text in zip(places.tolist(), texts.to_pylist(), strict=True):
            fault = refusal.missing if text is None else refusal.misspelled
            if fault is not None:
                known[place] = fault, text if refusal.shows else None
    return Settled(pa.array(status), known, certain=not (status[everywhere] == UNUSUAL).any())


def _hopeless(column: PlainColumn, refusal: Refusal, texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of the odd texts are NULL for certain in the column; a NULL is."""
    name = column.type.name
    if name in _TEXTS:
        found = pc.is_null(texts) if refusal.cuts else pc.or_(pc.is_null(texts), pc.is_valid(texts))
    elif name in _STRANGE:
        found = pc.match_substring_regex(texts, _STRANGE[name])
    else:
        found = pc.is_null(texts)
    return pc.fill_null(found, fill_value=True)


def _mask(found: pa.Array | pa.ChunkedArray) -> _Mask:
    return np.asarray(found, bool)
