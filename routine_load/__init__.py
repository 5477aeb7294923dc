"""Exactly-once Kafka to SQL tables, declared in ROUTINE LOAD statements."""

__version__ = "0.1.0"
