"""Logs, redaction and failpoints: what lets people see inside and tests cut in."""
