"""Every vendor function this program knows, by name. A function without an entry is refused when a job is created.

Each is mapped by meaning, not by name: what the vendor answers for the same arguments, NULL and nonsense included.
Left out on purpose: random and sleeping functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from routine_load.transform import lambdas
from routine_load.transform.functions_array import ARRAY
from routine_load.transform.functions_bits import BITS
from routine_load.transform.functions_bytes import BYTES
from routine_load.transform.functions_calendar import CALENDAR
from routine_load.transform.functions_document import DOCUMENT
from routine_load.transform.functions_hash import HASH
from routine_load.transform.functions_json import JSON
from routine_load.transform.functions_logic import LOGIC
from routine_load.transform.functions_map import MAP
from routine_load.transform.functions_match import MATCH
from routine_load.transform.functions_math import MATH
from routine_load.transform.functions_number import NUMBER
from routine_load.transform.functions_periods import PERIODS
from routine_load.transform.functions_states import STATES
from routine_load.transform.functions_text import TEXT
from routine_load.transform.functions_time import TIME
from routine_load.transform.functions_url import URL
from routine_load.transform.registry import Function

FAMILIES = (
    ("Text", TEXT),
    ("Searching in text", MATCH),
    ("URL", URL),
    ("Hash", HASH),
    ("Bytes", BYTES),
    ("Time", TIME),
    ("Calendar", CALENDAR),
    ("Periods", PERIODS),
    ("Number", NUMBER),
    ("Mathematics", MATH),
    ("Bits and addresses", BITS),
    ("Condition", LOGIC),
    ("Reading JSON", JSON),
    ("Making JSON", DOCUMENT),
    ("Array", ARRAY),
    ("Map and struct", MAP),
    ("Bitmaps, HLL and quantiles", STATES),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {name: function for _, family in FAMILIES for name, function in family.functions.items()}
)

SPECIAL = frozenset({"timestampdiff", "timestampadd", "time_slice", "date_slice", "date_floor", "date_ceil"})
"""Functions that take a bare unit or an INTERVAL; the translator knows them."""

LAMBDAS = lambdas.NAMES
"""Functions that take a lambda expression."""

KNOWN_FUNCTIONS: frozenset[str] = frozenset(FUNCTIONS) | SPECIAL | LAMBDAS
