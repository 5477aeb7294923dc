"""Driving an intent to its end: writes what the table says, asks the target, and stops where it has to wait.

Steps are tried once in a visit; whoever visits comes back later, as often as it takes. A visit reads the intent anew,
and every write is conditional: two that drive the same intent do no harm. Failpoints: ``commit.decide``,
``commit.send`` (the target is told to commit), ``commit.finish``, ``commit.abandon``, ``commit.rollback``, each
``.before`` and ``.after``. Refuses to know threads and clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from routine_load.commit.intents import Intent, IntentLog, Report, reported
from routine_load.commit.labels import Labels, LabelState, Outcome, Reply
from routine_load.commit.protocol import FIRST, Effect, Event, IntentState, seen, step
from routine_load.commit.values import CommitRecord
from routine_load.errors import TargetUnavailable
from routine_load.ids import Label
from routine_load.observe.failpoints import failpoint

_STEPS_MAX: Final = 12
_ROLLBACKS_MAX: Final = 3
"""So many visits in which the target refused to roll back; then what it holds is left to its own time-out."""

_SHOWN_MAX: Final = 8
"""Partitions that a message names."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Where an intent stands after a visit. ``record`` is there where it is finished; ``text`` says why it is open, in
    doubt or abandoned.
    """

    state: IntentState
    record: CommitRecord | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """``where`` names the target in messages."""

    log: IntentLog
    labels: Labels
    where: str = "the target"

    def settle(self, label: Label, attempt: int = 1) -> Settled:
        """Visit an intent that was found open, for the ``attempt``-th time. Raises MetadataError, LeadershipLost."""
        intent = self.log.find(label)
        if intent is None:
            return Settled(IntentState.ABANDONED, text=f"label {label} was forgotten")
        first = FIRST.get(intent.state)
        if first is None:
            record = intent.record if intent.state is IntentState.FINISHED else None
            return Settled(intent.state, record, intent.reason)
        visit = _Visit(self, intent, attempt, _text=intent.reason)
        if isinstance(first, Event):
            return visit.run(visit.happened(first, "whoever had begun it is gone"))
        return visit.run(first)

    def happened(self, intent: Intent, event: Event, report: Report | None = None, reason: str = "") -> Settled:
        """Whoever began the labels tells what happened; the visit that follows ends like any other."""
        visit = _Visit(self, intent, report=report)
        return visit.run(visit.happened(event, reason))

    def states(self, intent: Intent) -> list[LabelState]:
        """The target's word on each label. Raises TargetUnavailable."""
        return [self.labels.state(part.table.database, part.label) for part in intent.parts]


@dataclass(slots=True)
class _Visit:
    driver: Driver
    intent: Intent
    attempt: int = 1
    report: Report | None = None
    _record: CommitRecord | None = None
    _text: str = ""
    _seen: str = ""
    _tried: set[Effect] = field(default_factory=set)

    def run(self, effect: Effect) -> Settled:
        for _ in range(_STEPS_MAX):
            if effect is Effect.TIDY:
                self._tidy()
                break
            if effect is Effect.COMMIT and len(self.intent.parts) > 1 and not self._seen:
                effect = Effect.ASK  # of several labels none is committed while another one is lost already
            if effect not in {Effect.ASK, Effect.COMMIT, Effect.ROLLBACK} or self._is_repeated(effect):
                break
            effect = self.happened(*self._done(effect))
        return Settled(self.intent.state, self._record, self._text)

    def happened(self, event: Event, reason: str = "") -> Effect:
        """Write what follows from an event; what is to be done next."""
        following = step(self.intent.state, event)
        if following.effect is Effect.DOUBT:
            reason = self._doubt(event, reason)
        self._text = reason or self._text
        if following.state is not self.intent.state and not self._write(following.state, event):
            self._text = f"label {self.intent.label} was brought to its end by another coordinator"
            return Effect.WAIT
        return following.effect

    def _is_repeated(self, effect: Effect) -> bool:
        if effect is Effect.ASK:
            return False
        repeated = effect in self._tried
        self._tried.add(effect)
        return repeated

    # -- the metadata -----------------------------------------------------------------------------------------------

    def _write(self, to: IntentState, event: Event) -> bool:
        intent, log = self.intent, self.driver.log
        name = {IntentState.DECIDED: "decide", IntentState.FINISHED: "finish"}.get(to, "abandon")
        failpoint(f"commit.{name}.before")
        if to is IntentState.FINISHED:
            self._record = log.finish(intent, self.report if event is Event.NOTHING_TO_LOAD else None)
            written = self._record is not None
        elif to is IntentState.DECIDED:
            assert self.report is not None, "a batch is decided with the report of whoever prepared it"
            written = log.decide(intent, self.report)
        else:
            written = log.move(intent, to, self._text)
        failpoint(f"commit.{name}.after")
        if written:
            self.intent = replace(intent, state=to)
            if to is IntentState.DECIDED and self.report is not None:
                record = reported(intent.record, self.report)
                self.intent = replace(self.intent, parts=self.report.parts, record=record)
        elif (now := log.find(intent.label)) is not None:
            self.intent = now
            self._record = now.record if now.state is IntentState.FINISHED else None
        return written

    # -- the target -------------------------------------------------------------------------------------------------

    def _done(self, effect: Effect) -> tuple[Event, str]:
        try:
            if effect is Effect.ASK:
                return self._ask()
            return self._commit() if effect is Effect.COMMIT else self._roll_back()
        except TargetUnavailable as error:
            if effect is Effect.ASK:
                return Event.NO_ANSWER, error.message
            return (Event.COMMIT_NOT_DONE if effect is Effect.COMMIT else Event.ROLLBACK_NOT_DONE), error.message

    def _ask(self) -> tuple[Event, str]:
        states = self.driver.states(self.intent)
        told = zip(self.intent.parts, states, strict=True)
        self._seen = ", ".join(f"{part.label} is {state}" for part, state in told)
        return seen(self.intent.state, states), ""

    def _commit(self) -> tuple[Event, str]:
        """The labels in their order; those behind one that was not committed are asked for with it, next time."""
        for part in self.intent.parts:
            failpoint("commit.send.before")
            reply = self.driver.labels.commit(part)
            failpoint("commit.send.after")
            if reply.outcome is not Outcome.DONE:
                return Event.COMMIT_NOT_DONE, _told(part.label, reply)
        return Event.COMMIT_DONE, ""

    def _roll_back(self) -> tuple[Event, str]:
        failpoint("commit.rollback.before")
        replies = [(part.label, self.driver.labels.rollback(part)) for part in self.intent.parts]
        failpoint("commit.rollback.after")
        missing = [(label, reply) for label, reply in replies if reply.outcome is not Outcome.DONE]
        if not missing:
            return Event.ROLLBACK_DONE, ""
        refused = all(reply.outcome is Outcome.REFUSED for _, reply in missing)
        event = Event.LEFT_TO_TIMEOUT if refused and self.attempt >= _ROLLBACKS_MAX else Event.ROLLBACK_NOT_DONE
        return event, _told(*missing[0])

    def _tidy(self) -> None:
        """The intent is final and its labels will never be committed: whatever comes of this, nothing depends on it."""
        for part in self.intent.parts:
            try:
                self.driver.labels.rollback(part)
            except TargetUnavailable:
                return

    # -- words ------------------------------------------------------------------------------------------------------

    def _doubt(self, event: Event, detail: str) -> str:
        story = _DOUBTS[event].format(label=self.intent.label, where=self.driver.where, detail=detail, seen=self._seen)
        ranges = self.intent.record.ranges
        told = ", ".join(f"{r.partition} [{r.start}, {r.end})" for r in ranges[:_SHOWN_MAX])
        more = f" and {len(ranges) - _SHOWN_MAX} more" if len(ranges) > _SHOWN_MAX else ""
        return f"{story}. It carries the offsets of partitions {told}{more}. {_ADVICE.get(event, _LOOK)}"


_LOOK: Final = (
    "Look whether the rows of what is UNKNOWN or ABORTED are in the table, then RESUME the job with PROPERTIES "
    '("in_doubt" = "committed") or ("in_doubt" = "not_committed")'
)
_ADVICE: Final = {
    Event.USED_BEFORE: "ALTER the offsets of all partitions to what the table holds, then RESUME the job with "
    'PROPERTIES ("in_doubt" = "not_committed")'
}
_DOUBTS: Final = {
    Event.USED_BEFORE: "the metadata is older than the sink: {where} knows {detail}, which no batch was given yet",
    Event.SEEN_UNKNOWN: "the commit of label {label} was decided, and {where} does not know it any more ({seen})",
    Event.SEEN_PREPARE: "the commit of label {label} was decided, and {where} has it as not prepared ({seen})",
    Event.SEEN_TORN: "{where} has committed one label of a batch and aborted another ({seen})",
    Event.SEEN_COMMITTED: "label {label} was given up, and {where} has committed it ({seen})",
}


def _told(label: Label, reply: Reply) -> str:
    return f"label {label}: {reply.text or reply.outcome}"
