"""Thousands of failures are meant here; their log lines are dropped unless one seed is looked at."""

from __future__ import annotations

import os

import pytest
import structlog


def _drop(_logger: object, _method: str, _event: object) -> object:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _quiet():
    before = structlog.get_config()
    if "RL_SIM_SEED" not in os.environ:
        structlog.configure(processors=[_drop])
    yield
    structlog.configure(**before)
