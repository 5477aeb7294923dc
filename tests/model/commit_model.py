"""Every interleaving of the two-phase commit in a small world, driven by the table that production drives.

One partition with ``OFFSETS`` records; a metadata database that is serialisable; a target that knows transactions by
label; coordinators of which each may be replaced at any moment and may wake up at any later one. Standing still for
ever is a crash. The target may abort what was not committed, forget what is final, lose requests and replies, commit a
transaction that is still in PREPARE when it is asked to (StarRocks), and let a label be begun again after an abort. A
person who is asked about a doubt tells the truth.

Safety, in every state: no record is visible twice, and progress is never ahead of what is visible. Liveness: from every
state the newest coordinator, left alone, ends with each record visible once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from routine_load.commit.labels import LabelState
from routine_load.commit.protocol import FIRST, Effect, Event, IntentState, Step, seen, step

OFFSETS = 2
_WRITABLE = (LabelState.PREPARE, LabelState.PREPARED)


class Intent(NamedTuple):
    start: int
    end: int
    state: IntentState


class Txn(NamedTuple):
    state: LabelState
    start: int
    end: int


class Coordinator(NamedTuple):
    """``todo`` is what it does next: a word of its own, an event that it has to write, or an effect."""

    todo: str = "unborn"
    epoch: int = 0
    label: int = -1
    knows: IntentState = IntentState.INTENDED
    """The state of the intent as it read it last."""


class Troubles(NamedTuple):
    """What may go wrong yet, each so many times."""

    aborts: int = 0
    forgets: int = 0
    losses: int = 0


class World(NamedTuple):
    epoch: int = 0
    progress: int = 0
    intents: tuple[Intent, ...] = ()
    txns: tuple[tuple[int, Txn], ...] = ()
    rows: tuple[int, ...] = ()
    troubles: Troubles = Troubles()
    coordinators: tuple[Coordinator, ...] = ()


Following = Callable[[IntentState, Event], Step]
Move = tuple[str, World, Coordinator]


class Model:
    """One world and one protocol; a broken twin overrides a method, or hands in another table."""

    def __init__(self, following: Following = step) -> None:
        self.following = following
        self.met: set[tuple[IntentState, Event]] = set()

    # -- the protocol's surroundings, which twins break ---------------------------------------------------------------

    def may_write(self, w: World, c: Coordinator) -> bool:
        """Fenced by the epoch, and by the state that was read."""
        return c.epoch == w.epoch and w.intents[c.label].state is c.knows

    def after_prepare(self) -> Event:
        return Event.PREPARED

    def first(self, state: IntentState) -> Event | Effect:
        return FIRST[state]

    def label_is_free(self, state: LabelState) -> bool:
        return state in {LabelState.UNKNOWN, LabelState.ABORTED}

    # -- moves --------------------------------------------------------------------------------------------------------

    def moves(self, w: World) -> Iterator[tuple[str, World]]:
        """Every (name, next world) that is one atomic step away."""
        for i, c in enumerate(w.coordinators):
            if c.todo == "unborn":
                yield f"lease {i}", put(w._replace(epoch=w.epoch + 1), i, Coordinator("look", w.epoch + 1))
                break
        yield from target_moves(w)
        for i, c in enumerate(w.coordinators):
            for name, after, then in self.steps(w, c):
                yield f"{i}: {name}", put(after, i, then)

    def steps(self, w: World, c: Coordinator) -> Iterator[Move]:
        """What one coordinator may do; what it would do without trouble comes first."""
        if c.todo in {"unborn", "dead", "done"}:
            return
        if c.todo == "look":
            yield from self.look(w, c)
        elif c.todo == "ask for a free label":
            known = txn(w, c.label).state
            yield "ask", w, c._replace(todo="begin" if known is LabelState.UNKNOWN else Event.USED_BEFORE)
        elif c.todo == "begin":
            yield from self.begin(w, c)
        elif c.todo == "prepare":
            yield from self.prepare(w, c)
        elif c.todo in set(Event):
            yield self.write(w, c, Event(c.todo))
        else:
            yield from self.effect(w, c, Effect(c.todo))

    def look(self, w: World, c: Coordinator) -> Iterator[Move]:
        opened = [(n, intent) for n, intent in enumerate(w.intents) if intent.state.is_open]
        assert len(opened) <= 1
        if opened:
            label, intent = opened[0]
            yield "found open", w, c._replace(todo=self.first(intent.state), label=label, knows=intent.state)
        elif c.epoch != w.epoch:
            yield "fenced", w, c._replace(todo="dead")
        elif w.progress == OFFSETS:
            yield "done", w, c._replace(todo="done")
        else:
            for end in range(OFFSETS, w.progress, -1):
                intent = Intent(w.progress, end, IntentState.INTENDED)
                intended = w._replace(intents=(*w.intents, intent))
                then = c._replace(todo="ask for a free label", label=len(w.intents), knows=IntentState.INTENDED)
                yield f"intend [{w.progress}, {end})", intended, then

    def begin(self, w: World, c: Coordinator) -> Iterator[Move]:
        intent = w.intents[c.label]
        if self.label_is_free(txn(w, c.label).state):
            begun = with_txn(w, c.label, Txn(LabelState.PREPARE, intent.start, intent.end))
            yield "begin", begun, c._replace(todo="prepare")
        else:
            yield "label exists", w, c._replace(todo=Event.GIVE_UP)

    def prepare(self, w: World, c: Coordinator) -> Iterator[Move]:
        known = txn(w, c.label)
        if known.state is LabelState.PREPARE:
            prepared = with_txn(w, c.label, known._replace(state=LabelState.PREPARED))
            yield "prepare", prepared, c._replace(todo=self.after_prepare())
            if w.troubles.losses:
                yield "prepare, reply lost", lost(prepared), c._replace(todo=Event.GIVE_UP)
                yield "prepare is lost", lost(w), c._replace(todo=Event.GIVE_UP)
        else:
            yield "prepare is refused", w, c._replace(todo=Event.GIVE_UP)

    def write(self, w: World, c: Coordinator, event: Event) -> Move:
        """The metadata's side: one conditional statement, or the end of this coordinator."""
        self.met.add((c.knows, event))
        then = self.following(c.knows, event)
        if then.state is c.knows:
            return f"{event}", w, c._replace(todo=then.effect)
        if not self.may_write(w, c):
            return f"{event}, fenced", w, c._replace(todo="look" if c.epoch == w.epoch else "dead")
        intents = list(w.intents)
        intents[c.label] = intents[c.label]._replace(state=then.state)
        after = w._replace(intents=tuple(intents))
        if then.state is IntentState.FINISHED:
            after = after._replace(progress=intents[c.label].end)
        return f"{event} -> {then.state}", after, c._replace(todo=then.effect, knows=then.state)

    def effect(self, w: World, c: Coordinator, effect: Effect) -> Iterator[Move]:
        known = txn(w, c.label)
        if effect is Effect.ASK:
            yield "ask", w, c._replace(todo=seen(c.knows, [known.state]))
            if w.troubles.losses:
                yield "no answer", lost(w), c._replace(todo=Event.NO_ANSWER)
        elif effect is Effect.COMMIT:
            yield from self.commit(w, c, known)
        elif effect is Effect.ROLLBACK:
            yield from roll_back(w, c, known)
        elif effect is Effect.TIDY:
            aborted = with_txn(w, c.label, known._replace(state=LabelState.ABORTED))
            yield "tidy", aborted if known.state in _WRITABLE else w, c._replace(todo="look")
        elif effect is Effect.DOUBT:
            intent = w.intents[c.label]
            there = set(range(intent.start, intent.end)) <= set(w.rows)
            yield "somebody looks", w, c._replace(todo=Event.SAID_COMMITTED if there else Event.SAID_NOT_COMMITTED)
        else:
            yield f"{effect}", w, c._replace(todo="look")

    def commit(self, w: World, c: Coordinator, known: Txn) -> Iterator[Move]:
        done, not_done = c._replace(todo=Event.COMMIT_DONE), c._replace(todo=Event.COMMIT_NOT_DONE)
        if known.state in _WRITABLE:
            committed = commit_rows(w, c.label, known)
            yield "commit", committed, done
            if w.troubles.losses:
                yield "commit, reply lost", lost(committed), not_done
                yield "commit is lost", lost(w), not_done
        elif known.state is LabelState.COMMITTED:
            yield "already committed", w, done
        else:
            yield "commit is refused", w, not_done


def roll_back(w: World, c: Coordinator, known: Txn) -> Iterator[Move]:
    done, not_done = c._replace(todo=Event.ROLLBACK_DONE), c._replace(todo=Event.ROLLBACK_NOT_DONE)
    if known.state is LabelState.COMMITTED:
        yield "too late to roll back", w, not_done
        return
    aborted = with_txn(w, c.label, known._replace(state=LabelState.ABORTED))
    yield "rollback", w if known.state is LabelState.UNKNOWN else aborted, done
    if w.troubles.losses:
        yield "rollback is lost", lost(w), not_done
        yield "rollback is refused for good", lost(w), c._replace(todo=Event.LEFT_TO_TIMEOUT)


def target_moves(w: World) -> Iterator[tuple[str, World]]:
    """What the target does by itself."""
    for label, known in w.txns:
        if w.troubles.aborts and known.state in _WRITABLE:
            aborted = with_txn(w, label, known._replace(state=LabelState.ABORTED))
            yield f"target aborts {label}", aborted._replace(troubles=w.troubles._replace(aborts=w.troubles.aborts - 1))
        if w.troubles.forgets and known.state not in _WRITABLE:
            rest = w._replace(txns=tuple(each for each in w.txns if each[0] != label))
            yield f"target forgets {label}", rest._replace(troubles=w.troubles._replace(forgets=w.troubles.forgets - 1))


def txn(w: World, label: int) -> Txn:
    return dict(w.txns).get(label, Txn(LabelState.UNKNOWN, 0, 0))


def with_txn(w: World, label: int, value: Txn) -> World:
    return w._replace(txns=tuple(sorted({**dict(w.txns), label: value}.items())))


def commit_rows(w: World, label: int, known: Txn) -> World:
    committed = with_txn(w, label, known._replace(state=LabelState.COMMITTED))
    return committed._replace(rows=tuple(sorted(w.rows + tuple(range(known.start, known.end)))))


def lost(w: World) -> World:
    return w._replace(troubles=w.troubles._replace(losses=w.troubles.losses - 1))


def put(w: World, i: int, c: Coordinator) -> World:
    return w._replace(coordinators=(*w.coordinators[:i], c, *w.coordinators[i + 1 :]))


class Explored(NamedTuple):
    fault: str
    """Empty where every state is safe and every one can end; else what happened, and how it came to that."""
    states: int


def explore(model: Model, coordinators: int, troubles: Troubles, states_max: int = 3_000_000) -> Explored:
    """Breadth first, so that the story of a fault is one of the shortest; what cannot end is looked for in the end."""
    start = World(troubles=troubles, coordinators=(Coordinator(),) * coordinators)
    parent: dict[World, tuple[World, str] | None] = {start: None}
    ends: dict[World, bool] = {}
    queue = deque([start])
    while queue:
        w = queue.popleft()
        for name, after in model.moves(w):
            if after in parent:
                continue
            parent[after] = (w, name)
            if fault := broken(after):
                return Explored(f"{fault} after: {' / '.join(story(parent, after))}", len(parent))
            queue.append(after)
            assert len(parent) < states_max
    for w in parent:
        if any(c.todo != "unborn" for c in w.coordinators) and not ends_well(model, w, ends):
            return Explored(f"STUCK after: {' / '.join(story(parent, w))}", len(parent))
    return Explored("", len(parent))


def broken(w: World) -> str:
    if len(set(w.rows)) != len(w.rows):
        return "DUPLICATE"
    return "" if set(range(w.progress)) <= set(w.rows) else "LOSS"


def ends_well(model: Model, w: World, ends: dict[World, bool]) -> bool:
    """Whether the newest coordinator alone, without any more trouble, ends with everything visible once."""
    i = max(n for n, c in enumerate(w.coordinators) if c.todo != "unborn")
    w = w._replace(troubles=Troubles(), coordinators=(w.coordinators[i],))
    passed: list[World] = []
    for _ in range(80):
        known = ends.get(w)
        if known is None and w.coordinators[0].todo == "done":
            known = w.rows == tuple(range(OFFSETS))
        elif known is None and w.coordinators[0].todo == "dead":
            known = False
        if known is not None:
            ends.update(dict.fromkeys(passed, known))
            return known
        passed.append(w)
        _, after, then = next(model.steps(w, w.coordinators[0]))
        w = put(after, 0, then)
    ends.update(dict.fromkeys(passed, False))
    return False


def story(parent: dict[World, tuple[World, str] | None], w: World) -> list[str]:
    names = []
    while (before := parent[w]) is not None:
        names.append(before[1])
        w = before[0]
    return names[::-1]
