"""Pieces compressed apart are one gzip stream."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from muster.eureka.pieces import Piece, gzipped, plain


@given(st.lists(st.binary(max_size=500), max_size=8))
def test_whoever_inflates_them_finds_them_joined(parts: list[bytes]) -> None:
    pieces = [Piece(part) for part in parts]
    stream = zlib.decompressobj(31)
    assert stream.decompress(gzipped(pieces)) == plain(pieces) == b"".join(parts)
    assert (stream.eof, stream.unused_data) == (True, b"")
    assert gzip.decompress(gzipped(pieces)) == b"".join(parts)
