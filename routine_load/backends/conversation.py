"""What a coordinator hears of one task elsewhere: turns in order, one at a time, each answered once.

Between the door, which may not block, and the thread of the task's slot, which hears and answers. Invariants: a turn is
heard only in its place, so that nothing that is repeated, late or out of order is heard at all; nothing is heard once
the conversation is over; what interrupts (a cancelled task, a lost backend) is told before any turn that follows.
"""

from __future__ import annotations

import itertools
import secrets
import threading
from collections import deque
from concurrent.futures import Future
from typing import cast

from routine_load.backends.codec import MessageError, from_frame, to_frame
from routine_load.backends.messages import Answer, Said
from routine_load.clock import Deadline
from routine_load.errors import RoutineLoadError


class ConversationOver(MessageError):
    """Nobody waits for this task any more: it was given up, or has ended."""


class Silence(RoutineLoadError):
    """Nothing was said in time."""


class Conversation:
    """``say`` is the door's, ``hear`` and ``answer`` are the slot's, ``interrupt`` is anybody's."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._changed = threading.Condition()
        self._next = 1
        self._said: deque[bytes] = deque(maxlen=1)
        self._interruptions: deque[RoutineLoadError] = deque(maxlen=1)
        self._waiting: Future[bytes] | None = None
        self._is_over = False

    def say(self, number: int, frame: bytes) -> Future[bytes]:
        """The answer to come. Raises ConversationOver, MessageError."""
        with self._changed:
            if self._is_over:
                raise ConversationOver
            if number != self._next or self._waiting is not None:
                raise MessageError(f"turn {number} is out of order: {self._next} comes next")
            self._next += 1
            self._waiting = Future()
            self._said.append(frame)
            self._changed.notify_all()
            return self._waiting

    def interrupt(self, why: RoutineLoadError) -> None:
        """Whoever hears is told; the first interruption counts. Does not block."""
        with self._changed:
            if not self._interruptions:
                self._interruptions.append(why)
            self._changed.notify_all()

    def hear(self, deadline: Deadline | None = None) -> tuple[Said, memoryview]:
        """The next turn. Raises what interrupted, Silence, MessageError."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._said or self._interruptions, None if deadline is None else deadline.remaining
            )
            if self._interruptions:
                raise self._interruptions[0]
            if not self._said:
                raise Silence
            frame = self._said.popleft()
        said, payload = from_frame(Said, frame)
        return cast("Said", said), payload

    @property
    def is_asked(self) -> bool:
        """Whether a turn waits for its answer."""
        return self._waiting is not None

    def answer(self, answer: Answer) -> None:
        """To the turn that was heard last; once."""
        with self._changed:
            waiting, self._waiting = self._waiting, None
        assert waiting is not None, "a turn is answered once"
        waiting.set_result(to_frame(answer, Answer))

    def close(self) -> None:
        """Nothing is heard any more; a turn that waits is told so."""
        with self._changed:
            self._is_over = True
            waiting, self._waiting = self._waiting, None
            self._said.clear()
        if waiting is not None:
            waiting.set_exception(ConversationOver())


class Conversations:
    """Those that are open, by their keys: random, so that none is known before it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Conversation] = {}
        self._numbers = itertools.count(1)

    def open(self) -> tuple[int, Conversation]:
        """A new one, with a number that grows."""
        conversation = Conversation(secrets.token_hex(16))
        with self._lock:
            self._open[conversation.key] = conversation
            return next(self._numbers), conversation

    def say(self, key: str, number: int, frame: bytes) -> Future[bytes]:
        """Raises ConversationOver, MessageError."""
        with self._lock:
            conversation = self._open.get(key)
        if conversation is None:
            raise ConversationOver
        return conversation.say(number, frame)

    def close(self, conversation: Conversation) -> None:
        with self._lock:
            self._open.pop(conversation.key, None)
        conversation.close()
