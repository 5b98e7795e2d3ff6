"""One HTTP/1.1 request and the conclusion on its answer (RFC 9112), on httptools' parser.

The conclusion comes as early as it can: at the end of the headers if no body is expected, at the expected text if
one is. What follows is not read, so an endless body costs nothing. Redirects are statuses like any other: a
check that followed one would probe somebody else.
"""

from __future__ import annotations

import httptools

from muster.model import limits, probe_rules
from muster.model.check import Answer
from muster.probe.conversation import Conclusion
from muster.registry.prober import HttpTarget

_SWITCHING_PROTOCOLS = 101
_TOO_MANY_REQUESTS = 429


class HttpConversation:
    __slots__ = ("_body", "_head_bytes", "_parser", "_request", "_status", "_target", "_wanted", "conclusion")

    def __init__(self, target: HttpTarget) -> None:
        self.conclusion: Conclusion | None = None
        self._target = target
        self._wanted = target.expect_body.encode() if target.expect_body and target.method == "GET" else b""
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self._status = 0  # of the final answer, once its headers are complete
        self._body = bytearray()
        self._request = b""
        if reason := _forbidden(target):
            self._conclude(Answer.FAILED, reason)
        else:
            self._request = _request(target)

    def opening(self) -> bytes:
        return self._request

    def hear(self, data: bytes) -> bytes:
        if self._parser is not None:
            self._parse(self._parser, data)
        return b""

    def hung_up(self) -> Conclusion:
        if self._status:  # without a length, the end of the connection is the end of the body (RFC 9112 6.3)
            return self._body_lacks()
        return Conclusion(Answer.FAILED, "closed the connection without an HTTP answer")

    def _parse(self, parser: httptools.HttpResponseParser, data: bytes) -> None:
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._conclude(Answer.FAILED, f"not an HTTP answer: {error}")
        if not self._status:
            self._head_bytes += len(data)
            if self._head_bytes > limits.PROBE_HEAD_BYTES:
                self._conclude(Answer.FAILED, f"headers over {limits.PROBE_HEAD_BYTES} bytes")

    def _conclude(self, answer: Answer, detail: str) -> None:
        """The first conclusion stands. The parser goes: it refers to us, and cycles are left to the collector."""
        if self.conclusion is None:
            self.conclusion = Conclusion(answer, detail)
            self._parser = None

    # What the parser calls, in the order of the message, and to the end of what it was fed.

    def on_headers_complete(self) -> None:
        if self._parser is None:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING_PROTOCOLS:
            return  # interim (RFC 9110 15.2): the answer is still to come
        self._status = status
        if not any(low <= status <= high for low, high in self._target.expect_status):
            warned = status == _TOO_MANY_REQUESTS
            self._conclude(Answer.WARNED if warned else Answer.FAILED, f"HTTP {status}")
        elif not self._wanted:
            self._conclude(Answer.ANSWERED, f"HTTP {status}")

    def on_body(self, data: bytes) -> None:
        seen = len(self._body)
        self._body += data[: limits.PROBE_BODY_BYTES - seen]
        if self._body.find(self._wanted, max(0, seen - len(self._wanted) + 1)) >= 0:
            self._conclude(Answer.ANSWERED, f"HTTP {self._status}, body as expected")
        elif len(self._body) >= limits.PROBE_BODY_BYTES:
            self._conclude(*self._body_lacks())

    def on_message_complete(self) -> None:
        if self._status:
            self._conclude(*self._body_lacks())

    def _body_lacks(self) -> Conclusion:
        return Conclusion(
            Answer.FAILED,
            f"HTTP {self._status}, but the expected text is not in the first {len(self._body)} bytes",
        )


def _forbidden(target: HttpTarget) -> str | None:
    """The rules of the model once more: nothing that breaks them gets onto the wire, whoever made the target."""
    if reason := probe_rules.forbidden_path(target.path):
        return f"path {reason}"
    for name, value in target.headers:
        if reason := probe_rules.forbidden_header(name) or probe_rules.forbidden_header_value(value):
            return f"header {name} {reason}"
    return None


def _request(target: HttpTarget) -> bytes:
    headers = {
        "host": authority(target.host, target.port, 443 if target.tls else 80),
        "user-agent": "muster-probe",
        "accept": "*/*",
        "accept-encoding": "identity",  # the expected text is looked for as it is
        "connection": "close",
    }
    headers.update((name.lower(), value) for name, value in target.headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{target.method} {target.path} HTTP/1.1\r\n{lines}\r\n".encode("ascii")


def authority(host: str, port: int, default_port: int) -> str:
    """RFC 3986 3.2: brackets around IPv6, no port if it is the scheme's own."""
    name = f"[{host}]" if ":" in host else host
    return name if port == default_port else f"{name}:{port}"
