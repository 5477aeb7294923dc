"""Compressed bodies, read as they come: gzip, bzip2, LZ4 frames, Zstandard, deflate.

What is read is bounded by whoever reads, so that a small body that says it is a huge one costs no memory. Refuses to
know headers.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import Final

import pyarrow as pa

from routine_load.errors import LoadRejected, RoutineLoadError
from routine_load.formats.framing import Read

_PIECE: Final = 256 * 1024


class Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bz2"
    LZ4 = "lz4"
    ZSTD = "zstd"
    DEFLATE = "deflate"


def decompressed(read: Read, compression: Compression) -> Read:
    """The plain bytes. What it gives raises LoadRejected for a body that is not what it says."""
    if compression is Compression.NONE:
        return read
    if compression is Compression.DEFLATE:
        return _Deflated(read).read
    return _Streamed(read, compression).read


class _Source:
    """The compressed bytes as a file for Arrow; what its reader raised is kept, as Arrow would not tell of it."""

    closed = False

    def __init__(self, read: Read) -> None:
        self._read = read
        self.failed: BaseException | None = None

    def read(self, size: int = _PIECE) -> bytes:
        try:
            return self._read(min(size if size >= 0 else _PIECE, _PIECE))
        except BaseException as error:
            self.failed = error
            raise

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        return None


class _Streamed:
    def __init__(self, read: Read, compression: Compression) -> None:
        self._source = _Source(read)
        self._compression = compression
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._source, mode="r"), str(compression))

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._stream.read(size))
        except (OSError, pa.ArrowException) as error:
            failed = self._source.failed
            if isinstance(failed, RoutineLoadError):
                raise failed from error
            raise LoadRejected(f"The body cannot be decompressed as {self._compression}") from error


class _Deflated:
    """With the header of zlib, or raw."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._inflater: zlib._Decompress | None = None
        self._waiting = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        try:
            while True:
                if self._ended:
                    return b""
                data = self._waiting or self._read(_PIECE)
                if not data:
                    if self._inflater is None:
                        return b""
                    raise LoadRejected("The body ends in the middle of its compressed data")
                plain = self._inflate(data, size)
                if plain:
                    return plain
        except zlib.error as error:
            raise LoadRejected("The body cannot be decompressed as deflate") from error

    def _inflate(self, data: bytes, size: int) -> bytes:
        if self._inflater is None:
            has_header = data[0] & 0x0F == 8 and (len(data) < 2 or (data[0] * 256 + data[1]) % 31 == 0)
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        plain = self._inflater.decompress(data, size)
        self._waiting = self._inflater.unconsumed_tail
        self._ended = self._inflater.eof
        return plain
