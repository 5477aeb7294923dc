"""Many small loads in one transaction: group commit (Doris), merge commit (StarRocks).

Whoever comes first for a table and a way of loading leads: what comes while it waits for a moment, or commits, goes
into one transaction, and the next of those who wait leads that. Nobody is answered before its rows are visible, where
the originals may answer before (``async_mode``, ``merge_commit_async``). A load whose rows are not good enough never
spoils the others: it is taken out and loaded by itself. So is a large one, and one whose rows cannot be told apart.
"""

from __future__ import annotations

import bisect
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from typing import Final

import pyarrow as pa

from routine_load.commit.values import Counts
from routine_load.errors import RoutineLoadError
from routine_load.formats.framing import gathered
from routine_load.ids import Compat, Label, TableRef
from routine_load.loads.transaction_values import BeginLoad, Transaction, TxnSource
from routine_load.loads.values import LoadSpec, Origin
from routine_load.sql.statements import MetadataField
from routine_load.statements.stream_load import direct
from routine_load.statements.stream_load.beginning import begun, require_target, timeout_s
from routine_load.statements.stream_load.bodies import ReceivedBody, ReplayedBody, opened
from routine_load.statements.stream_load.plan import MIB, Batching, Head, LoadPlan
from routine_load.statements.stream_load.running import Loading, Stopwatch, give_up, refused, too_many
from routine_load.statements.stream_load.values import ClientGone, LoadOutcome, LoadRequest
from routine_load.statements.stream_load.words import Refused, by_front_end

BODY_BYTES_MAX: Final = MIB
"""A larger body is loaded by itself."""
BATCH_BYTES_MAX: Final = 16 * MIB
BATCH_LOADS_MAX: Final = 1_000
LINGER_S: Final = 0.02
_WAIT_S: Final = 1.0


@dataclass(eq=False, slots=True, kw_only=True)
class _Entry:
    """One load that waits. ``outcome`` None when it is woken: it leads, or is to be loaded by itself."""

    request: LoadRequest
    rows: Sequence[bytes]
    size: int
    max_filter_ratio: float
    timeout_s: int
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    filtered: int = 0
    outcome: LoadOutcome | None = None
    failed: BaseException | None = None

    @property
    def counts(self) -> Counts:
        total = sum(map(bool, map(bytes.strip, self.rows)))
        return Counts(loaded=total - self.filtered, filtered=self.filtered, received_bytes=self.size)


class _BatchRows:
    """The rows of all entries as ``loads.values.Payloads``; a row that is rejected is counted with its entry."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._entries = entries
        self._ends = list(accumulate(len(entry.rows) for entry in entries))
        self.values: list[bytes] = list(chain.from_iterable(entry.rows for entry in entries))

    def origin(self, index: int) -> Origin:
        self._entries[bisect.bisect_right(self._ends, index)].filtered += 1
        return Origin()

    def metadata(self, what: MetadataField) -> pa.Array:  # noqa: ARG002 - a body carries none
        return pa.nulls(len(self.values))


Key = tuple[TableRef, str, LoadSpec]


class Batches:
    """Thread-safe. The threads of the requests do the work; there is none of its own."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[_Entry]] = {}

    def load(self, request: LoadRequest, front: Head) -> LoadOutcome:
        """Never raises a refusal. Raises ClientGone."""
        watch = Stopwatch(self._loading.context)
        try:
            require_target(self._loading.context, request)
            with watch.part("plan"):
                plan = self._loading.plan(request, front)
            with watch.part("read"):
                found = self._entry(request, plan)
        except Refused as error:
            return self._told(refused(request, error), request, watch)
        if isinstance(found, LoadRequest):
            return direct.load(self._loading, found, replace(front, batching=Batching.OFF))
        entry, spec = found
        key = (TableRef(request.database, request.table), request.session.user, spec)
        with watch.part("commit"):
            self._wait(key, entry)
        if entry.failed is not None:
            raise entry.failed
        if entry.outcome is None:
            return direct.load(self._loading, entry.request, replace(front, batching=Batching.OFF))
        return self._told(entry.outcome, request, watch)

    def _entry(self, request: LoadRequest, plan: LoadPlan) -> tuple[_Entry, LoadSpec] | LoadRequest:
        """The load as one of a batch; or the request again, with its body, where it cannot be one. Raises Refused."""
        compat = request.session.compat
        limits, context = self._loading.limits[compat], self._loading.context
        seconds = timeout_s(context, plan.head.timeout_s, compat)
        data = gathered(request.body.read, BODY_BYTES_MAX + 1)
        again = replace(request, body=ReplayedBody(data, request.body))
        if len(data) > BODY_BYTES_MAX or plan.spec.where is not None or plan.spec.skip_rows:
            return again
        body = ReceivedBody(replace(request, body=ReplayedBody(data, request.body)), limits, context.clock)
        try:
            source = opened(plan, body, limits)
            rows: list[bytes] = []
            size = 0
            for payloads in source.payloads:
                found = [row or b"" for row in payloads.values]
                rows += found
                size += sum(map(len, found))
                if source.spec.strip_outer_array or size > BATCH_BYTES_MAX:
                    return again
            body.finish()
        except (ClientGone, Refused):
            raise
        except RoutineLoadError:
            return again  # what is wrong with it is said where it is loaded by itself
        if not rows:
            return again
        entry = _Entry(
            request=again, rows=rows, size=body.count, max_filter_ratio=plan.max_filter_ratio, timeout_s=seconds
        )
        return entry, source.spec

    def _wait(self, key: Key, entry: _Entry) -> None:
        """Until the entry has an outcome, or is left to its own thread."""
        with self._lock:
            waiting = self._waiting.get(key)
            entry.leads = waiting is None
            self._waiting.setdefault(key, []).append(entry)
        if entry.leads:
            entry.woken.wait(LINGER_S)  # nobody wakes it: others come meanwhile
        else:
            while not entry.woken.wait(_WAIT_S):
                pass  # a leader always wakes those who wait: it cannot end without
        if entry.leads:
            self._lead(key)

    def _lead(self, key: Key) -> None:
        with self._lock:
            waiting = self._waiting[key]
            sizes = accumulate(entry.size for entry in waiting[:BATCH_LOADS_MAX])
            count = max(1, sum(size <= BATCH_BYTES_MAX for size in sizes))
            chosen, left = waiting[:count], waiting[count:]
            self._waiting[key] = left
        try:
            self._run(key, chosen)
        except BaseException as error:
            for entry in chosen:
                entry.failed = error
            raise
        finally:
            with self._lock:
                left = self._waiting[key]
                if left:
                    left[0].leads = True
                    left[0].woken.set()
                else:
                    del self._waiting[key]
            for entry in chosen:
                entry.leads = False
                entry.woken.set()

    def _run(self, key: Key, entries: list[_Entry]) -> None:
        """Load them together; those that cannot stay are taken out, and it begins anew."""
        while entries:
            for entry in entries:
                entry.filtered = 0
            try:
                done = self._try(key, entries)
            except Refused as error:
                for entry in entries:
                    entry.outcome = refused(entry.request, error)
                return
            if done is not None:
                for entry in entries:
                    entry.outcome = _succeeded(entry, done)
                return
            entries = [entry for entry in entries if _is_good(entry)]

    def _try(self, key: Key, entries: list[_Entry]) -> Transaction | None:
        """The transaction that has all of them; None where some are not good enough. Raises Refused."""
        ref, user, spec = key
        transaction = begun(
            self._loading.context,
            BeginLoad(
                database=ref.database,
                label=Label(f"{_LABELS[spec.compat]}_{secrets.token_hex(16)}"),
                compat=spec.compat,
                tables=(ref.table,),
                source=TxnSource.MERGE_COMMIT if spec.compat is Compat.STARROCKS else TxnSource.STREAM_LOAD,
                user=user,
                client=entries[0].request.client,
                timeout_s=max(entry.timeout_s for entry in entries),
            ),
        )
        try:
            with transaction.load(ref, spec) as stream:
                stream.add(_BatchRows(entries), received_bytes=sum(entry.size for entry in entries))
            if not all(map(_is_good, entries)):
                give_up(transaction, "loads of the batch are not good enough")
                return None
            return transaction.commit()
        except RoutineLoadError as error:
            give_up(transaction, error.message)
            raise by_front_end(error) from error
        except BaseException as error:
            give_up(transaction, type(error).__name__)
            raise

    @staticmethod
    def _told(outcome: LoadOutcome, request: LoadRequest, watch: Stopwatch) -> LoadOutcome:
        if request.session.compat is Compat.DORIS:
            return replace(outcome, group_commit=True, two_phase=False, times=watch.times)
        named = request.header("label")
        return replace(outcome, merge_commit=True, request_id=named or outcome.label, times=watch.times)


_LABELS: Final = {Compat.DORIS: "group_commit", Compat.STARROCKS: "merge_commit"}


def _is_good(entry: _Entry) -> bool:
    """Whether its rows may be committed with others. StarRocks: a load without rows is none."""
    counts = entry.counts
    if entry.request.session.compat is Compat.STARROCKS and (counts.loaded == 0 or counts.filtered):
        return False
    return not too_many(counts, entry.max_filter_ratio)


def _succeeded(entry: _Entry, done: Transaction) -> LoadOutcome:
    counts = entry.counts
    return LoadOutcome(
        status="Success",
        message="OK",
        txn_id=done.id,
        label=str(done.label),
        database=entry.request.database,
        table=entry.request.table,
        comment=entry.request.header("comment"),
        counts=counts,
        rejects=done.rejects if counts.filtered else "",
        first_error=done.first_error if counts.filtered else "",
    )
