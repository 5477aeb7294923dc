"""The job: what a ROUTINE LOAD statement defines, the states it passes through, and what is known of it.

``definition`` is what the user asked for, ``job`` is what became of it; ``properties`` and ``source`` read the two
property lists by the vendors' rules. Everything here is a value or a decision: nothing is opened, timed or drawn by
lot. Refuses to know SQL text (but for SHOW CREATE), storage, Kafka and engines.
"""
