"""What decoding needs from outside: the schemas that messages name by number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from routine_load.loads.values import RegistryAddress


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema's text, and the schemas it refers to, each after those that it needs itself."""

    text: str
    references: tuple[str, ...] = ()


class SchemaRegistry(Protocol):
    """Where schemas are kept. A number means the same schema for ever."""

    def schema(self, address: RegistryAddress, number: int) -> RegisteredSchema:
        """Blocks, within a bound. Raises UnreadableSchema for a number that the registry does not know,
        RegistryUnavailable where it does not answer, SourceError where it will not.
        """
        ...
