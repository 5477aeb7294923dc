"""Statements of pasted scripts that have nothing to do here, and do no harm undone: they are answered, and that is all.

Indexes (CREATE TABLE forgets them too), properties of storage, statistics of the optimiser, labels, shares of machines
(StarRocks: resource groups; Doris' workload groups are none of it: jobs name them), waiting for other front ends
(Doris: ``SYNC``). Refuses to know tables: nothing is looked up, so nothing is told.
"""

from __future__ import annotations

import re
from typing import Final

from routine_load.sql.results import Ok

_NAME: Final = r"(?:`[^`]+`|[\w$-]+)"
_TABLE: Final = rf"{_NAME}(?:\s*\.\s*{_NAME}){{0,2}}"
_REST: Final = r"\b.{0,4096}"
_ONLY_INDEXES: Final = r"(?:(?!\b(?:column|rename|partition)\b).){0,4096}"
_SHAPES: Final = (
    r"sync",
    rf"create\s+index\s+(?:if\s+not\s+exists\s+)?{_NAME}\s+on{_REST}",
    rf"drop\s+index\s+(?:if\s+exists\s+)?{_NAME}\s+on{_REST}",
    rf"(?:build|cancel\s+build)\s+index{_REST}",
    rf"alter\s+table\s+{_TABLE}\s+(?:add|drop)\s+index\b{_ONLY_INDEXES}",
    rf"alter\s+table\s+{_TABLE}\s+set\s*\([^()]{{0,4096}}\)",
    rf"analyze{_REST}",
    rf"(?:drop|kill)\s+(?:stats|analyze){_REST}",
    rf"(?:create|alter|drop)\s+resource\s+group{_REST}",
    rf"clean\s+(?:all\s+)?label{_REST}",
)
_ANY: Final = re.compile(rf"\s*(?:{'|'.join(_SHAPES)})\s*;?\s*", re.IGNORECASE | re.DOTALL)
_BEGINS: Final = re.compile(r"\s*(?:sync|create|drop|build|cancel|alter|analyze|kill|clean)\b", re.IGNORECASE)


def answer(text: str) -> Ok | None:
    """None where the text is something else."""
    return Ok() if _BEGINS.match(text) and _ANY.fullmatch(text) else None
