"""Loads that come in by HTTP, from a request's headers and body to rows, under a label (Stream Load of both vendors).

Owns what the headers mean, how a body is cut into chunks, and the vendors' words for what went wrong. Refuses to know
HTTP: the door reads heads and writes answers, this room is told values and answers with values. Everything here blocks
and is called from worker threads.
"""
