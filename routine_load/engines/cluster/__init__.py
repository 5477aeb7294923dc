"""A real StarRocks or Doris cluster as the place where tables live.

Owns everything that speaks to one: SQL to its front end (PyMySQL), rows by Stream Load in two phases (httpx), and what
is read back: tables, live nodes, the state of labels. Refuses to know Kafka and jobs. No request is ever sent again by
itself: what became of one is *done*, *refused* or *unknown*, and the commit protocol decides what follows.
"""
