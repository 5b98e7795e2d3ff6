"""One connection. uvicorn's httptools protocol, with three things put before its ASGI path:

    memo     a look-up whose exact bytes were answered before is answered again without parsing: the head was
             judged then, and the same bytes deserve the same judgement
    hot      heartbeats, look-ups and streams are answered inside the parser's callbacks, without a task
    bounds   head, header count, URL, body, idle time and request time

Everything else goes on to ASGI (`asgi.py`), with the same router, gate and handlers.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from muster.httpapi.message import Request, encode, refusal
from muster.httpapi.router import Match
from muster.httpapi.service import Lookup, Service, Stream
from muster.model import limits
from muster.model.errors import Rejected, Unavailable

TERMINATOR = b"\r\n\r\n"


class Refused(Exception):
    """The request was refused before it was whole; the connection cannot be read further."""


class MusterProtocol(HttpToolsProtocol):
    """`service` is set by `bound_to`: uvicorn makes protocols itself."""

    service: Service

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.cycle: RequestResponseCycle | None = None  # type: ignore[assignment]
        self.stream: Stream | None = None
        self.peer = ""
        self.source = ""
        self.polled: set[Any] = set()
        self.touched = 0.0
        self.begun = 0.0
        self._head_bytes = 0
        self._body_bytes = 0
        self._match: Match | None = None
        self._hot = False
        self._chunks: list[bytes] = []
        self._in_head = False
        self._refused = False
        self._whole = b""

    # --- Connection -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host, port = self.client or ("local", 0)
        self.source = host
        self.peer = f"{host}:{port}"
        self.touched = self.begun = self.service.seconds
        if not self.service.admit(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.service.forget(self)
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.lost()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        if self.stream is not None:
            self.stream.full()
        super().pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.stream is not None:
            self.stream.writable()

    @property
    def idle(self) -> bool:
        """True between requests: nothing half-read, nothing half-answered."""
        return (
            self.begun == 0.0 and (self.cycle is None or self.cycle.response_complete) and self.stream is None
        )

    # --- Reading ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        service = self.service
        if self.begun == 0.0:
            lookup = service.memo.get(data)
            if lookup is not None and (self.cycle is None or self.cycle.response_complete):
                self.touched = service.seconds
                self.transport.write(lookup.answer())
                return
        if self.stream is not None:
            return  # A stream's reader has nothing more to say.
        self._whole = data if self.begun == 0.0 else b""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        self._whole = b""
        if self._in_head and self._head_bytes > limits.HEAD_BYTES and not self._refused:
            self._tell(Rejected("head_too_large", f"a head has at most {limits.HEAD_BYTES} bytes"))
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """The parser gave up: because of what it read, or because a callback refused to read on."""
        if not self._refused:
            self._tell(Rejected("invalid_request", "this is no HTTP request"))
        self.transport.close()

    def on_message_begin(self) -> None:
        self.begun = self.service.seconds
        self._in_head = True
        self._head_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._match = None
        self._hot = False
        self._chunks = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > limits.URL_BYTES:
            self._refuse(Rejected("head_too_large", f"a URL has at most {limits.URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        self._head_bytes += len(name) + len(value)
        if len(self.headers) > limits.HEADERS or self._head_bytes > limits.HEAD_BYTES:
            told = f"a head has at most {limits.HEADERS} headers and {limits.HEAD_BYTES} bytes"
            self._refuse(Rejected("head_too_large", told))

    def on_headers_complete(self) -> None:
        self._in_head = False
        method = self.parser.get_method().decode("ascii")
        raw_path, _, _ = self.url.partition(b"?")
        try:
            self._match = self.service.router.match(method, raw_path.decode("latin-1"))
        except Rejected:
            self._go_cold()  # The ASGI path says what is wrong, after the body.
            return
        ready = self.cycle is None or self.cycle.response_complete
        if self._match.route.hot is None or not ready or self.expect_100_continue:
            self._go_cold()
        else:
            self._hot = True

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        limit = self._match.route.body_limit if self._match else limits.BODY_BYTES
        if self._body_bytes > limit:
            self._refuse(Rejected("body_too_large", f"a body here has at most {limit} bytes"))
        if self._hot:
            self._chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.touched = self.service.seconds
        self.begun = 0.0
        self._head_bytes = 0
        if not self._hot:
            super().on_message_complete()
            return
        self._hot = False
        assert self._match is not None
        answered = self._answer_hot(self._match)
        if not answered:
            self._go_cold()
            for chunk in self._chunks:
                super().on_body(chunk)
            super().on_message_complete()

    # --- Answering --------------------------------------------------------------------------------------------------

    def _answer_hot(self, match: Match) -> bool:
        """Answer now; False if the handler needs to wait."""
        request = self._request(match)
        try:
            self.service.gate.check(request.method, request.headers, body=bool(request.body))
            assert match.route.hot is not None
            answer = match.route.hot(request)
        except (Rejected, Unavailable) as error:
            self.service.count_refusal(error)
            answer = refusal(error)
        if answer is None:
            return False
        keep = self.parser.should_keep_alive() and self.parser.get_http_version() == "1.1"
        if isinstance(answer, Stream):
            self._take_over(answer)
            return True
        if isinstance(answer, Lookup):
            if keep and request.method == "GET" and _one_head(self._whole):
                self.service.remember(self._whole, answer)
            self.transport.write(answer.answer() if keep else answer.closing())
        else:
            head_only = request.method == "HEAD"
            self.transport.write(encode(answer, self.service.date, close=not keep, head_only=head_only))
        if not keep:
            self.transport.close()
        return True

    def _request(self, match: Match) -> Request:
        path, _, query = self.url.partition(b"?")
        method = self.parser.get_method().decode("ascii")
        body = b"".join(self._chunks)
        return Request(method, path.decode("latin-1"), query, self.headers, body, match.params, self)

    def _go_cold(self) -> None:
        """Hand the request to uvicorn's ASGI path, as if it had parsed it."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = expects
        self.scope["muster.connection"] = self  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()

    def _refuse(self, error: Rejected) -> None:
        """Refuse a request that is not whole yet: what follows on this connection cannot be told apart from it."""
        self._tell(error)
        raise Refused

    def _tell(self, error: Rejected) -> None:
        self._refused = True
        self.service.count_refusal(error)
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(encode(refusal(error), self.service.date, close=True))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _take_over(self, stream: Stream) -> None:
        self.stream = stream
        self.transport.set_write_buffer_limits(high=limits.STREAM_BUFFER_BYTES)
        stream.start(self.transport, self.service.date)

    # --- The server's side of the end -------------------------------------------------------------------------------

    def shutdown(self) -> None:
        if self.stream is not None:
            self.stream.go_away("this registry is shutting down")
        super().shutdown()


def _one_head(data: bytes) -> bool:
    """Whether `data` is one whole head without a body, as far as its bytes tell."""
    return data.endswith(TERMINATOR) and data.count(TERMINATOR) == 1


def bound_to(service: Service) -> type[MusterProtocol]:
    """The protocol class for uvicorn's configuration."""
    return type("BoundProtocol", (MusterProtocol,), {"service": service})
