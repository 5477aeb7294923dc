"""The metadata database: jobs, users, and the front end's settings.

``open_metadata`` migrates and opens it; ``JobStore`` and ``UserStore`` are its repositories. What is authoritative:
definitions and states of jobs are here; progress is a mirror of the sink's. Every conditional UPDATE of the program is
in this room. Refuses to know statements and engines.
"""
