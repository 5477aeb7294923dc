"""Source columns of text → the table's rows: mapping, derived columns, conversion, strict mode, WHERE, NOT NULL.

Owns the load plan and the vendors' functions by meaning; does everything in DuckDB SQL over Arrow, so that no Python
runs per good row. It refuses to know where the bytes came from (a decoder hands it text) and where the rows go.

``TransformCompiler`` is the way in. ``KNOWN_FUNCTIONS`` is what expressions may call.
"""

from routine_load.transform.compiler import TransformCompiler
from routine_load.transform.functions import KNOWN_FUNCTIONS

__all__ = ["KNOWN_FUNCTIONS", "TransformCompiler"]
