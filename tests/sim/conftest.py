"""Thousands of failures are meant here: their log lines are dropped. No machine loses its power: nothing is synced."""

from __future__ import annotations

import os

import pytest
import structlog


def _drop(_logger: object, _method: str, _event: object) -> object:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    yield
    structlog.configure(**before)
