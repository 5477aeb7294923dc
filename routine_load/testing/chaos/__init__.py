"""Chaos: a job loads numbered messages while what it needs is killed, and a judge counts the rows behind it.

``ledger`` knows what was produced and judges what was loaded, ``feed`` produces, ``processes`` starts and kills,
``campaign`` strikes at random moments. ``play`` makes a run of a user's own job of them (``routine-load chaos``);
the project's own tests use the same parts.
"""
