"""Compiled loads kept for the next task: what passed a check once passes again, decoders and transformers go round.

A task of a caught-up job carries a handful of rows; making its decoder and transformer anew, and checking them with a
dry run, would cost ten times what the rows cost (measured: 50 ms and 5 ms). A part that failed is not kept.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from routine_load.loads.values import (
    Decoded,
    Decoder,
    LoadCompiler,
    LoadSpec,
    Payloads,
    Transformed,
    Transformer,
)
from routine_load.sql.schema import Table

Key = tuple[LoadSpec, Table]
_CHECKED_MAX = 1_000


class _Closes(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closes)


class _Shelf(Generic[T]):
    """Parts that nobody uses now, a bounded number in all; the one that was put back first goes first."""

    def __init__(self, idle_max: int) -> None:
        self._idle_max = idle_max
        self._lock = threading.Lock()
        self._idle: defaultdict[Key, list[T]] = defaultdict(list)
        self._order: list[Key] = []

    def take(self, key: Key, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._idle:
                self._order.remove(key)
                return self._pop(key, -1)
        return make()

    def _pop(self, key: Key, index: int) -> T:
        """A definition that is not used any more leaves nothing behind."""
        parts = self._idle[key]
        part = parts.pop(index)
        if not parts:
            del self._idle[key]
        return part

    def put_back(self, key: Key, part: T) -> None:
        with self._lock:
            self._idle[key].append(part)
            self._order.append(key)
            excess = self._pop(self._order.pop(0), 0) if len(self._order) > self._idle_max else None
        if excess is not None:
            excess.close()

    def clear(self) -> None:
        with self._lock:
            parts = [part for parts in self._idle.values() for part in parts]
            self._idle.clear()
            self._order.clear()
        for part in parts:
            part.close()


class KeptCompiler:
    """A ``LoadCompiler`` over another one. ``idle_max`` bounds how many unused decoders, and transformers, it keeps."""

    def __init__(self, compiler: LoadCompiler, *, idle_max: int = 8) -> None:
        self._compiler = compiler
        self._lock = threading.Lock()
        self._checked: set[Key] = set()
        self._decoders: _Shelf[Decoder] = _Shelf(idle_max)
        self._transformers: _Shelf[Transformer] = _Shelf(idle_max)

    def check(self, spec: LoadSpec, table: Table) -> None:
        key = (spec, table)
        if key in self._checked:
            return
        self._compiler.check(spec, table)
        with self._lock:
            if len(self._checked) >= _CHECKED_MAX:
                self._checked.clear()
            self._checked.add(key)

    def decoder(self, spec: LoadSpec, table: Table) -> Decoder:
        key = (spec, table)
        return _KeptDecoder(self._decoders, key, self._decoders.take(key, lambda: self._compiler.decoder(spec, table)))

    def transformer(self, spec: LoadSpec, table: Table) -> Transformer:
        key = (spec, table)
        made = self._transformers.take(key, lambda: self._compiler.transformer(spec, table))
        return _KeptTransformer(self._transformers, key, made)

    def close(self) -> None:
        """Close what nobody uses."""
        self._decoders.clear()
        self._transformers.clear()


class _Kept(Generic[T]):
    """A part on loan: ``close`` gives it back, or closes it where a call on it failed."""

    def __init__(self, shelf: _Shelf[T], key: Key, part: T) -> None:
        self._shelf = shelf
        self._key = key
        self._part = part
        self._sound = True

    def close(self) -> None:
        if self._sound:
            self._sound = False
            self._shelf.put_back(self._key, self._part)
        else:
            self._part.close()


class _KeptDecoder(_Kept[Decoder]):
    def prepare(self, payloads: Payloads) -> None:
        self._part.prepare(payloads)

    def decode(self, payloads: Payloads) -> Decoded:
        sound, self._sound = self._sound, False
        decoded = self._part.decode(payloads)
        self._sound = sound
        return decoded


class _KeptTransformer(_Kept[Transformer]):
    def transform(self, decoded: Decoded) -> Transformed:
        sound, self._sound = self._sound, False
        transformed = self._part.transform(decoded)
        self._sound = sound
        return transformed
