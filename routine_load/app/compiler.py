"""The load compiler: formats' half and transform's half of one thing, glued."""

from __future__ import annotations

from routine_load import formats
from routine_load.formats.choice import NO_REGISTRY
from routine_load.formats.ports import SchemaRegistry
from routine_load.loads.values import Decoder, LoadSpec, Transformer
from routine_load.sql.schema import Table
from routine_load.transform import TransformCompiler


class Compiler:
    """Implements ``loads.values.LoadCompiler``."""

    def __init__(self, registry: SchemaRegistry = NO_REGISTRY) -> None:
        self._registry = registry
        self._transform = TransformCompiler()

    def check(self, spec: LoadSpec, table: Table) -> None:
        formats.check(spec)
        self._transform.check(spec, table)

    def decoder(self, spec: LoadSpec, table: Table) -> Decoder:
        return formats.decoder_for(spec, self._transform.source_columns(spec, table), self._registry)

    def transformer(self, spec: LoadSpec, table: Table) -> Transformer:
        return self._transform.transformer(spec, table)
