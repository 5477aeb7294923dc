"""The crash tests use the same service processes as the end-to-end tests."""

from tests.e2e.conftest import new_service, service

__all__ = ["new_service", "service"]
