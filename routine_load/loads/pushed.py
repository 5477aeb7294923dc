"""Loads that leave the work to the target ("push_down" = "true"): messages go as they are, the mapping beside them.

The cluster's own functions and types apply then (HLL, BITMAP); what is given up is that every error row is known by
its offset, that a budget has a window, and that one message that is no document cannot stop the others. Refuses to
know the target's wire format.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from routine_load.errors import AnalysisError, PropertyError
from routine_load.ids import Compat
from routine_load.loads.values import (
    Decoded,
    Decoder,
    Format,
    LoadCompiler,
    LoadSpec,
    Payloads,
    Transformed,
    Transformer,
)
from routine_load.sql.schema import Table

RAW: Final = "__rl_raw"
"""The only column of rows that are pushed down: whole messages, NULL for a message without a value."""

_SCHEMA: Final = pa.schema([(RAW, pa.binary())])


class PushDown:
    """A ``LoadCompiler`` over another one. ``to_cluster``: there is somebody who can do the work."""

    def __init__(self, compiler: LoadCompiler, *, to_cluster: bool) -> None:
        self._compiler = compiler
        self._to_cluster = to_cluster

    def check(self, spec: LoadSpec, table: Table) -> None:
        """What is pushed down is checked by the cluster, when it is loaded."""
        if not spec.push_down:
            self._compiler.check(spec, table)
            if self._to_cluster:
                _check_states(spec, table)
            return
        if not self._to_cluster:
            raise PropertyError("push_down = true needs a cluster (serve --target starrocks://… or doris://…)")
        for what, is_there in _kept_here(spec):
            if is_there:
                raise PropertyError(
                    f"push_down = true cannot be with {what}: the cluster's Stream Load has no such thing"
                )

    def decoder(self, spec: LoadSpec, table: Table) -> Decoder:
        return _AsTheyAre() if spec.push_down else self._compiler.decoder(spec, table)

    def transformer(self, spec: LoadSpec, table: Table) -> Transformer:
        return _AsTheyAre() if spec.push_down else self._compiler.transformer(spec, table)


def _kept_here(spec: LoadSpec) -> list[tuple[str, bool]]:
    """What no Stream Load of the vendor does."""
    starrocks = spec.compat is Compat.STARROCKS
    return [
        (f"format = {spec.format}", spec.format not in {Format.CSV, Format.JSON}),
        ("INCLUDE", bool(spec.metadata)),
        ("PRECEDING FILTER", spec.preceding_filter is not None),
        # StarRocks' transactions read plain CSV and a stream of objects only
        ("enclose, escape or trim_space", starrocks and bool(spec.enclose or spec.escape or spec.trim_space)),
        ("strip_outer_array", starrocks and spec.strip_outer_array),
    ]


def _check_states(spec: LoadSpec, table: Table) -> None:
    filled = None if spec.columns is None else {item.name.lower() for item in spec.columns}
    for column in table.stored_columns:
        if column.type.name.is_state and (filled is None or column.name.lower() in filled):
            raise AnalysisError(
                f"the values of '{column.name}' ({column.type.name.upper()}) are made by the cluster only; "
                'say "push_down" = "true", or leave the column out'
            )


class _AsTheyAre:
    """Decoder and transformer that change nothing."""

    def prepare(self, payloads: Payloads) -> None:
        """Nothing is needed."""

    def decode(self, payloads: Payloads) -> Decoded:
        return Decoded(pa.table([pa.array(payloads.values, pa.binary())], schema=_SCHEMA), None)

    def transform(self, decoded: Decoded) -> Transformed:
        return Transformed(decoded.columns, (), 0)

    def close(self) -> None:
        """Nothing is held."""
