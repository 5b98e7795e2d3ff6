"""Bytes that are compressed once per change, and joined for each answer.

A gzip stream is a header, any number of deflate blocks, and a checksum (RFC 1952, RFC 1951). Pieces that were compressed apart and
flushed to a byte's end are blocks one after the other: whoever inflates the whole never knows that only one service of a
hundred was compressed since the last answer.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Final

LEVEL: Final = 5
"""Twice as fast as zlib's own choice, and 3 % longer."""
_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_END: Final = b"\x03\x00"
"""A last block with nothing in it."""


class Piece:
    """Part of a body. Compressed by the first who asks."""

    __slots__ = ("_packed", "plain")

    def __init__(self, plain: bytes) -> None:
        self.plain = plain
        self._packed = b""

    @property
    def packed(self) -> bytes:
        """As deflate blocks, the last of them not the stream's last."""
        if not self._packed:
            stream = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            self._packed = stream.compress(self.plain) + stream.flush(zlib.Z_FULL_FLUSH)
        return self._packed

    def __len__(self) -> int:
        return len(self.plain)


def plain(pieces: Iterable[Piece]) -> bytes:
    return b"".join(piece.plain for piece in pieces)


def gzipped(pieces: Iterable[Piece]) -> bytes:
    blocks, checksum, size = [_HEAD], 0, 0
    for piece in pieces:
        blocks.append(piece.packed)
        checksum = zlib.crc32(piece.plain, checksum)
        size += len(piece)
    return b"".join((*blocks, _END, struct.pack("<II", checksum, size & 0xFFFFFFFF)))
