"""The HTTP conversation by itself: bytes in, a conclusion out."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.probe.asking import http

from muster.model.check import Answer
from muster.probe.conversation import Conclusion
from muster.probe.http import HttpConversation, authority
from muster.registry.prober import HttpTarget

OK = b"HTTP/1.1 200 OK\r\n"
WELL = http(expect_body="well")


def conclusion(target: HttpTarget, *pieces: bytes) -> Conclusion | None:
    conversation = HttpConversation(target)
    conversation.opening()
    for piece in pieces:
        conversation.hear(piece)
    return conversation.conclusion


@pytest.mark.parametrize(
    ("target", "heard", "expected"),
    [
        (http(), OK + b"\r\n", (Answer.ANSWERED, "HTTP 200")),
        (http(), b"HTTP/1.0 204 No Content\r\n\r\n", (Answer.ANSWERED, "HTTP 204")),
        (
            http(),
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"\r\n",
            (Answer.ANSWERED, "HTTP 200"),
        ),
        (
            http(),
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            (Answer.FAILED, "HTTP 101"),
        ),
        (
            http(expect_status=((404, 404), (500, 599))),
            b"HTTP/1.1 404 No\r\n\r\n",
            (Answer.ANSWERED, "HTTP 404"),
        ),
        (http(expect_status=((429, 429),)), b"HTTP/1.1 429 No\r\n\r\n", (Answer.ANSWERED, "HTTP 429")),
        (http(expect_status=((404, 404),)), OK + b"\r\n", (Answer.FAILED, "HTTP 200")),
        (
            http(method="HEAD", expect_body="x"),
            OK + b"Content-Length: 9\r\n\r\n",
            (Answer.ANSWERED, "HTTP 200"),
        ),
        (WELL, OK + b"\r\nall is well, and more", (Answer.ANSWERED, "HTTP 200, body as expected")),
        (
            WELL,
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n",
            (Answer.ANSWERED, "HTTP 200, body as expected"),
        ),
        (
            WELL,
            OK + b"Content-Length: 3\r\n\r\nill",
            (Answer.FAILED, "HTTP 200, but the expected text is not in the first 3 bytes"),
        ),
        (
            WELL,
            b"HTTP/1.1 204 No Content\r\n\r\n",
            (Answer.FAILED, "HTTP 204, but the expected text is not in the first 0 bytes"),
        ),
        (
            http(expect_body="grün"),
            OK + b"\r\n" + "grün".encode(),
            (Answer.ANSWERED, "HTTP 200, body as expected"),
        ),
        (http(), OK + b"X: unfinished", None),
        (WELL, OK + b"\r\nall is", None),
    ],
)
def test_conclusions(target: HttpTarget, heard: bytes, expected: tuple[Answer, str] | None) -> None:
    assert conclusion(target, heard) == expected


@given(st.data())
def test_how_an_answer_is_cut_into_pieces_makes_no_difference(data: st.DataObject) -> None:
    whole = OK + b"Content-Length: 20\r\n\r\n" + b"all in all it is well"[:20].ljust(20, b".")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    target = http(expect_body="it is we")
    assert (
        conclusion(target, *pieces)
        == conclusion(target, whole)
        == (Answer.ANSWERED, "HTTP 200, body as expected")
    )


@given(st.lists(st.binary(max_size=200), max_size=5), st.booleans())
@example([OK + b"\r\n", b"\x00" * 200], True)
@example([b"HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\n", b"more"], True)
def test_whatever_it_hears_it_does_not_raise(pieces: list[bytes], begins_well: bool) -> None:
    prefixed = [OK, *pieces] if begins_well else pieces
    conversation = HttpConversation(WELL)
    for piece in prefixed:
        assert conversation.hear(piece) == b""
    assert conversation.hung_up().answer is Answer.FAILED


def test_text_beyond_the_first_64_kib_is_not_seen() -> None:
    head = OK + b"\r\n"
    assert conclusion(WELL, head, b"." * 65_532 + b"well") == (Answer.ANSWERED, "HTTP 200, body as expected")
    late = conclusion(WELL, head, b"." * 65_533 + b"well")
    assert late == (Answer.FAILED, "HTTP 200, but the expected text is not in the first 65536 bytes")


def test_an_expected_text_cut_off_by_the_end_of_the_connection() -> None:
    conversation = HttpConversation(WELL)
    conversation.hear(OK + b"\r\nall is we")
    assert conversation.hung_up() == (
        Answer.FAILED,
        "HTTP 200, but the expected text is not in the first 9 bytes",
    )


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("10.0.0.1", 80, "10.0.0.1"),
        ("10.0.0.1", 8080, "10.0.0.1:8080"),
        ("fd00::1", 80, "[fd00::1]"),
        ("fd00::1", 8080, "[fd00::1]:8080"),
    ],
)
def test_authority(host: str, port: int, expected: str) -> None:
    assert authority(host, port, 80) == expected
