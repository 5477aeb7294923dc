"""A conversation about one task: in turns, once each, and over when it is over."""

from __future__ import annotations

import threading

import pytest

from routine_load.backends.codec import MessageError, to_frame
from routine_load.backends.conversation import ConversationOver, Conversations, Silence
from routine_load.backends.messages import Noted, Said, TableAsked
from routine_load.clock import Deadline
from routine_load.errors import BackendLost
from routine_load.ids import TableRef

ASKED = TableAsked(ref=TableRef("d", "t"))
FRAME = to_frame(ASKED, Said)


@pytest.fixture
def both():
    conversations = Conversations()
    _, conversation = conversations.open()
    return conversations, conversation


def test_a_turn_is_heard_once_and_answered(both):
    """The answer goes to who said it."""
    conversations, conversation = both
    answer = conversations.say(conversation.key, 1, FRAME)
    assert conversation.hear()[0] == ASKED
    conversation.answer(Noted())
    assert answer.result(0)


@pytest.mark.parametrize("number", [0, 1, 3, -1])
def test_a_turn_that_is_repeated_or_out_of_order_is_not_heard(both, number):
    """A message that somebody recorded and sends again is refused by its number."""
    conversations, conversation = both
    conversations.say(conversation.key, 1, FRAME)
    conversation.hear()
    conversation.answer(Noted())
    with pytest.raises(MessageError, match="out of order: 2 comes next"):
        conversations.say(conversation.key, number, FRAME)


def test_a_second_turn_is_not_heard_before_the_first_is_answered(both):
    """One at a time: nothing piles up."""
    conversations, conversation = both
    conversations.say(conversation.key, 1, FRAME)
    with pytest.raises(MessageError):
        conversations.say(conversation.key, 2, FRAME)


def test_nothing_is_heard_of_a_task_that_is_over(both):
    """Neither what comes later, nor what waits for its answer then."""
    conversations, conversation = both
    waiting = conversations.say(conversation.key, 1, FRAME)
    conversations.close(conversation)
    with pytest.raises(ConversationOver):
        waiting.result(0)
    with pytest.raises(ConversationOver):
        conversations.say(conversation.key, 2, FRAME)
    with pytest.raises(ConversationOver):
        conversation.say(2, FRAME)
    with pytest.raises(ConversationOver):
        conversations.say("0" * 32, 1, FRAME)


def test_what_interrupts_is_told_before_the_turn_that_waits(both):
    """A backend that was given up commits nothing with what it had said already."""
    conversations, conversation = both
    conversations.say(conversation.key, 1, FRAME)
    conversation.interrupt(BackendLost("first"))
    conversation.interrupt(BackendLost("second"))
    with pytest.raises(BackendLost, match="first"):
        conversation.hear()


def test_who_waits_for_a_turn_is_woken_by_an_interruption(both):
    """A slot is free as soon as its backend is lost."""
    _, conversation = both
    heard = threading.Event()

    def hear() -> None:
        with pytest.raises(BackendLost):
            conversation.hear()
        heard.set()

    thread = threading.Thread(target=hear)
    thread.start()
    conversation.interrupt(BackendLost("gone"))
    assert heard.wait(10)
    thread.join()


def test_silence_is_told_where_there_is_no_patience(both):
    """After the commit nothing depends on the backend's last word."""
    with pytest.raises(Silence):
        both[1].hear(Deadline.after(0))
