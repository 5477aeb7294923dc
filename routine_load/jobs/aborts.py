"""What an aborted task means for its job (StarRocks: causes of every transition; Doris: causes of a system pause).

Owns the matching of abort reasons. Refuses to know who aborted.
"""

from __future__ import annotations

from routine_load.ids import Compat
from routine_load.jobs.budget import TOO_MANY_FILTERED, ratio_reason
from routine_load.jobs.properties import JobProperties
from routine_load.jobs.states import DorisReason, Reason, StarRocksReason

_OUT_OF_RANGE = "offset out of range"
_PARSE_ERROR = "parse error"
_DORIS_JSONPATH = "invalid json path"
_TRACKING = "Check the 'TrackingSQL' field for detailed information."


def pause_after_abort(text: str, properties: JobProperties, compat: Compat, backend: int = -1) -> Reason | None:
    """The reason to pause for, or None where the range is simply read again. First match wins."""
    if compat is Compat.DORIS:
        return _doris(text)
    if _OUT_OF_RANGE in text.lower() or "PAUSE" in text:
        return Reason(StarRocksReason.TASKS_ABORT, f"be {backend} abort task with reason: {text}")
    if TOO_MANY_FILTERED in text:
        return ratio_reason(text)
    if _PARSE_ERROR in text and properties.pause_on_fatal_parse_error:
        return Reason(StarRocksReason.DATA_PARSE_ERROR, f"{text}. {_TRACKING}")
    return None


def _doris(text: str) -> Reason | None:
    lowered = text.lower()
    if _OUT_OF_RANGE in lowered:
        return Reason(
            DorisReason.CANNOT_RESUME,
            f"{text}. the offset used by job does not exist in kafka, please check the offset, "
            "using the Alter ROUTINE LOAD command to modify it, and resume the job",
        )
    if _DORIS_JSONPATH in lowered:
        return Reason(DorisReason.CANNOT_RESUME, f"{text}, please check the jsonpaths")
    if "pause" in lowered:
        return Reason(DorisReason.CANNOT_RESUME, text)
    return None
