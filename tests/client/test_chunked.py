"""A chunked body, taken apart as it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.client.chunked import Dechunker, Malformed
from muster.wire import sse


@given(st.lists(st.binary(min_size=1, max_size=40)), st.integers(1, 7))
def test_however_it_is_cut_the_body_is_the_same(chunks: list[bytes], step: int) -> None:
    wire = b"".join(map(sse.chunk, chunks)) + sse.LAST_CHUNK
    dechunker = Dechunker()
    body = b"".join(dechunker.feed(wire[at : at + step]) for at in range(0, len(wire), step))
    assert (body, dechunker.ended) == (b"".join(chunks), True)


def test_an_extension_is_passed_over() -> None:
    assert Dechunker().feed(b"3;x=1\r\nabc\r\n") == b"abc"


@pytest.mark.parametrize(
    "wire",
    [b"xyz\r\n", b"-3\r\nabc\r\n", b"3\r\nabcd\r\n", b"f" * 300],
    ids=["word", "negative", "longer", "endless"],
)
def test_what_is_not_chunked_is_refused(wire: bytes) -> None:
    with pytest.raises(Malformed):
        Dechunker().feed(wire)
