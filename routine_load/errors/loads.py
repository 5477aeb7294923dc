"""What a load can meet: Kafka, the sink, the target, and transactions of clients."""

from __future__ import annotations

from routine_load.errors.base import ExecutionError, RoutineLoadError


class BeginRefused(ExecutionError):
    """No load transaction could be begun."""


class TaskTimedOut(ExecutionError):
    """timeout by txn manager."""


class BackendLost(ExecutionError):
    """The backend that ran a task is gone, or cannot be reached."""


class BackendRefused(ExecutionError):
    """A backend, or its coordinator, does not do what it was asked for."""


class SourceError(ExecutionError):
    """Kafka did not give what was asked for."""


class PartitionMissing(SourceError):
    """The topic does not have this partition."""


class SourceUnavailable(SourceError):
    """Kafka did not answer in time."""


class RegistryUnavailable(SourceUnavailable):
    """The schema registry did not answer."""


class UnreadableSchema(SourceError):
    """A message's schema is unknown, or cannot be read."""


class OffsetOutOfRange(SourceError):
    """The offset does not exist in Kafka any more, or not yet."""


class LogCut(OffsetOutOfRange):
    """The log ends before what was read of it."""

    def __init__(self, message: str | None = None, *, partition: int = 0, offset: int = 0, end: int = 0) -> None:
        super().__init__(message)
        self.partition = partition
        self.offset = offset
        self.end = end


class BeyondLogEnd(ExecutionError):
    """The offset lies beyond the end of its partition."""


class SinkError(RoutineLoadError):
    """The sink refused the load transaction; nothing of it is visible."""


class StaleRange(SinkError):
    """Another transaction moved the progress first; nothing of this one is visible."""


class TargetUnavailable(SinkError):
    """The target did not answer; nothing is known of what was asked."""


class CommitUnsettled(SinkError):
    """A commit that was decided has not gone through yet; it is tried again until it has."""


class InDoubt(SinkError):
    """The target cannot say whether a transaction was committed: a person has to."""


class MetadataOlder(InDoubt):
    """The target knows a label that no batch was given yet: the metadata is older than the target."""


class LeadershipLost(SinkError):
    """Another coordinator commits now; nothing of this one's is written any more."""


class LoadRejected(SinkError):
    """The batch as a whole was refused.

    ``rejects`` is the opaque id of the file of its rejected rows, empty where there is none.
    """

    def __init__(self, message: str | None = None, *, rejects: str = "") -> None:
        super().__init__(message)
        self.rejects = rejects


class FatalParseError(LoadRejected):
    """A message cannot be parsed, and the job is to pause for it."""


class TransactionError(ExecutionError):
    """A load transaction cannot do what was asked."""


class LabelUsed(TransactionError):
    """The label has already been used.

    ``txn_id`` and ``txn_state`` (``loads.transaction_values.TxnState``) are those of the transaction that has it.
    """

    def __init__(self, message: str | None = None, *, txn_id: int = -1, state: str = "") -> None:
        super().__init__(message)
        self.txn_id = txn_id
        self.txn_state = state


class TransactionNotFound(TransactionError):
    """There is no such transaction."""


class TransactionBusy(TransactionError):
    """Transaction is in processing."""


class TransactionEnded(TransactionError):
    """The state of the transaction does not allow this.

    ``txn_state`` is a ``loads.transaction_values.TxnState``; ``reason`` is why it was aborted.
    """

    def __init__(self, message: str | None = None, *, txn_id: int = -1, state: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.txn_id = txn_id
        self.txn_state = state
        self.reason = reason
