"""DuckDB's errors about JSON that Python cannot read."""

from __future__ import annotations

from routine_load.formats import decoder_for
from routine_load.ids import Compat
from routine_load.loads.lines import BodyRows
from routine_load.loads.values import Format, LoadSpec, SourceColumn


def test_an_error_that_cites_half_a_character_is_about_one_row() -> None:
    """DuckDB cites a bad document up to any byte of it, also in the middle of a character: that row is rejected."""
    good = b'{"a": 1}'
    for blanks in range(8):
        bad = b'{"b": "1.5", "d": "0x1f",' + b" " * blanks + '"c": "1", "a": "日"本"}'.encode() + b" " * 200
        decoder = decoder_for(LoadSpec(compat=Compat.DORIS, format=Format.JSON), (SourceColumn("a"),))
        decoded = decoder.decode(BodyRows([good, bad, good]))
        decoder.close()
        assert (decoded.columns.num_rows, [row.payload for row in decoded.rejected]) == (2, [1])
