"""Chooses the decoder for a load."""

from __future__ import annotations

from collections.abc import Sequence

from routine_load.errors import AnalysisError, DelimiterLength, UnreadableSchema
from routine_load.formats.avro import AvroDecoder
from routine_load.formats.columnar import ColumnarDecoder
from routine_load.formats.csv import CsvDecoder
from routine_load.formats.json import JsonDecoder
from routine_load.formats.jsonpaths import parse_jsonpaths, parse_path
from routine_load.formats.metadata import MetadataDecoder
from routine_load.formats.ports import RegisteredSchema, SchemaRegistry
from routine_load.loads.values import Decoder, Format, LoadSpec, RegistryAddress, SourceColumn

COLUMN_SEPARATOR_BYTES_MAX = 50


class _NoRegistry:
    """Where nothing is to be asked."""

    def schema(self, address: RegistryAddress, number: int) -> RegisteredSchema:  # noqa: ARG002 - the port's shape
        raise UnreadableSchema(f"there is no schema registry to ask for schema {number}")


NO_REGISTRY = _NoRegistry()


def check(spec: LoadSpec) -> None:
    """Raise AnalysisError for options of the format that cannot work, in the vendor's words."""
    if spec.format is not Format.CSV:
        if spec.jsonpaths:
            parse_jsonpaths(spec.jsonpaths)
        if spec.json_root and spec.format is Format.JSON:
            parse_path(spec.json_root)
        return
    for what, text in (("column separator", spec.column_separator), ("row delimiter", spec.row_delimiter)):
        size = len(text.encode())
        if not 1 <= size <= COLUMN_SEPARATOR_BYTES_MAX:
            raise DelimiterLength(f"The valid bytes length for '{what}' is [1, {COLUMN_SEPARATOR_BYTES_MAX}]")
    for what, text in (("enclose", spec.enclose), ("escape", spec.escape)):
        if len(text.encode()) > 1:
            raise AnalysisError(f"{what} must be a single-char")


def decoder_for(spec: LoadSpec, columns: Sequence[SourceColumn], registry: SchemaRegistry = NO_REGISTRY) -> Decoder:
    """A decoder that produces exactly ``columns``, which are fields first. One per task, not shared between threads."""
    check(spec)
    fields = tuple(column for column in columns if column.metadata is None)
    decoder: Decoder
    if spec.format is Format.AVRO:
        decoder = AvroDecoder(spec, fields, registry)
    elif spec.format is Format.COLUMNS:
        decoder = ColumnarDecoder(spec, fields)
    else:
        decoder = JsonDecoder(spec, fields) if spec.format is Format.JSON else CsvDecoder(spec, fields)
    metadata = tuple(columns[len(fields) :])
    return MetadataDecoder(decoder, metadata) if metadata else decoder
