"""What several golden files share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from served_cases import Served

from routine_load.ids import Compat
from routine_load.testing import EmbeddedKafka


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Compat], Served]]:
    """A service of each vendor's mode with a broker of its own, begun when it is first asked for."""
    running: dict[Compat, tuple[Served, EmbeddedKafka]] = {}

    def served(compat: Compat) -> Served:
        if compat not in running:
            kafka = EmbeddedKafka()
            running[compat] = (Served(tmp_path_factory.mktemp("served") / "data", kafka, compat), kafka)
        return running[compat][0]

    yield served
    for service, kafka in running.values():
        service.close()
        kafka.close()
