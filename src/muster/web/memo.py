"""What the connections of a server know by heart: answers by the exact bytes of their requests, and headers by the lines that said them.

Only heads without a body that were parsed and judged before are kept, so the same bytes deserve the same judgement.
"""

from __future__ import annotations

import re

from muster.model import limits
from muster.web.known import Known
from muster.web.message import Headers

TERMINATOR = b"\r\n\r\n"
REQUEST_LINE = re.compile(rb"(GET|HEAD|PUT|POST) (/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*) HTTP/1\.1")
"""A request line without anything unusual; others are for the parser (RFC 9112 section 3, RFC 3986 section 3.3)."""


class Memo:
    """`answers` by a whole head, `headers` by its lines after the first. Each has a bound, at which it begins anew."""

    def __init__(self) -> None:
        self.answers: dict[bytes, Known] = {}
        self.headers: dict[bytes, Headers] = {}

    def read(self, data: bytes) -> tuple[str, bytes, Headers] | None:
        """Method, URL and headers of a request whose header lines are known to promise no body and no end of the connection."""
        line, _, lines = data.partition(b"\r\n")
        headers = self.headers.get(lines)
        if headers is None or len(line) > limits.URL_BYTES:
            return None
        asked = REQUEST_LINE.fullmatch(line)
        return None if asked is None else (asked[1].decode("ascii"), asked[2], headers)

    def keep_answer(self, data: bytes, known: Known) -> None:
        if _one_head(data) and len(data) <= limits.MEMO_HEAD_BYTES:
            if len(self.answers) >= limits.MEMO_REQUESTS:
                self.answers.clear()
            self.answers[data] = known

    def keep_headers(self, data: bytes, headers: Headers) -> None:
        """The header lines of `data` mean `headers`, and the connection stays."""
        _, _, lines = data.partition(b"\r\n")
        if _one_head(data) and len(lines) <= limits.MEMO_HEAD_BYTES:
            if len(self.headers) >= limits.MEMO_REQUESTS:
                self.headers.clear()
            self.headers[lines] = tuple(headers)

    def forget_answers(self, reason: str) -> None:
        """Another history of the registry began, which counts revisions anew."""
        self.answers.clear()


def _one_head(data: bytes) -> bool:
    """Whether `data` is one whole head without a body, as far as its bytes tell."""
    return data.endswith(TERMINATOR) and data.count(TERMINATOR) == 1
