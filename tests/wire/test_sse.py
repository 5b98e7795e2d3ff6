"""Server-sent events: what is framed is read, in whatever pieces it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.wire import sse
from muster.wire.sse import Message, Parser

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=20)


def test_a_frame() -> None:
    assert sse.frame("alive", b"{}", "e1:5") == b"id: e1:5\nevent: alive\ndata: {}\n\n"
    assert sse.frame("alive", b"{}") == b"event: alive\ndata: {}\n\n"


def test_a_chunk() -> None:
    assert sse.chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"


@given(st.lists(st.tuples(TEXT, TEXT, TEXT | st.just("")), max_size=5), st.data())
def test_what_is_framed_is_read_however_it_is_cut(
    told: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    sent = b"".join(sse.frame(name, body.encode(), id) for name, body, id in told)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    parser = Parser()
    read = [m for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True) for m in parser.feed(sent[a:b])]
    ids = [next((id for _, _, id in reversed(told[: n + 1]) if id), "") for n in range(len(told))]
    assert read == [Message(name, body.encode(), id) for (name, body, _), id in zip(told, ids, strict=True)]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b": a comment\n\n", []),
        (b"data: a\ndata: b\n\n", [Message("message", b"a\nb", "")]),
        (b"data:a\r\nevent:x\r\n\r\n", [Message("x", b"a", "")]),
        (b"event: x\n\ndata: a\n\n", [Message("message", b"a", "")]),
        (b"retry: 5\ndata\n\n", [Message("message", b"", "")]),
        (b"data: a\n", []),
    ],
)
def test_the_corners_of_the_standard(sent: bytes, read: list[Message]) -> None:
    assert Parser().feed(sent) == read


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 1_000_000, b"data: " + b"x" * 1_000_000 + b"\n"])
def test_an_event_without_end_is_too_long(piece: bytes) -> None:
    parser = Parser()
    with pytest.raises(sse.TooLong):
        [parser.feed(piece) for _ in range(20)]


def test_what_is_no_text_is_no_event() -> None:
    with pytest.raises(UnicodeDecodeError):
        Parser().feed(b"event: \xff\ndata: a\n\n")
