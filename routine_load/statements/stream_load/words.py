"""How the vendors say that a load is refused: status codes and the frames around a text.

StarRocks: a direct load answers ``Fail`` and the bare text, the transaction interface the code's name and the bare
text. Doris: ``Fail`` and ``[CODE]text``; what its front end says has a fixed prefix, ``TStatus: errCode = …``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from routine_load.errors import (
    AccessDenied,
    AnalysisError,
    LimitExceeded,
    RoutineLoadError,
    StatementSyntaxError,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import NO_TXN, Compat, TxnId

TOO_MANY_FILTERED: Final = "too many filtered rows"
MESSAGE_CHARS_MAX: Final = 2_048


class Code(StrEnum):
    """Names of status codes, both vendors'."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    ANALYSIS_ERROR = "ANALYSIS_ERROR"
    NOT_FOUND = "NOT_FOUND"
    NOT_AUTHORIZED = "NOT_AUTHORIZED"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED_ERROR"
    DATA_QUALITY_ERROR = "DATA_QUALITY_ERROR"
    DATA_FILE_TYPE_ERROR = "DATA_FILE_TYPE_ERROR"
    EXCEEDED_LIMIT = "EXCEEDED_LIMIT"
    LABEL_ALREADY_EXISTS = "LABEL_ALREADY_EXISTS"
    TXN_NOT_EXISTS = "TXN_NOT_EXISTS"
    TXN_IN_PROCESSING = "TXN_IN_PROCESSING"
    ABORTED = "ABORTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Refused(RoutineLoadError):
    """A load, or a call about one, is refused. ``error_number``: Doris' front end says it, with this number."""

    def __init__(
        self,
        code: Code,
        text: str,
        *,
        error_number: int | None = None,
        existing_status: str | None = None,
        txn_id: TxnId = NO_TXN,
    ) -> None:
        super().__init__(text or code)
        self.code = code
        self.text = text[:MESSAGE_CHARS_MAX]
        self.error_number = error_number
        self.existing_status = existing_status
        self.txn_id = txn_id

    def said(self, compat: Compat) -> str:
        """The text of ``Message``."""
        if compat is Compat.STARROCKS:
            return self.text
        fixed = "" if self.error_number is None else f"TStatus: errCode = {self.error_number}, detailMessage = "
        return f"[{self.code}]{fixed}{self.text}"

    @property
    def status(self) -> str:
        """``Status`` of a direct load (both vendors)."""
        return "Label Already Exists" if self.code is Code.LABEL_ALREADY_EXISTS else "Fail"


def invalid(text: str) -> Refused:
    """A backend's refusal of a header."""
    return Refused(Code.INVALID_ARGUMENT, text)


def by_front_end(error: RoutineLoadError) -> Refused:
    """What a front end finds when it begins or plans a load."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, UnknownDatabase | UnknownTable):
        return Refused(Code.NOT_FOUND, error.message, error_number=7)
    if isinstance(error, AnalysisError | AccessDenied | StatementSyntaxError):
        return Refused(Code.ANALYSIS_ERROR, error.message, error_number=2)
    if isinstance(error, LimitExceeded):
        return Refused(Code.INTERNAL_ERROR, error.message, error_number=2)
    return Refused(Code.INTERNAL_ERROR, error.message)
