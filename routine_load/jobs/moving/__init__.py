"""Jobs that move between services: what SHOW of one front end tells of a job, as a statement for another.

``created`` reads SHOW CREATE ROUTINE LOAD, ``shown`` the JSON columns of SHOW ROUTINE LOAD, ``starts`` its progress;
``reading`` makes one job of them, ``giving`` a statement of that job, ``translating`` the other vendor's job of it.

What the front ends print is no statement that makes the same job (StarRocks, Doris: SHOW CREATE ROUTINE LOAD): a comma
too many, JSON in quotes that are not escaped, no row delimiter, separators in Java's escapes, masked passwords, offsets
of CREATE. So properties and separators come from the JSON columns, clauses from SHOW CREATE, offsets from Progress.
Refuses to know connections, and who pauses what.
"""
