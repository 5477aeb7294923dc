"""The life of one task: consume a batch, load it, report. This room does not know who scheduled it.

Invariants: a task commits at most once, and only after ``TaskControl.enter_commit`` let it; the committed ranges start
where the task was told to start and end at the consumer's positions; a task that was cancelled before that leaves
nothing behind.
"""
